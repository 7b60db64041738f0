/* SPDX-License-Identifier: MIT */
/* The options of `uiommufd run` for traces and profiles. */
#ifndef CMD_RUN_WATCH_H
#define CMD_RUN_WATCH_H

#include <stdbool.h>

#include "cmd/tree.h"

/*
 * Takes the option at *@args (moved to its last word) if it is one of them: *@status is CMD_OK, or
 * what the command exits with. False: it is another option.
 */
bool run_watch_take(char ***args, int *status);

/* Their names, for a message. */
const char *run_watch_options(void);

/* A trace is wanted in @path (copied), which the caller reads while it is written, and removes. */
void run_watch_follow(const char *path);

/* The machine is described by @option, with @value unless NULL: a trace says so. */
void run_watch_note(const char *option, const char *value);

/* Whether functions of the program are going to be named. */
bool run_watch_wants_names(void);

/* Makes the trace file for @program, and what the program's processes read. */
void run_watch_fill(struct tree *tree, char **program);

/* When the program has ended: prints the profile, or writes it to its file. */
void run_watch_report(const struct tree *tree);

/* When no process of the program is left: finishes the files. */
void run_watch_finish(const struct tree *tree);

#endif
