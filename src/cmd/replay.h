/* SPDX-License-Identifier: MIT */
/*
 * Making the calls of a trace again, and comparing the answers.
 *
 * Descriptors stand for what they were opened as, and memory is anonymous (replay_memory.h).
 * Objects keep their recorded IDs in what is printed; they may have others now.
 */
#ifndef CMD_REPLAY_H
#define CMD_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cmd/trace_read.h"

enum {
	REPLAY_PATHS = 64,
};

/* What is opened instead of a recorded path. */
struct replay_path {
	const char *recorded;
	size_t recorded_len;
	const char *now;
};

struct replay {
	FILE *out;
	uint32_t pid; /* whose calls are made; 0: of the process of the first */
	struct replay_path paths[REPLAY_PATHS];
	size_t path_count;

	uint64_t calls, differing;
	uint64_t skipped; /* calls that cannot be made again */
	uint64_t others;  /* calls of other processes */
};

/* A trace_visit; @arg is a struct replay, of which there is one. */
bool replay_visit(const struct trace_item *item, void *arg);

#endif
