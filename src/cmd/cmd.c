/* SPDX-License-Identifier: MIT */
/* What all subcommands share: options, messages and how a process ends. */
#include "cmd/cmd.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *cmd_option_value(char ***args, const char *name, bool *missing)
{
	const char *arg = **args;
	size_t len = strlen(name);

	if (strncmp(arg, name, len) != 0)
		return NULL;
	if (arg[len] == '=')
		return arg + len + 1;
	if (arg[len] != '\0')
		return NULL;
	*missing = !(*args)[1];
	return *missing ? arg : *++*args;
}

bool cmd_absolute(const char *name, char path[PATH_MAX])
{
	char here[PATH_MAX];

	if (name[0] == '/')
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
	return getcwd(here, sizeof(here)) &&
	       snprintf(path, PATH_MAX, "%s/%s", here, name) < PATH_MAX;
}

void cmd_complain(const char *format, ...)
{
	char line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "uiommufd: %s\n", line);
}

#if defined(COVERAGE)
extern void __gcov_dump(void);
#endif

void cmd_leave(int status)
{
#if defined(COVERAGE)
	__gcov_dump(); /* as exit() does */
#endif
	_exit(status);
}
