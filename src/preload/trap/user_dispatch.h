/* SPDX-License-Identifier: MIT */
/*
 * System calls that the program makes without the C library: by instructions of its own, of another
 * library, or of a language's runtime. The kernel's Syscall User Dispatch (Linux 5.11) turns each
 * system call that a thread makes outside of one range of code, the C library's, into SIGSYS; its
 * handler sends the call on to entry.h, as detours do.
 *
 * It is used only in programs that have such instructions, because each of those calls then costs a
 * signal. It is a property of each thread, and fork and exec end it, so nothing is left behind in
 * another program.
 */
#ifndef PRELOAD_TRAP_USER_DISPATCH_H
#define PRELOAD_TRAP_USER_DISPATCH_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Looks for calls that @wanted wants in the code of the program and of its libraries. If there are
 * any, dispatches those of this thread, and of threads that it creates.
 */
void user_dispatch_start(bool (*wanted)(long number));

/* The program is about to open a library: the mappings that the linker makes are caught. */
void user_dispatch_may_open(void);

/* [@code, @code + @len) has become code of the program: a library that it has opened. */
void user_dispatch_look_at(const void *code, size_t len);

/*
 * The program has set up (@on) or ended a dispatch of its own for this thread: until it ends, its
 * handler gets the thread's calls, and they are not looked at.
 */
void user_dispatch_hand_over(bool on);

/* Whether calls are dispatched in this program. */
bool user_dispatch_on(void);

/*
 * At the beginning of a thread, in the child of a fork; and at the end of a thread. In a program
 * that confines itself (sys_confined()), threads that begin are not dispatched.
 */
void user_dispatch_begin_thread(void);
void user_dispatch_end_thread(void);

/* The program's sigaction() for SIGSYS, if user_dispatch_on(). Returns 0. */
int user_dispatch_sigaction(const struct sigaction *act, struct sigaction *old);

#endif
