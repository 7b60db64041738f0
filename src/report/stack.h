/* SPDX-License-Identifier: MIT */
/*
 * Stacks of the program: the return addresses of a call into the engine.
 *
 * A transport marks where its calls enter (stack_enter()). Only when something records the call is
 * the stack unwound, by the unwinder of the compiler's runtime, which allocates nothing and needs
 * no frame pointers. What it finds is kept with the places on the stack at which it found each
 * address. When a thread calls from the same depth again and those places still hold the same
 * addresses, it is the same stack, and nothing is unwound.
 *
 * Each different stack is stored once, in a table that never forgets and is never freed; when it is
 * full, further stacks are 0.
 *
 * Cost: entering stores one pointer; a stack that was seen before is one load for each frame; a new
 * one some microseconds.
 */
#ifndef REPORT_STACK_H
#define REPORT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STACK_DEPTH = 24 /* frames; what is farther out is cut off */
};

/* Where the thread is in a call of the program. */
struct stack_mark {
	const void *frame; /* of the engine's outermost function; NULL: in no call */
	uintptr_t pc, sp;  /* of the program's instruction that a signal interrupted; else 0 */
};

extern __thread struct stack_mark stack_mark __attribute__((tls_model("initial-exec")));

/*
 * The calling function is the outermost of the engine, or is called by it: what is farther out, and
 * not in this library, is the program. Calls nest; only the outermost stack_enter() counts. Returns
 * whether this was it, for stack_leave().
 */
#define stack_enter() stack_enter_at(__builtin_frame_address(0))

static inline bool stack_enter_at(const void *frame)
{
	if (stack_mark.frame)
		return false;
	stack_mark.frame = frame;
	return true;
}

static inline void stack_leave(bool outermost)
{
	if (outermost)
		stack_mark = (struct stack_mark){.frame = NULL};
}

/* Inside an outermost stack_enter(): a signal handler, which has interrupted @pc with @sp. */
static inline void stack_interrupted(uintptr_t pc, uintptr_t sp)
{
	stack_mark.pc = pc;
	stack_mark.sp = sp;
}

static inline bool stack_in_call(void)
{
	return stack_mark.frame;
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
