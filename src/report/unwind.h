/* SPDX-License-Identifier: MIT */
/*
 * Unwinding a stack in some nanoseconds a frame. The rule by which a frame's caller is found
 * depends only on the instruction (report/call_frame.h); those that were used before are kept.
 */
#ifndef REPORT_UNWIND_H
#define REPORT_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

/* What is known of a frame, of the registers. */
struct unwind_frame {
	uintptr_t pc, sp, bp;
	bool exact; /* @pc is the next instruction, not where a call returns to */
};

enum unwind_result {
	UNWIND_CALLER,	  /* the frame is now that of its caller, or of what a signal interrupted */
	UNWIND_OUTERMOST, /* it has none */
	UNWIND_UNKNOWN,	  /* only the runtime's unwinder knows */
};

/*
 * From @frame to its caller. Bad registers are found, and end the stack, as far as memory that is
 * not there tells. Context: any, signal handlers too; takes no lock and allocates nothing.
 */
enum unwind_result unwind_step(struct unwind_frame *frame);

#endif
