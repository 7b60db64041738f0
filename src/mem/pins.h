/* SPDX-License-Identifier: MIT */
/*
 * Which pages of a source have how many users, and where those are that were moved aside: a map
 * from ranges of pages to both.
 *
 * The map is a treap of boundaries. Between two neighbouring boundaries all pages are alike; before
 * the first one no page has a user. A boundary lives while a pin begins or ends there, or while
 * what it separates differs, so that taking away a pin, with the very range it was added with,
 * needs no memory and cannot fail. Not locked.
 *
 * Cost: O(log n) in the number of boundaries, and O(log n) more for each boundary inside the range.
 */
#ifndef MEM_PINS_H
#define MEM_PINS_H

#include <stdbool.h>
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
	uint64_t bus; /* where the first page was moved to and the others follow; 0: not moved */
	bool aside; /* and that is ours, to be given back (mem/aside.h); else it is the program's */
};

/* The pages from @page on, below @end, that are alike (the longest such extent may be longer). */
struct pins_extent pins_extent_at(const struct pins *pins, uint64_t page, uint64_t end);

/* Makes boundaries at both ends of @pages. 0 or -ENOMEM (then none was made). */
int pins_cut(struct pins *pins, struct mem_pages pages);

/* Removes the boundaries at the ends of @pages and between them that nothing needs. */
void pins_tidy(struct pins *pins, struct mem_pages pages);

/* Adds a user to each page, and takes it away. Boundaries at both ends exist; adding keeps them,
 * and taking away gives them up: call pins_tidy() when done with the range. */
void pins_add(struct pins *pins, struct mem_pages pages);
void pins_sub(struct pins *pins, struct mem_pages pages);

/*
 * Says that @pages are at @bus now (0: at their own addresses), which is @aside or not. Boundaries
 * at both ends exist.
 */
void pins_set_bus(struct pins *pins, struct mem_pages pages, uint64_t bus, bool aside);

#endif
