/* SPDX-License-Identifier: MIT */
/*
 * The state as a page that needs nothing else: show_page.html with the JSON in it. The page reads
 * the JSON from an element that is no program, and what comes from a program cannot end that
 * element: each "<", which only strings have, is an escape sequence.
 */
#include <string.h>

#include "cmd/show_page.h"
#include "cmd/state.h"

#define PLACE "@STATE@"

void show_html(const char *text, size_t len, FILE *out)
{
	const char *place = strstr(show_page, PLACE);

	fwrite(show_page, 1, (size_t)(place - show_page), out);
	for (size_t i = 0; i < len; i++)
		if (text[i] == '<')
			fputs("\\u003c", out);
		else
			putc(text[i], out);
	fputs(place + strlen(PLACE), out);
}
