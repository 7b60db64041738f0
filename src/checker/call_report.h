/* SPDX-License-Identifier: MIT */
/*
 * Reports of calls that were refused: which check refused, what the value was, and what would pass
 * (base/last_error.h has the text).
 */
#ifndef CHECKER_CALL_REPORT_H
#define CHECKER_CALL_REPORT_H

#include "base/file.h"
#include "trace/events.h"

/* An ioctl of the program, from call_begin() to call_end(). */
struct call {
	struct uiommufd_file *file;
	struct event_call event; /* set if @observed */
	unsigned int cmd;
	bool observed;
};

/*
 * Before the ioctl @cmd with @arg of @caller on @file, its descriptor @fd. Costs a store; while
 * something is observed, what that costs. Context: no lock is held.
 */
void call_begin(struct call *call, struct uiommufd_file *file, int fd,
		struct uiommufd_caller *caller, unsigned int cmd, uint64_t arg);

/*
 * After it gave @result. Reports it if it was refused or did nothing, and if that is a mistake or
 * the user wants to know all (--explain).
 *
 * Context: on the thread of the call, with no lock held.
 */
void call_end(struct call *call, long result);

/* Reports only what --explain asks for: the program tests the interface. */
void call_report_expect_mistakes(void);

#endif
