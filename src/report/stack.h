/* SPDX-License-Identifier: MIT */
/*
 * Stacks of the program: the return addresses of a call into the engine.
 *
 * A transport marks where its calls enter (stack_enter()). Only when something records the call is
 * the stack unwound, which allocates nothing and needs no frame pointers.
 *
 * Each different stack is stored once, in a table that never forgets and is never freed; when it is
 * full, further stacks are 0.
 *
 * Cost: entering stores a flag; a stack is some nanoseconds for each frame, of the engine's
 * and of the program's, and some microseconds where only the runtime's unwinder knows how.
 */
#ifndef REPORT_STACK_H
#define REPORT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/unwind.h"

enum {
	STACK_DEPTH = 24 /* frames; what is farther out is cut off */
};

/* Where the thread is in a call of the program. */
struct stack_mark {
	bool in_call;
	const struct unwind_frame *interrupted; /* the program's, if a signal led here; borrowed */
};

extern __thread struct stack_mark stack_mark __attribute__((tls_model("initial-exec")));

/*
 * The program has called this library: what is farther out, and not in this library, is the
 * program. Calls nest; only the outermost stack_enter() counts. Returns whether this was it, for
 * stack_leave().
 */
static inline bool stack_enter(void)
{
	if (stack_mark.in_call)
		return false;
	stack_mark.in_call = true;
	return true;
}

static inline void stack_leave(bool outermost)
{
	if (outermost)
		stack_mark = (struct stack_mark){.in_call = false};
}

/*
 * Inside an outermost stack_enter(): a signal handler, which has interrupted @frame (borrowed until
 * the stack_leave()).
 */
static inline void stack_interrupted(const struct unwind_frame *frame)
{
	stack_mark.interrupted = frame;
}

static inline bool stack_in_call(void)
{
	return stack_mark.in_call;
}

/* The stack of the call that this thread is in, or 0. Context: any; takes LOCK_STACKS. */
uint32_t stack_of_call(void);

/* The number of the stack with these return addresses, at most STACK_DEPTH, or 0: no space. */
uint32_t stack_add(const uintptr_t *frames, size_t count);

/*
 * The return addresses of stack @id, innermost first; returns how many (0 for stack 0). The array
 * is valid for ever. An address is that of the instruction after the call, except the innermost
 * where stack_is_exact().
 */
size_t stack_frames(uint32_t id, const uintptr_t **frames);

/* Whether the innermost address of @id is that of an instruction which a signal interrupted. */
bool stack_is_exact(uint32_t id);

#endif
