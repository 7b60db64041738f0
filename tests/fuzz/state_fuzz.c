/* SPDX-License-Identifier: MIT */
/*
 * What a program answers to `uiommufd show` and `lookup`: JSON from a process that need not be
 * ours, or from a file.
 *
 * What must hold: nothing crashes, and what is printed has no character that controls a terminal.
 *
 * Input: the text.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/state.h"
#include "fuzz.h"
#include "require.h"

enum {
	MOST_OUTPUT = 1 << 26
};

/* In place of the command's: what is wrong with the text would fill the terminal. */
void cmd_complain(const char *format, ...)
{
	(void)format;
}

static void render_text(struct json_object *state, bool all, FILE *out)
{
	show_text(state, all, out);
}

static void render_lookup(struct json_object *state, bool all, FILE *out)
{
	lookup_text(state, all, out);
}

static void render_picture(struct json_object *state, bool all, FILE *out)
{
	(void)all;
	show_svg(state, out);
}

static void render(struct json_object *state, bool all,
		   void (*rendering)(struct json_object *, bool, FILE *))
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	require(out);
	rendering(state, all, out);
	fclose(out);
	require(len < MOST_OUTPUT);
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		require((c >= ' ' && c != 0x7f) || c == '\n' || c == '\t');
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct json_object *state;
	char *text = malloc(size + 1);

	require(text);
	memcpy(text, data, size);
	text[size] = '\0';
	text_clean(text, size);
	state = state_parse(text, size);
	free(text);
	if (!state)
		return 0;
	render(state, false, render_text);
	render(state, true, render_text);
	render(state, true, render_lookup);
	render(state, false, render_picture);
	json_object_put(state);
	return 0;
}
