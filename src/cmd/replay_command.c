/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd replay`: makes the calls of a trace again. By default it runs itself, with --native, on
 * the machine that the trace was recorded on: the calls are ordinary ones, so they go to whatever
 * is behind /dev/iommu.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "cmd/cmd.h"
#include "cmd/replay.h"

enum {
	MAX_WORDS = 512,
	DIFFERS = 1, /* the exit status if an answer differs */
};

struct options {
	struct replay replay;
	bool native;
	const char *file;
	char **words; /* as they were given */
};

static bool take_pid(const char *word, uint32_t *pid)
{
	char *end;
	unsigned long value = strtoul(word, &end, 10);

	*pid = (uint32_t)value;
	return !*end && value && value <= INT32_MAX;
}

/* "RECORDED=NOW" */
static bool take_path(struct replay *replay, const char *word)
{
	const char *equals = strchr(word, '=');

	if (!equals || replay->path_count == REPLAY_PATHS)
		return false;
	replay->paths[replay->path_count++] = (struct replay_path){
		.recorded = word,
		.recorded_len = (size_t)(equals - word),
		.now = equals + 1,
	};
	return true;
}

/* Takes one word at *@args. */
static bool take_word(struct options *options, char ***args)
{
	bool missing = false;
	const char *value;

	if (strcmp(**args, "--native") == 0) {
		options->native = true;
		return true;
	}
	value = cmd_option_value(args, "--pid", &missing);
	if (value)
		return !missing && take_pid(value, &options->replay.pid);
	value = cmd_option_value(args, "--open", &missing);
	if (value)
		return !missing && take_path(&options->replay, value);
	if (options->file || (**args)[0] == '-')
		return false;
	options->file = **args;
	return true;
}

static int take_options(struct options *options, char **args)
{
	options->words = args;
	for (; *args; args++)
		if (!take_word(options, &args))
			break;
	if (!*args && options->file)
		return CMD_OK;
	cmd_complain("replay what? Usage: uiommufd replay [--native] [--pid PID] "
		     "[--open RECORDED=NOW]... TRACE");
	return CMD_USAGE;
}

/* ---- on the machine of the trace ---- */

static bool ignore(const struct trace_item *item, void *arg)
{
	(void)item;
	(void)arg;
	return false;
}

/* Runs `uiommufd run MACHINE... -- uiommufd replay --native ...`. */
static int run_again(const struct options *options)
{
	static char self[PATH_MAX];
	static char *words[MAX_WORDS + 8];
	struct json_object *header, *machine;
	size_t count = 0;
	ssize_t len;
	int status = trace_read(options->file, &header, ignore, NULL);

	if (status)
		return status;
	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len > 0 ? len : 0] = '\0';
	if (json_object_object_get_ex(header, "machine", &machine))
		for (size_t i = 0; i < json_object_array_length(machine) && count < MAX_WORDS / 2;
		     i++)
			words[count++] = (char *)(uintptr_t)json_object_get_string(
				json_object_array_get_idx(machine, i));
	/* Refusals were reported when they were recorded; leaks are not those of a program. */
	words[count++] = (char *)"--quiet";
	words[count++] = (char *)"--";
	words[count++] = self;
	words[count++] = (char *)"replay";
	words[count++] = (char *)"--native";
	for (char **word = options->words; *word && count < MAX_WORDS; word++)
		words[count++] = *word;
	words[count] = NULL;
	return cmd_run(words); /* the header lives as long */
}

int cmd_replay(char **args)
{
	static struct options options = {.replay = {.calls = 0}};
	struct replay *replay = &options.replay;
	int status = take_options(&options, args);

	if (status)
		return status;
	if (!options.native)
		return run_again(&options);
	replay->out = stdout;
	status = trace_read(options.file, NULL, replay_visit, replay);
	if (status)
		return status;
	printf("%" PRIu64 " calls of process %" PRIu32 ": ", replay->calls, replay->pid);
	if (replay->differing)
		printf("%" PRIu64 " differ\n", replay->differing);
	else
		printf("all answers are the same\n");
	if (replay->skipped)
		printf("%" PRIu64 " calls cannot be made again\n", replay->skipped);
	if (replay->others)
		printf("%" PRIu64 " calls of other processes were left out: --pid\n",
		       replay->others);
	return replay->differing ? DIFFERS : CMD_OK;
}
