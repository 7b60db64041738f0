/* SPDX-License-Identifier: MIT */
/* The `uiommufd` command: finds the subcommand. */
#include <stdio.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/config.h"

#define COMMANDS                                                                             \
	"run, machine, list, show, top, lookup, dump, plug, unplug, serve, trace, profile, " \
	"replay, "                                                                           \
	"doctor, "                                                                           \
	"--help, --version"

/* Subcommands that print to standard output. */
static const struct {
	const char *name;
	int (*run)(char **args);
} printers[] = {
	{"list", cmd_list},	{"show", cmd_show},	{"lookup", cmd_lookup},
	{"top", cmd_top},	{"dump", cmd_dump},	{"plug", cmd_plug},
	{"unplug", cmd_unplug}, {"trace", cmd_trace},	{"profile", cmd_profile},
	{"replay", cmd_replay}, {"doctor", cmd_doctor}, {"machine", cmd_machine},
};

static int finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CMD_OK;
	cmd_complain("cannot write: %m");
	return CMD_FAILED;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : NULL;

	if (!what) {
		cmd_complain("what to do? There are: " COMMANDS);
		return CMD_USAGE;
	}
	if (argc > 2 && help_wanted(argv[2]) && help_print(what))
		return finish_output();
	if (strcmp(what, "run") == 0)
		return cmd_run(argv + 2);
	if (strcmp(what, "serve") == 0)
		return cmd_serve(argv + 2);
	for (size_t i = 0; i < sizeof(printers) / sizeof(printers[0]); i++) {
		int status;

		if (strcmp(what, printers[i].name) != 0)
			continue;
		status = printers[i].run(argv + 2);
		return status ? status : finish_output();
	}
	if (help_wanted(what) || strcmp(what, "help") == 0) {
		if (argc < 3 || !help_print(argv[2]))
			(void)help_print("");
		return finish_output();
	}
	if (strcmp(what, "--version") == 0) {
		puts("uiommufd " CONFIG_VERSION);
		return finish_output();
	}
	cmd_complain("\"%s\" is no command; there are: " COMMANDS, what);
	return CMD_USAGE;
}
