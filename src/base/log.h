/* SPDX-License-Identifier: MIT */
/*
 * Lines for the user: "uiommufd: " and the text, to standard error or to the file of log_open().
 * One write() per line, so that lines of several threads do not mix. Thread-safe; leaves errno
 * alone.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_ERROR, /* the engine cannot do what it was asked to */
	LOG_LEVEL_FAULT, /* a mistake of the program or of a device model: always worth a line */
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Messages above @level are dropped. Default: LOG_LEVEL_FAULT. */
void log_set_level(enum log_level level);

/* Appends lines to the file at @path instead of standard error. 0 or a negative errno. */
int log_open(const char *path);

/*
 * Calls @sink for each line, without prefix and newline, in place of writing it. NULL: none.
 * Context: before any other thread logs.
 */
typedef void (*log_sink)(void *arg, enum log_level level, const char *line);
void log_set_sink(log_sink sink, void *arg);

/* Whether lines go to a terminal. */
bool log_is_terminal(void);

/* Writes @len bytes of whole lines, with their prefix, in one write(). */
void log_write(const char *text, size_t len);

/*
 * A line about a mistake of the program or of a device model, at LOG_LEVEL_FAULT. If a sink is set,
 * it gets the text instead, with @kind, a literal of docs/reports.md, which names such mistakes.
 */
void log_mistake(const char *kind, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Context: before any other thread logs. NULL: none. */
typedef void (*log_mistake_sink)(const char *kind, const char *text);
void log_set_mistake_sink(log_mistake_sink sink);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_fault(...) log_line(LOG_LEVEL_FAULT, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
