/* SPDX-License-Identifier: MIT */
/*
 * Call frame information: how to find the frame that called the one with a given instruction, as
 * compilers write it for each function (DWARF 5, 6.4 Call Frame Information; Linux Standard Base,
 * Exception Frames).
 *
 * Rules are found for the usual frames of x86-64 only: the caller's frame begins at a distance from
 * the stack pointer or the frame pointer, and the return address is right below it.
 */
#ifndef REPORT_CALL_FRAME_H
#define REPORT_CALL_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum call_frame_kind {
	CALL_FRAME_UNKNOWN,   /* none of the others, or another machine */
	CALL_FRAME_USUAL,     /* the other members of the rule say where the caller is */
	CALL_FRAME_OUTERMOST, /* nothing has called it, or nobody knows */
	CALL_FRAME_SIGNAL,    /* of the kernel's: at the stack pointer is a ucontext_t */
};

struct call_frame_rule {
	enum call_frame_kind kind;
	bool from_bp;	    /* the frame pointer is what @cfa_offset counts from, else sp */
	int32_t cfa_offset; /* of the canonical frame address: sp after the return */
	int16_t bp_offset;  /* of the caller's frame pointer from it; 0: it is unchanged */
};

/*
 * The rule for the instruction at @address, which must be in the program's code as long as this
 * runs: on the stack of this thread, for example. Context: any, signal handlers too; takes no lock
 * and allocates nothing. Cost: some hundred instructions.
 */
struct call_frame_rule call_frame_find(uintptr_t address);

#endif
