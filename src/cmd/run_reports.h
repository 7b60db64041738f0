/* SPDX-License-Identifier: MIT */
/*
 * Reports of a run, as the command sees them: the options, what the program's processes are told,
 * and whether there was one. There is one run for each process.
 */
#ifndef CMD_RUN_REPORTS_H
#define CMD_RUN_REPORTS_H

#include <stdbool.h>

#include "cmd/tree.h"

/*
 * Takes the option at *@args, and moves *@args to its last word. False: it is none of reports.
 * *@status: CMD_OK, or CMD_USAGE and a complaint.
 */
bool run_reports_take(char ***args, int *status);

/* The names of the options, for a complaint. */
const char *run_reports_options(void);

/* Writes what the program's processes read, and prepares what finds names for them. */
void run_reports_fill(struct tree *tree);

/*
 * The descriptor that is readable when a process asks for names for the first time; negative:
 * none.
 */
int run_reports_names(void);

/* Starts what finds names, if it has not been started. */
void run_reports_serve_names(void);

/* Leaves that to the process that has forked this one. */
void run_reports_leave_names(void);

/* The wait status to end with, when the program has ended with @status: --error-exitcode. */
int run_reports_judge(const struct tree *tree, int status);

#endif
