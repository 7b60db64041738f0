/* SPDX-License-Identifier: MIT */
/* What describes the machine is noted for traces, which say how to make the same one again. */
#include "cmd/run_options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/limit.h"
#include "cmd/run_reports.h"
#include "cmd/run_watch.h"
#include "preload/start/layout.h"

static int unknown_option(const char *option)
{
	cmd_complain("run has no option \"%s\"; there are: --iommu, --device, "
		     "--container, --no-iommufd, --mock, --shared, --join, --memlock, --hostile, "
		     "%s, and those "
		     "of "
		     "reports: %s",
		     option, run_watch_options(), run_reports_options());
	return CMD_USAGE;
}

static int take_memlock(struct run_options *options, const char *word)
{
	options->limits = limit_parse(word, &options->memlock);
	if (options->limits) {
		run_watch_note("--memlock", word);
		return CMD_OK;
	}
	cmd_complain("\"%s\" is no limit; it is \"unlimited\", or bytes: 65536, 64K, 8M, 2G", word);
	return CMD_USAGE;
}

static int take_container(struct machine *machine, const char *word)
{
	if (machine_set_container(machine, word)) {
		run_watch_note("--container", word);
		return CMD_OK;
	}
	cmd_complain("\"%s\" is no container; there are: type1, iommufd, none", word);
	return CMD_USAGE;
}

/* Those without a value. False: it is none of them. */
static bool take_word(struct run_options *options, const char *option)
{
	if (strcmp(option, "--mock") == 0)
		machine_set_mock(options->machine, true);
	else if (strcmp(option, "--no-iommufd") == 0)
		machine_set_iommufd(options->machine, false);
	else
		return false;
	run_watch_note(option, NULL);
	return true;
}

/* Adds what @value says to the machine, or complains. */
static int add(struct machine *machine, const char *option, const char *value,
	       int (*what)(struct machine *machine, const char *text, char *error, size_t size))
{
	char error[512] = "";
	int rc = what(machine, value, error, sizeof(error));

	if (rc) {
		cmd_complain("%s", error[0] ? error : strerror(-rc));
		return CMD_USAGE;
	}
	run_watch_note(option, value);
	return CMD_OK;
}

bool run_options_take_machine(struct run_options *options, char ***args, int *status)
{
	struct machine *machine = options->machine;
	const char *option = **args;
	bool missing = false;
	const char *value;

	*status = CMD_OK;
	if (take_word(options, option))
		return true;
	if ((value = cmd_option_value(args, "--container", &missing)) && !missing)
		*status = take_container(machine, value);
	else if (!value && (value = cmd_option_value(args, "--memlock", &missing)) && !missing)
		*status = take_memlock(options, value);
	else if (!value && (value = cmd_option_value(args, "--iommu", &missing)) && !missing)
		*status = add(machine, "--iommu", value, machine_add_iommu);
	else if (!value && (value = cmd_option_value(args, "--device", &missing)) && !missing)
		*status = add(machine, "--device", value, machine_add_device);
	else if (!value && (value = cmd_option_value(args, "--hostile", &missing)) && !missing)
		*status = add(machine, "--hostile", value, machine_set_hostile);
	else if (!value)
		return false;
	if (missing) {
		cmd_complain("%s needs a value; `uiommufd list` names them", option);
		*status = CMD_USAGE;
	}
	return true;
}

/* Takes one option at *@args. */
static int take_option(struct run_options *options, char ***args)
{
	const char *option = **args;
	bool missing = false;
	const char *value;
	int status;

	if ((value = cmd_option_value(args, "--join", &missing)) && !missing) {
		options->join = value;
		return CMD_OK;
	}
	if (missing) {
		cmd_complain("--join needs the name of a machine");
		return CMD_USAGE;
	}
	options->has_others = true;
	if (run_reports_take(args, &status) || run_watch_take(args, &status) ||
	    run_options_take_machine(options, args, &status))
		return status;
	if (strcmp(option, "--shared") == 0) {
		options->shared = true;
		run_watch_note(option, NULL);
		return CMD_OK;
	}
	return unknown_option(option);
}

/* Takes the options in the variable, separated by blanks. Those of the command line come later. */
int run_options_take_environment(struct run_options *options)
{
	static char *words[256], *text; /* options point into it as long as the process lives */
	const size_t max = sizeof(words) / sizeof(words[0]) - 1;
	const char *variable = getenv("UIOMMUFD_OPTIONS");
	size_t count = 0;
	char *rest, *word;
	int status;

	text = variable ? strdup(variable) : NULL;
	rest = text;
	while (count < max && (word = strsep(&rest, " \t\n")))
		if (*word)
			words[count++] = word;
	for (char **next = words; *next; ++next) {
		status = take_option(options, &next);
		if (status)
			return status;
	}
	return CMD_OK;
}

/* Leaves *@args at the program. */
int run_options_take(struct run_options *options, char ***args)
{
	int status;

	options->has_others = false;
	for (; **args && (**args)[0] == '-'; ++*args) {
		if (strcmp(**args, "--") == 0) {
			++*args;
			break;
		}
		status = take_option(options, args);
		if (status)
			return status;
	}
	if (options->join && options->has_others) {
		cmd_complain("a machine that is joined is as it is: --join and no other option");
		return CMD_USAGE;
	}
	if (**args)
		return CMD_OK;
	cmd_complain(
		"run which program? Usage: uiommufd run [OPTION]... [--] PROGRAM [ARGUMENT]...");
	return CMD_USAGE;
}

void run_options_fill(const struct run_options *options, struct tree *tree)
{
	if (options->limits)
		tree_text(tree, "/" LAYOUT_MEMLOCK, 0444, "%" PRIu64 "\n", options->memlock);
}
