/* SPDX-License-Identifier: MIT */
/*
 * Where pinned pages stay that the program has taken away: addresses that it does not know, until
 * the last source that has them pinned gives them back.
 *
 * The addresses come from arenas: address space that the engine reserves, in pieces much larger
 * than the holes that a program leaves, and does not give back. So no call of the program means
 * them, not even one that covers a hole which it left itself. Each page of an arena counts its
 * holders. The taker holds what it takes; each source that has the pages holds them as well.
 * Thread-safe.
 *
 * Cost: taking is O(pages), and a scan of the arena when it has been used up once; the rest is
 * O(pages), and a system call for each contiguous piece that is given back.
 */
#ifndef MEM_ASIDE_H
#define MEM_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Reserves the first arena, if it is not there: the earlier, the fewer holes the program has left.
 */
void aside_prepare(void);

/*
 * *@addr: addresses for @pages pages that are at @va now, aligned to a large page if that is as
 * large and @va is. The caller holds each page once, and moves memory there. 0 or -ENOMEM.
 */
int aside_take(uint64_t va, uint64_t pages, uint64_t *addr);

/* Holds each of @pages once more. The caller knows of a holder. */
void aside_hold(uint64_t addr, uint64_t pages);

/*
 * Ends one hold of each page; memory that has no holder left is freed. The pages may have been
 * taken by several calls.
 */
void aside_release(uint64_t addr, uint64_t pages);

/*
 * The addresses of @pages are about to be unmapped: they are never used again. Their holds, one
 * each, end by aside_release() all the same.
 */
void aside_lose(uint64_t addr, uint64_t pages);

/*
 * Gives the addresses back that are reserved for what may come: the program's are limited now.
 */
void aside_trim(void);

/* What is here is not the program's locked memory, whatever it has locked (mlockall(2)). */
void aside_unlock(void);

/* Whether @addr is in an arena. */
bool aside_has(uint64_t addr);

/* For tests: how many pages have a holder. */
uint64_t aside_held(void);

#endif
