/* SPDX-License-Identifier: MIT */
/*
 * A user's tables of each format of software nesting [EXT-SOFT-NESTING-LAYOUT.1], as a guest builds
 * them. All have 9 bits of the address for each level; levels are counted from 0, that of pages.
 */
#ifndef TESTS_LIB_SOFT_TABLES_H
#define TESTS_LIB_SOFT_TABLES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SOFT_READ = 1,
	SOFT_WRITE = 2,
};

struct soft_tables {
	const char *name;
	uint32_t format; /* enum iommu_soft_s1_format */
	unsigned int levels;
	/* What leads to the table at @address, of level @level - 1; to the page there. */
	uint64_t (*table)(uint64_t address, unsigned int level);
	/* @rights: SOFT_READ, perhaps with SOFT_WRITE. Neither accessed nor dirty. */
	uint64_t (*leaf)(uint64_t address, unsigned int level, unsigned int rights);
	uint64_t (*address)(uint64_t entry);
	uint64_t accessed, dirty; /* bits of a leaf */
	bool dirty_clears;	  /* Arm: the bit makes a page read-only while it is clean */
	bool clear_faults;	  /* without MARK, a clear accessed bit is a fault */
	const char *not_present;  /* the name of a read's fault at an entry that is not there */
	const char *denied;	  /* of a write's to a read-only page */
};

enum {
	SOFT_TABLES = 8
};

extern const struct soft_tables soft_tables[SOFT_TABLES];

#endif
