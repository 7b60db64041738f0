/* SPDX-License-Identifier: MIT */
/*
 * Origins: which call of the program did something, and when. A report tells them of a mapping, of
 * its end, and of what a device was programmed with.
 *
 * Recording is off until report_record() (preload) turns it on, and then costs a load and a branch
 * where it would record.
 */
#ifndef REPORT_ORIGIN_H
#define REPORT_ORIGIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/observe.h"

struct origin {
	uint64_t time;	/* CLOCK_MONOTONIC in ns; 0: it was not recorded */
	uint32_t stack; /* report/stack.h; 0: none */
	uint32_t tid;	/* 0: a thread of the engine */
};

static inline bool recording(void)
{
	return __builtin_expect(observed_by(OBSERVER_REPORTS), 0);
}

/* Turns recording on; @stacks: with stacks. Never turned off. Context: no other thread records. */
void origin_record(bool stacks);

/*
 * Sets *@origin to the call that this thread is in (report/stack.h) if recording is on, otherwise
 * to zeros. Cost: reading the clock, and the stack (stack_of_call()).
 */
void origin_capture(struct origin *origin);

/* The same where recording() is known to be on. */
void origin_capture_now(struct origin *origin);

/*
 * For a refusal (base/last_error.h): the call that is to blame for it, as @role, a literal in the
 * past ("mapped"). It is the thread's, until it is taken.
 */
void origin_blame(const struct origin *origin, const char *role);

/* *@origin and *@role as they were set last; false: they were not. */
bool origin_take_blame(struct origin *origin, const char **role);

/* In the child of a fork: its thread has another ID. */
void origin_fork_child(void);

#endif
