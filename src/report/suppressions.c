/* SPDX-License-Identifier: MIT */
/*
 * Suppressions: lines "KIND:PATTERN..." of a file. A report is suppressed if its kind is KIND and
 * each PATTERN (separated by blanks) is the name of a function, a source file, a module or the
 * device in it. "*" stands for any characters, in KIND too; "#" begins a comment.
 *
 * The file is read once. Context: LOCK_REPORT is held, except for reading.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sys.h"
#include "report/report_internal.h"

enum {
	MAX_FILE = 1 << 20,
	GENERATED_FUNCTIONS = 2,
};

static char *rules; /* the file, 0 at the end; NULL: none */

int report_read_suppressions(const char *path)
{
	int fd = sys_open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t len;
	char *text;

	if (fd < 0)
		return fd;
	text = alloc_zeroed(MAX_FILE + 1);
	if (!text) {
		(void)sys_close(fd);
		return -ENOMEM;
	}
	do {
		len = sys_read(fd, text + used, MAX_FILE - used);
		used += len > 0 ? (size_t)len : 0;
	} while (len > 0 || len == -EINTR);
	(void)sys_close(fd);
	if (len < 0) {
		alloc_free(text);
		return (int)len;
	}
	rules = text;
	return 0;
}

/* Whether the @len characters of @pattern match all of @text. */
static bool matches(const char *pattern, size_t len, const char *text)
{
	while (len && *pattern != '*') {
		if (*pattern != *text)
			return false;
		pattern++, text++, len--;
	}
	if (!len)
		return *text == '\0';
	do
		if (matches(pattern + 1, len - 1, text))
			return true;
	while (*text++);
	return false;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool matches_report(const struct report *report, const char *pattern, size_t len)
{
	if (matches(pattern, len, report->device))
		return true;
	for (size_t i = 0; i < report->symbols.count; i++) {
		const struct symbol *symbol = &report->symbols.symbols[i];

		if ((symbol->function[0] && matches(pattern, len, symbol->function)) ||
		    matches(pattern, len, last_part(symbol->file)) ||
		    matches(pattern, len, last_part(symbol->module)))
			return true;
	}
	return false;
}

/* Whether the line from @rule to @end applies to @report. */
static bool applies(const struct report *report, const char *rule, const char *end)
{
	const char *colon = memchr(rule, ':', (size_t)(end - rule));
	bool any = false;
	size_t len;

	if (!colon || !matches(rule, (size_t)(colon - rule), report->kind))
		return false;
	for (rule = colon + 1; rule < end; rule += len) {
		rule += strspn(rule, " \t\r");
		if (rule >= end)
			break;
		len = strcspn(rule, " \t\r\n");
		if (!matches_report(report, rule, len))
			return false;
		any = true;
	}
	return any;
}

bool report_is_suppressed(const struct report *report)
{
	const char *line = rules;

	while (line && *line) {
		const char *end = line + strcspn(line, "\n");

		if (*line != '#' && applies(report, line, end))
			return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

void report_to_suppression(const struct report *report, struct report_buffer *buffer)
{
	unsigned int written = 0;

	report_append(buffer, "  suppression: %s:", report->kind);
	for (size_t i = 0; i < report->symbols.count && written < GENERATED_FUNCTIONS; i++) {
		const char *function = report->symbols.symbols[i].function;

		/* A name with blanks, of C++, is cut where a pattern would end. */
		if (function[0]) {
			size_t len = strcspn(function, " \t");

			report_append(buffer, "%s%.*s%s", written ? " " : "", (int)len, function,
				      function[len] ? "*" : "");
			written++;
		}
	}
	report_append(buffer, "%s\n", written ? "" : report->device[0] ? report->device : "*");
}
