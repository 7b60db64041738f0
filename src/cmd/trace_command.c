/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd trace`: prints a trace that was recorded, or runs a program and prints what it does.
 *
 * A run is that of `uiommufd run --trace` with a file that nobody sees, which a second process
 * follows while it is written.
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/run_watch.h"
#include "cmd/trace_print.h"

enum {
	MAX_WORDS = 1024, /* of the command line of the run */
	PAUSE_MS = 20,	  /* between two looks at the file */
};

struct options {
	bool all, times;
	const char *output;	    /* NULL: the usual one */
	char *words[MAX_WORDS + 4]; /* of the run */
	size_t word_count;
	const char *file; /* that was recorded */
};

static volatile sig_atomic_t run_is_over;

static void note_end(int signo)
{
	(void)signo;
	run_is_over = 1;
}

/* ---- the command line ---- */

static bool add_word(struct options *options, char *word)
{
	if (options->word_count < MAX_WORDS)
		options->words[options->word_count++] = word;
	return options->word_count < MAX_WORDS;
}

/* Everything from "--" on, and options that are not ours, belong to the run. */
static bool take_rest(struct options *options, char **args)
{
	for (; *args; args++)
		if (!add_word(options, *args))
			return false;
	return true;
}

static bool take_own(struct options *options, char ***args, bool *missing)
{
	const char *value;

	if (strcmp(**args, "--all") == 0)
		options->all = true;
	else if (strcmp(**args, "-t") == 0 || strcmp(**args, "--times") == 0)
		options->times = true;
	else if ((value = cmd_option_value(args, "--output", missing)) ||
		 (value = cmd_option_value(args, "-o", missing)))
		options->output = value;
	else
		return false;
	return true;
}

/*
 * "FILE", or "OPTION... -- PROGRAM": options of a run may have values, so only "--" tells where the
 * program begins.
 */
static int take_options(struct options *options, char **args)
{
	bool runs = false, missing = false;

	for (char **word = args; *word && !runs; word++)
		runs = strcmp(*word, "--") == 0;
	for (; *args && !missing; args++) {
		if (runs && strcmp(*args, "--") == 0)
			return take_rest(options, args) ? CMD_OK : CMD_USAGE;
		if (take_own(options, &args, &missing))
			continue;
		if (runs && add_word(options, *args))
			continue;
		if (options->file || ((*args)[0] == '-' && (*args)[1]))
			break;
		options->file = *args;
	}
	if (options->file && !*args && !missing)
		return CMD_OK;
	cmd_complain("trace what? Usage: uiommufd trace [--all] [-t] [-o FILE] TRACE, or "
		     "... [OPTION OF RUN]... -- PROGRAM [ARGUMENT]...");
	return CMD_USAGE;
}

/* ---- printing ---- */

/* Where lines go: to @usual unless a file is wanted. NULL: complained. */
static FILE *open_output(const struct options *options, FILE *usual)
{
	FILE *out = options->output ? fopen(options->output, "we") : usual;

	if (!out)
		cmd_complain("%s: %m", options->output);
	return out;
}

static int print_file(const struct options *options)
{
	FILE *out = open_output(options, stdout);
	struct trace_printer *printer;
	int status;

	if (!out)
		return CMD_USAGE;
	printer = trace_printer_create(out, options->all, options->times);
	if (!printer) {
		cmd_complain("out of memory");
		return CMD_FAILED;
	}
	status = trace_read(options->file, NULL, trace_print, printer);
	trace_printer_finish(printer);
	if (options->output && fclose(out)) {
		cmd_complain("%s: %m", options->output);
		return CMD_FAILED;
	}
	return status;
}

/* ---- a run ---- */

/* A name in a new directory. */
static bool make_name(char path[PATH_MAX])
{
	const char *parent = getenv("TMPDIR");

	snprintf(path, PATH_MAX, "%s/uiommufd-trace-XXXXXX", parent && *parent ? parent : "/tmp");
	if (!mkdtemp(path)) {
		cmd_complain("%s: %m", path);
		return false;
	}
	strcat(path, "/trace");
	return true;
}

static void remove_file(const char *path)
{
	char directory[PATH_MAX];

	unlink(path);
	snprintf(directory, sizeof(directory), "%.*s", (int)(strrchr(path, '/') - path), path);
	rmdir(directory);
}

/* The process that prints: until the run is over or has been killed. */
static _Noreturn void follow(const struct options *options, const char *path, pid_t run, FILE *out)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
	struct trace_printer *printer = trace_printer_create(out, options->all, options->times);
	struct trace_follower *follower = NULL;
	bool over;

	if (!printer)
		cmd_leave(CMD_FAILED);
	do {
		over = run_is_over || getppid() != run;
		if (!follower)
			follower = trace_follow(path); /* the run makes the file */
		if (follower)
			trace_follow_more(follower, trace_print, printer);
		fflush(out);
		if (!over)
			nanosleep(&pause, NULL);
	} while (!over);
	trace_printer_finish(printer);
	fflush(out);
	remove_file(path);
	cmd_leave(CMD_OK);
}

/* Starts it. What the terminal sends is meant for the program. */
static pid_t start_follower(const struct options *options, const char *path, FILE *out)
{
	const struct sigaction end = {.sa_handler = note_end}, ignore = {.sa_handler = SIG_IGN};
	const pid_t run = getpid();
	pid_t pid = fork();

	if (pid)
		return pid;
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGINT, &ignore, NULL);
	sigaction(SIGQUIT, &ignore, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	follow(options, path, run, out);
}

static int run(struct options *options)
{
	FILE *out = open_output(options, stderr);
	char path[PATH_MAX];
	pid_t follower;
	int status;

	if (!out)
		return CMD_USAGE;
	if (!make_name(path))
		return CMD_FAILED;
	run_watch_follow(path);
	follower = start_follower(options, path, out);
	status = cmd_run(options->words);
	if (follower > 0) {
		kill(follower, SIGTERM);
		waitpid(follower, NULL, 0);
	}
	remove_file(path);
	return status;
}

int cmd_trace(char **args)
{
	static struct options options;
	int status = take_options(&options, args);

	if (status)
		return status;
	return options.file ? print_file(&options) : run(&options);
}
