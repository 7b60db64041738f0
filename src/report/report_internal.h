/* SPDX-License-Identifier: MIT */
/* The report that is being written, as those that print it see it. */
#ifndef REPORT_INTERNAL_H
#define REPORT_INTERNAL_H

#include <stddef.h>

#include "report/report.h"
#include "report/symbols.h"

enum {
	REPORT_PARTS = 16,
	REPORT_FIELDS = 16,
};

/* A note, or an origin. */
struct report_part {
	const char *role; /* NULL: a note */
	char text[320];
	struct origin origin;
	size_t first_symbol, symbol_count; /* of report->symbols */
};

struct report_field {
	const char *name;
	enum {
		FIELD_NUMBER,
		FIELD_HEX,
		FIELD_STRING
	} type;
	uint64_t number;
	char string[96];
};

struct report {
	const char *kind;
	char device[48];
	char headline[768];
	uint64_t time; /* when it began */
	uint64_t key;
	const struct report_dma *dma; /* NULL: it is about none */
	size_t part_count, field_count;
	struct report_part parts[REPORT_PARTS];
	struct report_field fields[REPORT_FIELDS];
	struct symbols symbols;
};

/* Appends to a buffer of fixed size; what does not fit is cut off. */
struct report_buffer {
	char *text;
	size_t len, size;
};

void report_append(struct report_buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Writes the report as text. @colour: with escape sequences. */
void report_to_text(const struct report *report, bool colour, struct report_buffer *buffer);

/* Appends the report to the file as a line of JSON. */
void report_to_json(const struct report *report, const char *path);

/* Whether a line of the file of suppressions applies. */
bool report_is_suppressed(const struct report *report);

/* Writes a line for the file that would suppress @report. */
void report_to_suppression(const struct report *report, struct report_buffer *buffer);

#endif
