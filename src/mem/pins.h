/* SPDX-License-Identifier: MIT */
/*
 * How many users each page of a source has, and where pages are that have moved: a map from ranges
 * of pages to both.
 *
 * The map is a treap of boundaries. Invariants: between two neighbouring boundaries all pages are
 * alike; before the first one no page has a user or has moved; a boundary exists while a pin begins
 * or ends there, or while the pages on its sides differ. So taking away a pin, with the very range
 * it was added with, needs no memory and cannot fail. Not locked: the source's lock guards it.
 *
 * Cost: O(log n) in the number of boundaries, and O(log n) more for each boundary inside the range.
 */
#ifndef MEM_PINS_H
#define MEM_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/source.h"

struct pins_node;

struct pins {
	struct pins_node *root; /* NULL: no boundaries */
};

/* Pages that are alike. */
struct pins_extent {
	struct mem_pages pages;
	uint32_t users;
	uint64_t bus; /* where the first page has moved to, and the others after it; 0: not moved */
	bool aside;   /* @bus is of mem/aside.h, to which the pages go back; else the program's */
};

/* An extent of pages that are alike, from @page on, below @end. It need not be the longest. */
struct pins_extent pins_search(const struct pins *pins, uint64_t page, uint64_t end);

static inline struct pins_extent pins_extent_at(const struct pins *pins, uint64_t page,
						uint64_t end)
{
	if (__builtin_expect(pins->root != NULL, 0))
		return pins_search(pins, page, end);
	return (struct pins_extent){.pages = {.first = page, .count = end - page}};
}

/* Makes boundaries at both ends of @pages. 0, or -ENOMEM: nothing has changed. */
int pins_cut(struct pins *pins, struct mem_pages pages);

/* Removes the boundaries at the ends of @pages, and between them, that nothing needs. */
void pins_tidy(struct pins *pins, struct mem_pages pages);

/*
 * Add a user to each page, and take it away. Boundaries at both ends exist. A pin keeps them;
 * after taking it away, pins_tidy() removes those that nothing else needs.
 */
void pins_add(struct pins *pins, struct mem_pages pages);
void pins_sub(struct pins *pins, struct mem_pages pages);

/*
 * Records that @pages are at @bus now (0: at their own addresses), and whether that is @aside.
 * Boundaries at both ends exist.
 */
void pins_set_bus(struct pins *pins, struct mem_pages pages, uint64_t bus, bool aside);

#endif
