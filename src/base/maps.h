/* SPDX-License-Identifier: MIT */
/*
 * The mappings of this process, from /proc/self/maps. Allocates nothing.
 *
 * Cost: the system formats the list, about a microsecond for each mapping.
 */
#ifndef BASE_MAPS_H
#define BASE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct maps_entry {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	bool readable, writable;
	char name[256]; /* "" for anonymous memory; longer ones are cut */
};

/* Calls @visit for each mapping, ascending, until it returns false. 0, or a negative errno. */
int maps_for_each(bool (*visit)(const struct maps_entry *entry, void *arg), void *arg);

#endif
