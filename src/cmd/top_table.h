/* SPDX-License-Identifier: MIT */
/* What `uiommufd top` prints: a line for each device, from one state of a program or from two. */
#ifndef CMD_TOP_TABLE_H
#define CMD_TOP_TABLE_H

#include <stdio.h>
#include <time.h>

struct json_object;

/* A state (cmd/state.h), and when it was read (CLOCK_MONOTONIC). */
struct top_sample {
	struct json_object *state; /* NULL: there is none */
	struct timespec time;
};

/*
 * A heading, and a line of numbers for each device: totals since the device was there; or if there
 * is a state @before (its "state" is not NULL), what was done in a second since then.
 */
void top_table(const struct top_sample *before, const struct top_sample *now, FILE *out);

/* The same for a person: short numbers, and a line in front that names the program. */
void top_screen(const struct top_sample *before, const struct top_sample *now, FILE *out);

#endif
