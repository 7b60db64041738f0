/* SPDX-License-Identifier: MIT */
#include "trace/line.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void line_init(struct line *line, char *text, size_t size)
{
	*line = (struct line){.text = text, .size = size};
}

bool line_finish(const struct line *line)
{
	return !line->full;
}

static void put(struct line *line, const char *text, size_t len)
{
	if (line->full || len > line->size - line->len) {
		line->full = true;
		return;
	}
	memcpy(line->text + line->len, text, len);
	line->len += len;
}

void line_put(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void put_quoted(struct line *line, const char *text)
{
	line_put(line, "\"");
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;
		char escaped[8];

		if (c == '"' || c == '\\')
			snprintf(escaped, sizeof(escaped), "\\%c", c);
		else if (c < 0x20 || c > 0x7e) /* names of files need not be UTF-8 */
			snprintf(escaped, sizeof(escaped), "\\u%04x", c);
		else
			snprintf(escaped, sizeof(escaped), "%c", c);
		line_put(line, escaped);
	}
	line_put(line, "\"");
}

static void begin(struct line *line, const char *key)
{
	if (!key)
		return;
	if (line->comma)
		line_put(line, ",");
	line->comma = true;
	line_put(line, "\"");
	line_put(line, key);
	line_put(line, "\":");
}

void line_object(struct line *line, const char *key)
{
	begin(line, key);
	line_put(line, "{");
	line->comma = false;
}

void line_end_object(struct line *line)
{
	line_put(line, "}");
	line->comma = true;
}

void line_string(struct line *line, const char *key, const char *value)
{
	begin(line, key);
	put_quoted(line, value);
}

void line_number(struct line *line, const char *key, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, value);
	begin(line, key);
	line_put(line, text);
}

void line_hex(struct line *line, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "\"0x%" PRIx64 "\"", value);
	begin(line, key);
	line_put(line, text);
}

void line_thousandths(struct line *line, const char *key, uint64_t value)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%03u", value / 1000,
		 (unsigned int)(value % 1000));
	begin(line, key);
	line_put(line, text);
}

void line_bytes(struct line *line, const char *key, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;

	begin(line, key);
	line_put(line, "\"");
	for (size_t i = 0; i < len; i++) {
		const char pair[2] = {digits[from[i] >> 4], digits[from[i] & 15]};

		put(line, pair, sizeof(pair));
	}
	line_put(line, "\"");
}
