/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd top`: the devices of a running program, again and again, as a screen or as lines. What
 * is shown is the state that `uiommufd show --json` prints, without its lists of mappings.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/cmd.h"
#include "cmd/peer.h"
#include "cmd/state.h"
#include "cmd/terminal.h"
#include "cmd/top_table.h"

enum {
	WHY_SIZE = 512,
	TRIES = 50,    /* while a call is in progress */
	PAUSE = 20,    /* milliseconds between two of them */
	SHORTEST = 10, /* milliseconds between two states */
	LONGEST = 24 * 3600 * 1000,
};

struct top {
	const char *machine, *pid; /* who is asked; NULL: not given */
	bool once;
	uint64_t count;	   /* states to print; 0: until the program ends */
	long milliseconds; /* between two */

	struct peer peer;
	struct top_sample before, now;
	char why[WHY_SIZE]; /* the last try has failed */
};

/* ---- the command line ---- */

static bool take_interval(const char *text, long *milliseconds)
{
	char *end;
	const double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds * 1000 >= SHORTEST && seconds * 1000 <= LONGEST))
		return false;
	*milliseconds = (long)(seconds * 1000 + 0.5);
	return true;
}

static bool take_count(const char *text, uint64_t *count)
{
	char *end;

	*count = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && *count;
}

/* One option at *@args. */
static int take_option(char ***args, struct top *top)
{
	const char *option = **args;
	bool missing = false;
	const char *value;

	if (!strcmp(option, "--once")) {
		top->once = true;
	} else if ((value = cmd_option_value(args, "--machine", &missing)) && !missing) {
		top->machine = value;
	} else if (!value && (value = cmd_option_value(args, "--count", &missing)) && !missing) {
		if (!take_count(value, &top->count)) {
			cmd_complain("--count needs a number, 1 or more");
			return CMD_USAGE;
		}
	} else if (!value && (value = cmd_option_value(args, "--interval", &missing)) && !missing) {
		if (!take_interval(value, &top->milliseconds)) {
			cmd_complain("--interval needs seconds, 0.01 to 86400");
			return CMD_USAGE;
		}
	} else if (missing) {
		cmd_complain("%s needs a value", option);
		return CMD_USAGE;
	} else {
		cmd_complain("top has no option \"%s\"; there are: --once, --count, --interval, "
			     "--machine",
			     option);
		return CMD_USAGE;
	}
	return CMD_OK;
}

static int take_arguments(char **args, struct top *top)
{
	unsigned int words = 0;

	for (; *args; args++) {
		int status = CMD_OK;

		if ((*args)[0] == '-' && (*args)[1])
			status = take_option(&args, top);
		else if (!words++)
			top->pid = *args;
		if (status)
			return status;
	}
	if (words + (top->machine != NULL) > 1) {
		cmd_complain("top takes one PID, or a machine");
		return CMD_USAGE;
	}
	if (top->once && top->count) {
		cmd_complain("--once and --count exclude each other");
		return CMD_USAGE;
	}
	return CMD_OK;
}

/* ---- states ---- */

static void forget(struct top_sample *sample)
{
	json_object_put(sample->state);
	sample->state = NULL;
}

static void sleep_for(long milliseconds)
{
	struct timespec rest = {.tv_sec = milliseconds / 1000,
				.tv_nsec = milliseconds % 1000 * 1000000};

	while (nanosleep(&rest, &rest))
		;
}

/* A call may take longer than the program waits for the end of it: that is no reason to give up. */
static char *ask(struct top *top, size_t *len)
{
	char *text = NULL;

	for (unsigned int i = 0; !text && i < TRIES; i++) {
		if (i)
			sleep_for(PAUSE);
		text = peer_try(&top->peer, "show 0\n", "state", len, top->why, sizeof(top->why));
		if (!text && errno != EBUSY)
			break;
	}
	return text;
}

/* The next state becomes top->now, and that top->before. False: top->why. */
static bool take_sample(struct top *top)
{
	struct top_sample next;
	size_t len;
	char *text = ask(top, &len);

	if (!text)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &next.time);
	next.state = state_parse(text, len);
	free(text);
	if (!next.state || !state_is_known(next.state)) {
		snprintf(top->why, sizeof(top->why), "the state cannot be read");
		json_object_put(next.state);
		return false;
	}
	forget(&top->before);
	top->before = top->now;
	top->now = next;
	top->why[0] = '\0';
	return true;
}

/* Says that who is asked has ended, or, where that is not so, what is wrong. */
static void complain_of_end(const struct top *top)
{
	if (!peer_has_ended(&top->peer))
		cmd_complain("%s", top->why);
	else if (top->machine)
		cmd_complain("the machine \"%s\" has ended", top->machine);
	else
		cmd_complain("process %d has ended", (int)top->peer.pid);
}

/* ---- lines ---- */

/* Totals. */
static int print_once(struct top *top)
{
	if (!take_sample(top)) {
		complain_of_end(top);
		return CMD_FAILED;
	}
	top_table(&top->before, &top->now, stdout);
	return CMD_OK;
}

/* Rates, for as often as was asked for. The end of the program is no failure if nobody asked. */
static int print_lines(struct top *top)
{
	uint64_t printed = 0;
	bool seen = take_sample(top);

	while (seen && (!top->count || printed < top->count)) {
		sleep_for(top->milliseconds);
		if (!take_sample(top))
			break;
		top_table(&top->before, &top->now, stdout);
		if (fflush(stdout))
			return CMD_FAILED;
		printed++;
	}
	if (top->count && printed == top->count)
		return CMD_OK;
	complain_of_end(top);
	return seen && !top->count && peer_has_ended(&top->peer) ? CMD_OK : CMD_FAILED;
}

/* ---- the screen ---- */

static void draw(const struct top *top)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return;
	if (top->why[0])
		fprintf(out, "%s; q leaves\n\n", top->why);
	if (top->now.state)
		top_screen(&top->before, &top->now, out);
	if (!fclose(out))
		terminal_draw(text);
	free(text);
}

/* Until somebody leaves, or who is asked has ended: true. */
static bool draw_again_and_again(struct top *top, struct terminal *terminal)
{
	enum terminal_event event = TERMINAL_TIME;

	while (event != TERMINAL_LEAVE) {
		if (event == TERMINAL_TIME && !take_sample(top) && peer_has_ended(&top->peer))
			return true;
		draw(top);
		event = terminal_wait(terminal, top->milliseconds);
	}
	return false;
}

static int show_screen(struct top *top)
{
	struct terminal terminal;
	bool ended;
	int rc = terminal_open(&terminal);

	if (rc) {
		cmd_complain("the terminal cannot be used: %s", strerror(-rc));
		return CMD_FAILED;
	}
	ended = draw_again_and_again(top, &terminal);
	terminal_close(&terminal);
	if (ended)
		complain_of_end(top);
	return CMD_OK;
}

int cmd_top(char **args)
{
	struct top top = {.milliseconds = 1000};
	int status = take_arguments(args, &top);

	if (status)
		return status;
	status = top.machine ? peer_find_machine(top.machine, &top.peer)
			     : peer_find(top.pid, &top.peer);
	if (status)
		return status;
	if (top.once)
		status = print_once(&top);
	else if (top.count || !terminal_is_screen())
		status = print_lines(&top);
	else
		status = show_screen(&top);
	forget(&top.before);
	forget(&top.now);
	return status;
}
