/* SPDX-License-Identifier: MIT */
/*
 * Copies that survive bad memory. A device's DMA reaches the program's memory by a plain copy; if
 * that memory has gone away unseen (a direct system call, a truncated file), the copy must fail,
 * not the process.
 *
 * guard_install() puts handlers for SIGSEGV and SIGBUS in front of the program's: a fault inside a
 * guarded copy ends the copy with -EFAULT, any other goes to the program. The preload installs the
 * handlers and keeps them in front; an embedding program may do so. Without them a guarded copy is
 * an ordinary one.
 */
#ifndef MEM_GUARD_H
#define MEM_GUARD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies @len bytes. 0, or -EFAULT: a page of either side is bad (what was copied before stays). */
int guard_copy(void *dst, const void *src, size_t len);

#if defined(__x86_64__)
/* What guard_copy() uses: 2, AVX-512; 1, AVX; 0, neither. Only tests change it. */
extern uint8_t guard_vectors __attribute__((visibility("hidden")));
#endif

/* guard_copy() of the aligned word @src, which is read at once. */
int guard_load(uint64_t *dst, const uint64_t *src);

/*
 * Copies the string @src, at most @size bytes of it. Returns its length, @size if it does not end
 * within them, or -EFAULT when it cannot be read.
 */
int guard_copy_string(char *dst, const char *src, size_t size);

/*
 * Atomically replaces the aligned word @word by @new if it equals @old. 0; 1: it is different and
 * was left alone; -EFAULT: it cannot be reached.
 */
int guard_exchange(uint64_t *word, uint64_t old, uint64_t new);

/* What is done to a word at once. */
enum guard_op {
	GUARD_ADD,	    /* add the operand */
	GUARD_SWAP,	    /* store the operand */
	GUARD_COMPARE_SWAP, /* store the operand if the word is what it is compared with */
};

/*
 * Atomically does @op to the aligned word of @size 4 or 8 bytes at @word; *@old becomes what it was
 * before. 0, or -EFAULT: it cannot be reached, and nothing has changed.
 */
int guard_atomic(void *word, unsigned int size, enum guard_op op, uint64_t operand,
		 uint64_t compare, uint64_t *old);

/* How many pages one guard_touch() touches at most: each at an offset of its own. */
#define GUARD_TOUCHES 63

/*
 * Makes @pages pages from that of @page on present, as a read of a device or (@write) a write
 * would, which leaves the bytes as they are for every thread. 0, or -EFAULT: one of them cannot be
 * reached so.
 */
int guard_touch(void *page, unsigned int pages, bool write);

/* Installs the handlers; idempotent. 0 or a negative errno. */
int guard_install(void);

bool guard_installed(void);

/*
 * Whether a guarded copy that fails now ends with -EFAULT: the handlers are installed, and the
 * thread is not in the one of guard_set_bus_handler().
 */
bool guard_ready(void);

/*
 * Sets a handler for each SIGBUS of an access beyond the end of what is mapped at @addr, except in
 * guarded copies. It runs with all signals blocked. True: it has made the access, and the thread
 * continues with @context, a ucontext_t. False: the signal goes to the program.
 */
typedef bool (*guard_bus_handler)(uintptr_t addr, void *context);
void guard_set_bus_handler(guard_bus_handler handler);

/*
 * In that handler a guarded copy that fails would end the process. Around copies there, that may
 * fail: guard_open() lets them end with -EFAULT, guard_close() restores what it was. Elsewhere both
 * do nothing. False: the handler runs on an alternate stack that has no room for another one; then
 * the copies must not be made.
 */
bool guard_open(sigset_t *before);
void guard_close(const sigset_t *before);

/* Sets what is called when a fault will end the process, in the handler of the signal. */
void guard_set_fatal_handler(void (*handler)(void));

/*
 * The program's sigaction() for SIGSEGV and SIGBUS, once ours are installed: records @act (may be
 * NULL) as the action to forward to, and gives the former one in *@old (may be NULL). Returns 0.
 */
int guard_sigaction(int signo, const struct sigaction *act, struct sigaction *old);

#endif
