/* SPDX-License-Identifier: MIT */
/*
 * Copies that survive bad memory. A device's DMA reaches the program's memory by a plain copy; if
 * the program has taken that memory away behind our back (a system call of its own, a truncated
 * file), the copy must fail, not the process.
 *
 * guard_install() puts handlers for SIGSEGV and SIGBUS in front of the program's: a fault inside a
 * guarded copy ends it with -EFAULT, any other goes where it would have gone. The preload installs
 * them and keeps them in front; an embedding program may choose to. Without them a guarded copy is
 * a plain one.
 */
#ifndef MEM_GUARD_H
#define MEM_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies @len bytes; 0, or -EFAULT when either side faults (what was copied before stays). */
int guard_copy(void *dst, const void *src, size_t len);

/*
 * Copies the string @src, at most @size bytes of it. Returns its length, @size if it does not end
 * within them, or -EFAULT when it cannot be read.
 */
int guard_copy_string(char *dst, const char *src, size_t size);

/*
 * Replaces the aligned word @word by @new if it is @old, as one atomic step. 0; 1: it is another,
 * and was left alone; -EFAULT when it cannot be reached.
 */
int guard_exchange(uint64_t *word, uint64_t old, uint64_t new);

/* Installs the handlers; idempotent. 0 or a negative errno. */
int guard_install(void);

bool guard_installed(void);

/*
 * Has @handler called for each SIGBUS of an access beyond the end of what is mapped at @addr, but
 * for those of guarded copies. True: the access has been made, and the thread goes on with
 * @context, a ucontext_t. False: the signal goes on to the program. Runs with all signals blocked.
 */
typedef bool (*guard_bus_handler)(uintptr_t addr, void *context);
void guard_set_bus_handler(guard_bus_handler handler);

/*
 * The program's own sigaction for SIGSEGV and SIGBUS, once ours is installed: records @act (may be
 * NULL) as what to forward to, and gives the former in *@old (may be NULL). Returns 0.
 */
int guard_sigaction(int signo, const struct sigaction *act, struct sigaction *old);

#endif
