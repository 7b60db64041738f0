/* SPDX-License-Identifier: MIT */
/* The options are checked here, and passed on as lines that the program's processes read. */
#include "cmd/run_reports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/run_watch.h"
#include "cmd/symbol_server.h"
#include "preload/start/layout.h"
#include "report/report_settings.h"

static struct report_settings settings;
static bool initialised;
static struct symbol_server names = {.listener = -1};
static char lines[8 * PATH_MAX]; /* for the program's processes */

const char *run_reports_options(void)
{
	return "--reports, --explain, --advice, --leaks, --double-fetch, --stacks, --history, "
	       "--summary, --quiet, --break, --error-exitcode, --suppressions, --gen-suppressions, "
	       "--max-reports, "
	       "--log-file, "
	       "--report";
}

/* Appends "NAME=VALUE" or "NAME". False: there are too many. */
static bool add_line(const char *name, const char *value)
{
	const size_t used = strlen(lines);
	int len = snprintf(lines + used, sizeof(lines) - used, "%s%s%s\n", name, value ? "=" : "",
			   value ? value : "");

	return len >= 0 && (size_t)len < sizeof(lines) - used;
}

static bool is_file(const char *name)
{
	return strcmp(name, "log-file") == 0 || strcmp(name, "report") == 0 ||
	       strcmp(name, "suppressions") == 0;
}

/* Whether @path can be made, or written if it is there: a process opens it when it has to. */
static bool can_be_made(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];

	if (access(path, F_OK) == 0)
		return access(path, W_OK) == 0;
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		 slash ? path : ".");
	return access(folder, W_OK | X_OK) == 0;
}

/* What cannot be used is better known before the program runs. */
static int check_file(const char *name, const char *path)
{
	int fd = -1;

	if (strcmp(name, "log-file") == 0) {
		if (can_be_made(path))
			return CMD_OK;
		cmd_complain("%s: %s", path, strerror(errno));
		return CMD_USAGE;
	}
	if (strcmp(name, "report") == 0)
		fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	else if (strcmp(name, "suppressions") == 0)
		fd = open(path, O_RDONLY | O_CLOEXEC);
	else
		return CMD_OK;
	if (fd < 0) {
		cmd_complain("%s: %s", path, strerror(errno));
		return CMD_USAGE;
	}
	close(fd);
	return CMD_OK;
}

static int take(const char *name, const char *value)
{
	char why[256] = "", space[PATH_MAX];

	if (!initialised)
		report_settings_init(&settings);
	initialised = true;
	if (value && value[0] && is_file(name) && cmd_absolute(value, space))
		value = space;
	if (report_settings_set(&settings, name, value, why, sizeof(why))) {
		cmd_complain("%s", why);
		return CMD_USAGE;
	}
	if (!add_line(name, value)) {
		cmd_complain("too many options");
		return CMD_USAGE;
	}
	return value ? check_file(name, value) : CMD_OK;
}

bool run_reports_take(char ***args, int *status)
{
	const char *arg = **args, *value;
	bool wants_value;
	char name[64];
	size_t len;

	if (strncmp(arg, "--", 2) != 0)
		return false;
	arg += 2;
	len = strcspn(arg, "=");
	if (len >= sizeof(name))
		return false;
	memcpy(name, arg, len);
	name[len] = '\0';
	if (!report_settings_has(name, &wants_value))
		return false;
	value = arg[len] == '=' ? arg + len + 1 : NULL;
	if (!value && wants_value && (*args)[1])
		value = *++*args;
	*status = take(name, value);
	return true;
}

void run_reports_fill(struct tree *tree)
{
	char path[PATH_MAX];

	if (!initialised)
		report_settings_init(&settings);
	tree_text(tree, "/" LAYOUT_REPORTS, 0444, "%s", lines);
	tree_text(tree, "/" LAYOUT_REPORTED, 0666, "%s", "");
	if (tree->error || ((!settings.reports || !settings.stacks) && !run_watch_wants_names()))
		return;
	tree_real_path(tree, "/" LAYOUT_SYMBOLS, path);
	/* Without it stacks have files and offsets. */
	(void)symbol_server_open(&names, path);
}

int run_reports_names(void)
{
	return names.listener;
}

void run_reports_serve_names(void)
{
	symbol_server_start(&names);
}

void run_reports_leave_names(void)
{
	symbol_server_forget(&names);
}

int run_reports_judge(const struct tree *tree, int status)
{
	char path[PATH_MAX];
	struct stat reported;

	if (!settings.exitcode)
		return status;
	tree_real_path(tree, "/" LAYOUT_REPORTED, path);
	if (stat(path, &reported) || !reported.st_size)
		return status;
	return (int)settings.exitcode << 8;
}
