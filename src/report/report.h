/* SPDX-License-Identifier: MIT */
/*
 * Reports: what is wrong, in words, with what a user asks next. A report is a headline, notes, and
 * origins: calls of the program, with their stacks. It is printed as text (report_text.c) and
 * appended to a file as a line of JSON (report_json.c).
 *
 * One report is written at a time, under LOCK_REPORT. What it says is found out before: the writer
 * takes no lock of the engine while it writes.
 *
 * The same mistake is printed once. Reports are the same if their kind, device and stacks are, and
 * what report_key() adds; those without stack and key, if their headline is. report_finish() says
 * how many more there were.
 *
 * Until report_start(), nothing is reported and report_begin() returns NULL, which all functions
 * accept.
 */
#ifndef REPORT_REPORT_H
#define REPORT_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "report/origin.h"
#include "report/report_listener.h"
#include "report/report_settings.h"

struct report;

/*
 * Starts reports and recording. @settings is copied. @mark: a file, to which a character is added
 * at the first report, copied; NULL: none. Context: before any other thread uses the engine.
 */
void report_start(const struct report_settings *settings, const char *mark);

/* Reads a file of suppressions, before report_start(). 0 or a negative errno. */
int report_read_suppressions(const char *path);

/*
 * report_listener_set(), under the lock of the reports. What no listener is told is a line of the
 * log, and not printed as a report, once there was one.
 */
int report_listen(const void *iommu, report_listener_fn fn, void *arg);

/* Whether report_start() was called. */
bool report_started(void);

/* Whether there are reports, and advice is wanted (--advice). */
bool report_advises(void);

/* The settings in force. Context: after report_start(). */
const struct report_settings *report_settings(void);

/*
 * Begins a report of @kind, a literal of docs/reports.md, about @device ("": none). NULL: reports
 * are off. Context: no report is being written by this thread; LOCK_REPORT may be taken.
 */
struct report *report_begin(const char *kind, const char *device);

/* When it happened, if that is not the moment of report_begin(). */
void report_at(struct report *report, uint64_t time);

/* The first line. */
void report_headline(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Distinguishes this report from others with the same kind, device and stacks. */
void report_key(struct report *report, uint64_t key);

/* Members of the JSON object. @name is a literal. */
void report_number(struct report *report, const char *name, uint64_t value);
void report_hex(struct report *report, const char *name, uint64_t value);
void report_string(struct report *report, const char *name, const char *value);

/* The DMA that it is about; borrowed until report_end(). */
void report_about_dma(struct report *report, const struct report_dma *dma);

/* A line below the headline. */
void report_note(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * A line below the headline that ends with the thread of @origin and how long ago it was, and below
 * it the stack. @role, a literal, names it in JSON. Nothing if @origin was not recorded.
 */
void report_origin(struct report *report, const char *role, const struct origin *origin,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same for a stack of which neither thread nor time is known. Nothing if @stack is 0. */
void report_stack(struct report *report, const char *role, uint32_t stack, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/*
 * A report of one line, with the call that it happened in: the sink of log_mistake() from
 * report_start() on.
 */
void report_line(const char *kind, const char *text);

/*
 * Prints the report, unless it is suppressed or the same as an earlier one. A listener is told of
 * the latter, too.
 */
void report_end(struct report *report);

/*
 * In place of report_end(), for what happened and is no mistake: it is printed and appended to the
 * file each time, without stacks, and counts as no report.
 */
void report_end_event(struct report *report);

/* How long before @now @time was: "1.2 ms". Returns @text. */
enum {
	AGO_TEXT_SIZE = 32
};
const char *report_ago(uint64_t time, uint64_t now, char text[AGO_TEXT_SIZE]);

/* Prints how often reports were repeated, and what was checked. At the end of the process. */
void report_finish(void);

/* In the child of a fork: what is counted and printed from now on is the child's. */
void report_fork_child(void);

#endif
