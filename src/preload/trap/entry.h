/* SPDX-License-Identifier: MIT */
/*
 * System calls of the program that are caught on their way to the kernel: at a call site inside the
 * C library (detour.h), or by the kernel (user_dispatch.h).
 *
 * Where such a call is caught, the program sees what it would see of the kernel: all registers but
 * the result and the two that a system call clobbers are as before, the vector registers and the
 * red zone below the stack included.
 *
 * Two functions decide. The first is asked for every call; it must be quick and must not touch a
 * vector register. Only if it says so does the second make the call, after the vector registers
 * have been saved.
 */
#ifndef PRELOAD_TRAP_ENTRY_H
#define PRELOAD_TRAP_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __x86_64__
#define ENTRY_SUPPORTED 1
#else
#define ENTRY_SUPPORTED 0
#endif

/* A system call of the program. The instructions in entry.c know this layout. */
struct caught_call {
	long args[6];
	long number;
	uintptr_t next; /* where the program goes on */
};

/*
 * Whether @call is to be answered; if not, the kernel gets it as @call says it now. @dispatched:
 * the program makes it without the C library; else it is made inside the C library.
 */
typedef bool (*entry_concerns)(struct caught_call *call, bool dispatched);

/* The result of @call: 0 or more, or a negative errno. errno stays as it is. */
typedef long (*entry_answer)(const struct caught_call *call, bool dispatched);

/* Sets both. False: this processor does not say how its vector registers are saved. */
bool entry_set(entry_concerns concerns, entry_answer answer);

/*
 * Answers inside the C library stay on the program's stacks: ThreadSanitizer would take a stack
 * that one thread uses after another for a race.
 */
void entry_stay_on_stack(void);

/* Bytes of a stack for answers: address space; memory is what is used of it. */
#define ENTRY_STACK_SIZE (128 << 10)

#if ENTRY_SUPPORTED

/*
 * Where a detour jumps to: rax is the number, r11 the address of the syscall instruction, all other
 * registers are the program's.
 */
extern const char entry_detour[];

/* Where a dispatched call goes on: the same, but r11 is the address behind the instruction. */
extern const char entry_dispatched[];

/* The first instruction of a thread that a dispatched clone() has made: see entry_place_child(). */
extern const char entry_child[];

/*
 * Answers run on stacks of our own, because the program's may be small: PTHREAD_STACK_MIN, or what
 * a runtime gives a coroutine. A thread whose calls are dispatched has one for itself. Maps that of
 * the calling thread, if it has none. False: no memory.
 */
bool entry_make_stack(void);

/* Gives it back, at the end of the thread: it is not inside an answer. */
void entry_drop_stack(void);

#endif
#endif
