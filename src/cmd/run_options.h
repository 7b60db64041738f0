/* SPDX-License-Identifier: MIT */
/* The options of `uiommufd run`, and those of `uiommufd machine` that describe the machine. */
#ifndef CMD_RUN_OPTIONS_H
#define CMD_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "cmd/tree.h"
#include "machine/machine.h"

struct run_options {
	struct machine *machine;
	bool limits; /* locked memory is limited to @memlock bytes */
	uint64_t memlock;
	bool shared;	  /* every program is served, not only static ones */
	const char *join; /* the machine that the program joins; NULL: one of its own */
	bool has_others;  /* than that, on the command line */
};

/*
 * Takes the option at *@args, and moves *@args to its last word, if it describes the machine:
 * *@status is CMD_OK, or CMD_USAGE and a complaint. False: it is another option.
 */
bool run_options_take_machine(struct run_options *options, char ***args, int *status);

/* Takes those in the variable UIOMMUFD_OPTIONS. Returns an exit status. */
int run_options_take_environment(struct run_options *options);

/* Takes those of the command line, and leaves *@args at the program. Returns an exit status. */
int run_options_take(struct run_options *options, char ***args);

/* Lays out in @tree what is not of the machine itself. */
void run_options_fill(const struct run_options *options, struct tree *tree);

#endif
