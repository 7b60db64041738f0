/* SPDX-License-Identifier: MIT */
/*
 * Addresses that the program does not know, for pinned pages that it takes away, until the last
 * source that has them pinned gives them back.
 */
#ifndef MEM_ASIDE_H
#define MEM_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Addresses for @pages pages that are at @va now: *@addr, on a large page's boundary where @va is.
 * @shared: several sources may have the same page. 0 or -ENOMEM.
 */
int aside_take(uint64_t va, uint64_t pages, bool shared, uint64_t *addr);

/* Gives back all of what aside_take() gave, before anybody shares it. */
void aside_cancel(uint64_t addr, uint64_t pages);

/* One more source has these pages. Only for those taken as shared. */
void aside_share(uint64_t addr, uint64_t pages);

/* A source does not need these pages any more: those that no other one has are gone. */
void aside_release(uint64_t addr, uint64_t pages);

#endif
