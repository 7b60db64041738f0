/* SPDX-License-Identifier: MIT */
/*
 * A line of JSON in memory of a fixed size. It needs no memory of its own and no lock, so that it
 * can be written wherever an event happens. What does not fit is left out: line_finish() fails.
 *
 * @key is a literal name of a member. Addresses and 64-bit sizes are strings ("0x1000"), as readers
 * keep numbers in a double.
 */
#ifndef TRACE_LINE_H
#define TRACE_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct line {
	char *text;
	size_t len, size;
	bool comma; /* another member is before */
	bool full;
};

/* Begins an empty line in @text, of @size bytes. */
void line_init(struct line *line, char *text, size_t size);

/* False: it did not fit. Otherwise line->text has line->len bytes. */
bool line_finish(const struct line *line);

/* @text as it is. */
void line_put(struct line *line, const char *text);

void line_object(struct line *line, const char *key); /* NULL: not a member */
void line_end_object(struct line *line);

void line_string(struct line *line, const char *key, const char *value);
void line_number(struct line *line, const char *key, int64_t value);
void line_hex(struct line *line, const char *key, uint64_t value);

/* @value in thousandths: 1234 is 1.234. */
void line_thousandths(struct line *line, const char *key, uint64_t value);

/* @len bytes as a string of two hexadecimal digits each. */
void line_bytes(struct line *line, const char *key, const void *bytes, size_t len);

#endif
