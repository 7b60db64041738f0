/* SPDX-License-Identifier: MIT */
/*
 * Lines for the user: "uiommufd: " and the text, to standard error or to the file of log_open().
 * One write() per line, so that lines of several threads do not mix. Thread-safe; leaves errno
 * alone.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

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

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_fault(...) log_line(LOG_LEVEL_FAULT, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
