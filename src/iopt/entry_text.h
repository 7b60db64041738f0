/* SPDX-License-Identifier: MIT */
/*
 * What the bits of a page-table entry say, in the names of the format's specification: for people
 * who look at a table, also at one that a guest has written and that is wrong.
 *
 * Context: any.
 */
#ifndef IOPT_ENTRY_TEXT_H
#define IOPT_ENTRY_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "iopt/iopt.h"

enum entry_kind {
	ENTRY_EMPTY, /* not present */
	ENTRY_TABLE,
	ENTRY_PAGE,
};

enum {
	ENTRY_BITS_SIZE = 128
};

struct entry_text {
	enum entry_kind kind;
	uint64_t table; /* address of the table that an ENTRY_TABLE points to */
	/*
	 * The fields that are not 0, the lowest first, without the address: "PR NextLevel=1 IR IW".
	 * Last "others 0x...", if bits are set that have no name in this kind of entry.
	 */
	char bits[ENTRY_BITS_SIZE];
};

/* @lowest: the entry is of the level that has the smallest pages. */
void iopt_entry_text(const struct iopt_format *format, bool lowest, uint64_t entry,
		     struct entry_text *text);

/* The number that the specification gives to the level that has the smallest pages. */
unsigned int iopt_lowest_level(const struct iopt_format *format);

#endif
