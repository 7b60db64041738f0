/* SPDX-License-Identifier: MIT */
/*
 * What the user wants of reports: the options of `uiommufd run`, which passes them on to the
 * program's process as lines "NAME=VALUE".
 */
#ifndef REPORT_SETTINGS_H
#define REPORT_SETTINGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report_settings {
	bool reports;	       /* off: mistakes are lines of the log, and nothing is recorded */
	bool explain;	       /* refused calls that need not be mistakes, too */
	bool advice;	       /* also what works, and could be better or work by luck */
	bool stacks;	       /* record and print them */
	bool quiet;	       /* print nothing; exit status and JSON as usual */
	bool double_fetch;     /* compare what a device reads twice for one piece of work */
	bool leaks;	       /* report what is left at exit */
	bool summary;	       /* say at exit what was checked, even if there is no report */
	bool stop;	       /* SIGTRAP after the first report */
	bool gen_suppressions; /* print a suppression with each report */
	uint64_t history;      /* unmapped mappings that are remembered of each IOAS */
	uint64_t max_reports;  /* different ones that are printed by each process */
	unsigned int exitcode; /* of the run if there is a report; 0: the program's own */
	char log_file[PATH_MAX];
	char json_file[PATH_MAX];
	char suppressions[PATH_MAX];
};

void report_settings_init(struct report_settings *settings);

/*
 * Sets the option @name (without "--") to @value. NULL: the option was given without a value.
 * -ENOENT: there is no such option of reports. -EINVAL: it has no such value, and @why (@size
 * bytes) says so.
 */
int report_settings_set(struct report_settings *settings, const char *name, const char *value,
			char *why, size_t size);

/* Whether there is an option @name, and *@wants_value: whether it needs a value. */
bool report_settings_has(const char *name, bool *wants_value);

/* Takes lines "NAME=VALUE" or "NAME"; ignores what it does not understand. Changes @text. */
void report_settings_read(struct report_settings *settings, char *text);

#endif
