/* SPDX-License-Identifier: MIT */
/*
 * What is known to be present of this process's memory, so that it need not be populated again:
 * MADV_POPULATE_* on pages that are all there costs a system call and some 40 ns for each page.
 *
 * Three things must hold before a pin may go without it: the memory is of a kind that can be pinned
 * (not a device's registers), it may be accessed as the pin wants, and each page is there, for a
 * pin for writing as a page that a write need not replace (not the zero page, not one that is
 * shared with a child until one of them writes).
 *
 * Short ranges: the first is remembered by page, from the time when the page was populated; the
 * other two are found out by touching each page under the guard, which does what a device's access
 * would do. So nothing depends on seeing each change of the address space: a hole, a lost right or
 * a page that is not there makes the touch fail or fill it. Only a mapping that cannot be pinned
 * and is put where memory has been must be reported, by resident_forget(). Without the guard no
 * page is touched, since the touch could raise a signal.
 *
 * Long ranges: the kernel is asked what is mapped and what is absent, without a touch. It does not
 * say which pages a fork has shared, so this is not done in a process that has forked, or is the
 * child of a fork.
 *
 * Whatever is not certain is populated by the system call, which alone tells the errors.
 *
 * Locks: none. Cost: a page 5 to 10 ns by a touch, 3 ns by asking.
 */
#ifndef MEM_RESIDENT_H
#define MEM_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * True: all pages of [@va, @va + @len), whole pages, are present, and may be read or (@write)
 * written. False: it is not known.
 */
bool resident_certain(uint64_t va, uint64_t len, bool write);

/*
 * Starts to fetch the line that resident_certain() will touch first for a pin of [@va, @va + @len),
 * whole pages. Nothing need be mapped there: a processor ignores a prefetch that would fault.
 */
void resident_prefetch(uint64_t va, uint64_t len);

/* The system call has populated [@va, @va + @len). */
void resident_learn(uint64_t va, uint64_t len);

/* Something that may be no memory has been mapped at [@va, @va + @len). */
void resident_forget(uint64_t va, uint64_t len);

#endif
