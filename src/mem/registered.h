/* SPDX-License-Identifier: MIT */
/*
 * Ranges of this process's memory that an embedding program has promised to keep: they are present,
 * so a pin need not populate them.
 *
 * Few ranges are written rarely, under registered.lock, and read by every pin without it: an entry
 * is changed while its start is UNUSED, and a reader that finds another start after it has read the
 * rest takes it for unused. Such a reader populates, which is always right.
 *
 * Cost of a look-up: a load for each entry up to the last one that was ever in use.
 */
#ifndef MEM_REGISTERED_H
#define MEM_REGISTERED_H

#include <stdbool.h>
#include <stdint.h>

/* Whole pages, which are present. 0 or -ENOSPC. */
int registered_add(uint64_t va, uint64_t len, bool writable);

/* 0; -ENOENT: it was not added. */
int registered_remove(uint64_t va, uint64_t len);

/* Whether one range has all of [@va, @va + @len), for writing if @write. */
bool registered_has(uint64_t va, uint64_t len, bool write);

#endif
