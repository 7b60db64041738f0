/* SPDX-License-Identifier: MIT */
/*
 * What all formats of page tables here have in common: a table is 4 KiB and holds 512 entries of
 * eight bytes, so each level translates nine more bits of the address.
 */
#ifndef IOPT_GEOMETRY_H
#define IOPT_GEOMETRY_H

enum {
	IOPT_TABLE_SHIFT = 12, /* log2 of a table's bytes, and of the smallest page (mock: half) */
	IOPT_INDEX_BITS = 9,
	IOPT_ENTRIES = 1 << IOPT_INDEX_BITS,
};

#endif
