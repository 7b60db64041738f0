/* SPDX-License-Identifier: MIT */
/*
 * Detours at the call sites inside the C library and the dynamic linker: their functions call one
 * another directly (opendir() opens, free() unmaps), which the functions that replace them do not
 * see.
 *
 * A site is the instruction before the syscall instruction, as a rule the load of the number, or
 * the last few. It becomes a jump. The syscall instruction stays as it is, so threads that wait in
 * it, calls that are restarted, and jumps to it are not affected.
 *
 * Detours are made when the first emulated file is opened, or when the program calls one of the few
 * functions inside which they matter before: a program that does neither pays nothing.
 */
#ifndef PRELOAD_TRAP_DETOUR_H
#define PRELOAD_TRAP_DETOUR_H

#include <stdbool.h>

#include "base/sys.h"

/* Sets which numbers are wanted (or SCAN_ANY_NUMBER). Until then nothing is changed. */
void detours_set(bool (*wants)(long number));

/*
 * Changes each site whose number is wanted; idempotent. Sites that cannot be changed, because the
 * system does not let code be written, are one line in the log, and the C library's own calls then
 * reach the kernel unseen, as on processors other than x86-64.
 *
 * Context: any thread; others may run. Calls no allocator.
 */
void detours_install(void);

/* The same for the dynamic linker alone. */
void detours_install_linker(void);

/* Something emulated is about to be opened: installs, and the engine is to be asked from now on. */
void detours_begin(void);
GENERAL_REGISTERS bool detours_begun(void);

/* In the child of a fork: another thread of the parent may have been installing. */
void detours_fork_child(void);

/* Whether the C library's own calls of @number are caught, all of them. */
bool detours_cover(long number);

/*
 * The C library's code, with that of its threads, and the instructions "syscall; ret" in it. NULL:
 * not found.
 */
struct detour_libc {
	const unsigned char *code, *end;
	const unsigned char *gate;
};

const struct detour_libc *detours_libc(void);

#endif
