/* SPDX-License-Identifier: MIT */
/*
 * The subcommands that ask a running program: `uiommufd show` (its address spaces), `lookup` (the
 * translation of one IOVA) and `dump` (page tables).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/peer.h"
#include "cmd/state.h"
#include "inspect/show_state.h"

enum {
	MAX_WORDS = 3,
	REQUEST_SIZE = 96,
};

enum form {
	FORM_TEXT,
	FORM_JSON,
	FORM_SVG,
	FORM_HTML,
};

struct options {
	enum form form;
	bool all;
	unsigned long context;
	const char *machine;	      /* whose programs are asked about; NULL: those of a process */
	const char *words[MAX_WORDS]; /* arguments that are not options */
	unsigned int count;
};

/* ---- the command line ---- */

static bool parse_number(const char *text, uint64_t max, uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && !*end && !errno && *number <= max;
}

/* One option at *@args. */
static int take_option(const char *command, char ***args, struct options *options)
{
	const char *option = **args;
	const bool show = !strcmp(command, "show"), dump = !strcmp(command, "dump");
	bool missing = false;
	const char *value;
	uint64_t number;

	if (!dump && !strcmp(option, "--json")) {
		options->form = FORM_JSON;
	} else if ((value = cmd_option_value(args, "--machine", &missing)) && !missing) {
		options->machine = value;
	} else if (missing) {
		cmd_complain("--machine needs a name");
		return CMD_USAGE;
	} else if (show && !strcmp(option, "--svg")) {
		options->form = FORM_SVG;
	} else if (show && !strcmp(option, "--html")) {
		options->form = FORM_HTML;
		options->all = true;
	} else if (show && !strcmp(option, "--all")) {
		options->all = true;
	} else if (!show && !strcmp(option, "--context")) {
		if (!(*args)[1] || !parse_number((*args)[1], UINT32_MAX, &number)) {
			cmd_complain("--context needs the number that `uiommufd show` gives");
			return CMD_USAGE;
		}
		options->context = number;
		++*args;
	} else {
		cmd_complain("%s has no option \"%s\"; there are: %s", command, option,
			     show   ? "--json, --svg, --html, --all, --machine"
			     : dump ? "--context, --machine"
				    : "--json, --context, --machine");
		return CMD_USAGE;
	}
	return CMD_OK;
}

static int take_arguments(const char *command, char **args, struct options *options)
{
	*options = (struct options){.form = FORM_TEXT};
	for (; *args; args++) {
		int status = CMD_OK;

		if ((*args)[0] == '-' && (*args)[1])
			status = take_option(command, &args, options);
		else if (options->count < MAX_WORDS)
			options->words[options->count++] = *args;
		else
			options->count = MAX_WORDS + 1;
		if (status)
			return status;
	}
	return CMD_OK;
}

/* ---- output ---- */

static int render(const struct options *options, const char *text, size_t len,
		  void (*as_text)(struct json_object *state, bool all, FILE *out))
{
	struct json_object *state;

	if (options->form == FORM_JSON) {
		fwrite(text, 1, len, stdout);
		putchar('\n');
		return CMD_OK;
	}
	state = state_parse(text, len);
	if (!state)
		return CMD_FAILED;
	if (as_text == show_text && !state_is_known(state)) {
		json_object_put(state);
		return CMD_FAILED;
	}
	if (options->form == FORM_HTML)
		show_html(text, len, stdout);
	else if (options->form == FORM_SVG)
		show_svg(state, stdout);
	else
		as_text(state, options->all, stdout);
	json_object_put(state);
	return CMD_OK;
}

/* Reads a result of uiommufd_show() from the file @name ("-": standard input). */
static char *read_state(const char *name, size_t *len)
{
	FILE *in = strcmp(name, "-") ? fopen(name, "re") : stdin;
	char *text = NULL;
	size_t size = 0;
	ssize_t got = -1;

	if (in)
		got = getdelim(&text, &size, '\0', in);
	if (got < 0)
		cmd_complain("%s: %s", name, in && !ferror(in) ? "is empty" : strerror(errno));
	if (in && in != stdin)
		fclose(in);
	if (got < 0) {
		free(text);
		return NULL;
	}
	*len = (size_t)got;
	return text;
}

static bool is_pid(const char *word)
{
	return !word[strspn(word, "0123456789")];
}

/* Finds who is asked: the machine of the option, or the process @text. */
static int find_peer(const struct options *options, const char *text, struct peer *peer)
{
	return options->machine ? peer_find_machine(options->machine, peer) : peer_find(text, peer);
}

int cmd_show(char **args)
{
	struct options options;
	char request[REQUEST_SIZE];
	char *text = NULL;
	size_t len = 0;
	struct peer peer;
	int status = take_arguments("show", args, &options);

	if (status)
		return status;
	if (options.count + (options.machine != NULL) > 1) {
		cmd_complain("show takes one PID or file, or a machine");
		return CMD_USAGE;
	}
	if (options.count && !is_pid(options.words[0])) {
		text = read_state(options.words[0], &len);
	} else {
		status = find_peer(&options, options.words[0], &peer);
		if (status)
			return status;
		snprintf(request, sizeof(request), "show %" PRIu64 "\n",
			 options.all ? SHOW_ALL : (uint64_t)SHOW_MAPPINGS);
		text = peer_ask(&peer, request, "state", &len);
	}
	status = text ? render(&options, text, len, show_text) : CMD_FAILED;
	free(text);
	return status;
}

/*
 * Takes the arguments of lookup and dump, [PID] IOAS-OR-HWPT and @more others: finds the process,
 * and *@words from the table on. Returns an exit status.
 */
static int take_table(const char *command, char **args, unsigned int more, struct options *options,
		      const char *const **words, struct peer *peer, uint64_t *pt_id)
{
	const unsigned int needed = 1 + more;
	int status = take_arguments(command, args, options);

	if (status)
		return status;
	*words = options->words + (options->count > needed);
	if (options->count < needed || options->count > needed + !options->machine ||
	    !parse_number((*words)[0], UINT32_MAX, pt_id)) {
		cmd_complain("which table? Usage: uiommufd %s [PID] IOAS-OR-HWPT%s", command,
			     more ? " IOVA" : "");
		return CMD_USAGE;
	}
	return find_peer(options, options->count > needed ? options->words[0] : NULL, peer);
}

/* Sends @peer the @request, which is about object @pt_id. */
static char *ask_of_table(const struct options *options, const struct peer *peer,
			  const char *request, uint64_t pt_id, size_t *len)
{
	char what[REQUEST_SIZE];

	snprintf(what, sizeof(what), "object %" PRIu64 " of context %lu", pt_id, options->context);
	return peer_ask(peer, request, what, len);
}

int cmd_lookup(char **args)
{
	struct options options;
	char request[REQUEST_SIZE];
	const char *const *words;
	uint64_t pt_id, iova;
	char *text;
	size_t len;
	struct peer peer;
	int status = take_table("lookup", args, 1, &options, &words, &peer, &pt_id);

	if (status)
		return status;
	if (!parse_number(words[1], UINT64_MAX, &iova)) {
		cmd_complain("\"%s\" is no IOVA", words[1]);
		return CMD_USAGE;
	}
	snprintf(request, sizeof(request), "lookup %lu %" PRIu64 " 0x%" PRIx64 "\n",
		 options.context, pt_id, iova);
	text = ask_of_table(&options, &peer, request, pt_id, &len);
	status = text ? render(&options, text, len, lookup_text) : CMD_FAILED;
	free(text);
	return status;
}

int cmd_dump(char **args)
{
	struct options options;
	char request[REQUEST_SIZE];
	const char *const *words;
	uint64_t pt_id;
	char *text;
	size_t len;
	struct peer peer;
	int status = take_table("dump", args, 0, &options, &words, &peer, &pt_id);

	if (status)
		return status;
	snprintf(request, sizeof(request), "dump %lu %" PRIu64 "\n", options.context, pt_id);
	text = ask_of_table(&options, &peer, request, pt_id, &len);
	if (!text)
		return CMD_FAILED;
	fwrite(text, 1, len, stdout);
	free(text);
	return CMD_OK;
}
