/* SPDX-License-Identifier: MIT */
/*
 * The pages of this process that the kernel has lately read or written for a copy of the program's
 * memory. A copy within them is made directly, under the guard, for which a system call would take
 * a hundred times as long.
 *
 * It is a hint: if a page has gone away since, the guarded copy fails, and the kernel is asked
 * again. So an address that was never good costs what it always did, and raises no signal.
 *
 * Locks: none. Cost: a load for each page.
 */
#ifndef MEM_REACHED_H
#define MEM_REACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum reached_by {
	REACHED_BY_READ = 1,
	REACHED_BY_WRITE = 2,
};

/* Whether the kernel has reached all pages of [@addr, @addr + @len), which are a few, @by. */
bool reached_before(uint64_t addr, size_t len, enum reached_by by);

/* The kernel has copied from or to (@by) all of [@addr, @addr + @len). */
void reached_learn(uint64_t addr, size_t len, enum reached_by by);

/* The pages of [@addr, @addr + @len) have been unmapped, or are other memory now. */
void reached_forget(uint64_t addr, uint64_t len);

#endif
