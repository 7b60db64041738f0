/* SPDX-License-Identifier: MIT */
/*
 * A report as text. The headline begins with "uiommufd: " like every line of the log; the rest is
 * indented, so that each report ends where the next line is not.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "report/report_internal.h"

#define RED   "\033[1;31m"
#define PLAIN "\033[0m"

void report_append(struct report_buffer *buffer, const char *format, ...)
{
	const size_t space = buffer->size - buffer->len;
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(buffer->text + buffer->len, space, format, args);
	va_end(args);
	if (len > 0)
		buffer->len += (size_t)len < space ? (size_t)len : space - 1;
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void append_frame(const struct symbol *symbol, size_t number, struct report_buffer *buffer)
{
	report_append(buffer, "    #%zu %s", number, symbol->function);
	if (symbol->function[0])
		report_append(buffer, " ");
	if (symbol->file[0])
		report_append(buffer, "%s:%u", basename_of(symbol->file), symbol->line);
	else if (symbol->module[0])
		report_append(buffer, "(%s+0x%" PRIx64 ")", basename_of(symbol->module),
			      symbol->offset);
	else
		report_append(buffer, "0x%" PRIx64, symbol->offset);
	report_append(buffer, symbol->inlined ? " (inlined)\n" : "\n");
}

/* Whether @symbol and what is farther out is the way to the first function of the program. */
static bool is_outside(const struct symbol *symbol)
{
	return strncmp(symbol->function, "__libc_start", 12) == 0 ||
	       strcmp(symbol->function, "start_thread") == 0 ||
	       strcmp(symbol->function, "_start") == 0;
}

static void append_part(const struct report *report, const struct report_part *part,
			struct report_buffer *buffer)
{
	report_append(buffer, "  %s%s\n", part->text, part->symbol_count ? ":" : "");
	for (size_t i = 0; i < part->symbol_count; i++) {
		const struct symbol *symbol = &report->symbols.symbols[part->first_symbol + i];

		if (i && is_outside(symbol))
			break;
		append_frame(symbol, i, buffer);
	}
}

void report_to_text(const struct report *report, bool colour, struct report_buffer *buffer)
{
	report_append(buffer, "%suiommufd: %s%s\n", colour ? RED : "", report->headline,
		      colour ? PLAIN : "");
	for (size_t i = 0; i < report->part_count; i++)
		append_part(report, &report->parts[i], buffer);
}
