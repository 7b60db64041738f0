/* SPDX-License-Identifier: MIT */
/*
 * Leaves of the usual sizes, one code for each format and level: masks that say whether an entry is
 * such a leaf, with which rights, and where it leads. So a reader that has the address of a table
 * translates in a few instructions, without knowing its format.
 *
 * A leaf that its code does not describe (one with copies, a RISC-V NAPOT page, a page of Arm's
 * stage 1 that was clean) is read by leaf_code_decode().
 *
 * Invariant: what a code says of an entry is what iopt_translate() says (leaf_code_test.c).
 */
#ifndef IOPT_LEAF_CODE_H
#define IOPT_LEAF_CODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/check.h"
#include "iopt/geometry.h"
#include "iopt/iopt.h"

enum {
	LEAF_CODE_LEVELS = 3, /* from pages on: 4 KiB, 2 MiB, 1 GiB */
	LEAF_CODE_RIGHTS = 4, /* any of IOPT_READ and IOPT_WRITE */
	LEAF_CODE_SIZE =
		128, /* bytes, so that an index fits in the low bits of a table's address */
};

struct leaf_code {
	/*
	 * An entry that equals @value in the bits of @mask is such a leaf, and has the rights of
	 * the index. It may be one, and may have them, if not. Without rights, none is.
	 */
	uint64_t mask[LEAF_CODE_RIGHTS], value[LEAF_CODE_RIGHTS];
	uint64_t inside;	    /* the bits of an address that lie within such a leaf */
	uint64_t oa;		    /* the address in an entry, ... */
	unsigned int oa_shift;	    /* ... to be shifted left by this */
	unsigned int size_shift;    /* log2 of the size */
	const struct iopt_ops *ops; /* of the format */
} __attribute__((aligned(128)));

/* A format's codes begin at its enum iopt_codes; the level counts from there. */
extern const struct leaf_code leaf_codes[];

/* The address of @table, and in its low bits the place of the code of its entries. */
static inline uint64_t leaf_code_word(const uint64_t *table, enum iopt_codes codes,
				      unsigned int level)
{
	return (uintptr_t)table | (codes + level) * LEAF_CODE_SIZE;
}

static inline const struct leaf_code *leaf_code_of(uint64_t word)
{
	return (const void *)((const char *)leaf_codes + word % (1 << IOPT_TABLE_SHIFT));
}

static inline const uint64_t *leaf_code_table(uint64_t word)
{
	return (const void *)(uintptr_t)align_down(word, 1 << IOPT_TABLE_SHIFT);
}

/* Loads the entry for @iova from the table of @word, whose entries are for 2^@shift bytes each. */
static inline uint64_t leaf_code_load(uint64_t word, unsigned int shift, uint64_t iova)
{
	return __atomic_load_n(&leaf_code_table(word)[(iova >> shift) % IOPT_ENTRIES],
			       __ATOMIC_ACQUIRE);
}

/* Whether @entry is such a leaf, for sure, and has the rights @need. */
static inline bool leaf_code_matches(const struct leaf_code *code, uint64_t entry,
				     unsigned int need)
{
	return !((entry ^ code->value[need]) & code->mask[need]);
}

/* Where a leaf of that code begins. */
static inline uint64_t leaf_code_oa(const struct leaf_code *code, uint64_t entry)
{
	return (entry & code->oa) << code->oa_shift;
}

/*
 * The long way: what the leaf @entry says, which was read for @iova from a table that @code
 * describes, whether or not it has its size; but not whether it is dirty. False: it is none.
 */
bool leaf_code_decode(const struct leaf_code *code, uint64_t entry, uint64_t iova,
		      struct iopt_leaf *leaf);

#endif
