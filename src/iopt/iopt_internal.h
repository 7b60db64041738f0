/* SPDX-License-Identifier: MIT */
/*
 * What the formats, the walker and the wrappers share: struct iopt and the rules for entries.
 *
 * Entries are words in memory that one writer changes while any number of readers walk. A reader
 * loads an entry once. Leaves are stored with relaxed order: the owner tells nobody of a mapping
 * before map has returned. A pointer to a table is stored with release order, after the table was
 * filled.
 */
#ifndef IOPT_IOPT_INTERNAL_H
#define IOPT_IOPT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "iopt/arena.h"
#include "iopt/geometry.h"
#include "iopt/iopt.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "entries are little-endian words, which are read and written as they are"
#endif

#if defined(__SANITIZE_THREAD__)
#define IOPT_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define IOPT_THREAD_SANITIZER 1
#endif
#endif

struct iopt {
	/* Address of the top table, in the low bits its level; one word, so that the two agree. */
	uint64_t root;
	/*
	 * The same for the table where translation begins: the lowest one that all that is mapped
	 * is under, found from the root through first entries. What it does not cover is not
	 * mapped.
	 */
	uint64_t start;
	struct iova_range aperture;
	unsigned int first_tables; /* side by side at the top */
	unsigned int first_top;	   /* level of the top when new */
	const struct iopt_ops *ops;
	const struct iopt_format *format;
	uint64_t pgsizes;
	unsigned int iova_bits;
	unsigned int oa_bits;
	unsigned int features;

	/* What the writer changes stays away from what readers load. */
	char padding[64];
	struct arena arena;
};

static inline uint64_t entry_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* For the writer, who knows what it stored. */
static inline uint64_t entry_own(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void entry_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/*
 * In a table that readers do not see yet, or no more: the compiler may join such stores. That they
 * are done with a table they saw before is known by a grace period, which ThreadSanitizer knows
 * nothing of; there each store counts.
 */
static inline void entry_store_unseen(uint64_t *entry, uint64_t value)
{
#ifdef IOPT_THREAD_SANITIZER
	entry_store(entry, value);
#else
	*entry = value;
#endif
}

static inline void entry_publish(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/*
 * Changes the entry from @old to @value; false if it is no longer @old. Ordered both ways: the
 * memory that a device wrote before it marked a page dirty is seen by whoever finds it dirty.
 */
static inline bool entry_replace(uint64_t *entry, uint64_t old, uint64_t value)
{
	return __atomic_compare_exchange_n(entry, &old, value, false, __ATOMIC_ACQ_REL,
					   __ATOMIC_RELAXED);
}

static inline uint64_t root_word(const uint64_t *table, unsigned int level)
{
	return (uintptr_t)table | level;
}

static inline uint64_t *root_table(uint64_t root)
{
	return (uint64_t *)(uintptr_t)(root & ~(uint64_t)(ARENA_TABLE_SIZE - 1));
}

static inline unsigned int root_level(uint64_t root)
{
	return (unsigned int)(root & (ARENA_TABLE_SIZE - 1));
}

/*
 * The rest of iopt_create() for a format that has filled in the widths, the aperture and the tops:
 * chooses the page sizes out of @available, allocates the top table.
 */
int iopt_finish(struct iopt *pt, const struct iopt_config *config, uint64_t available);

/* Stores @entry, @entry + @step, ... in all entries of a table that no reader sees yet. */
void iopt_fill_table(uint64_t *table, uint64_t entry, uint64_t step);

/* The rest of a line of a dump: what @count leaf entries say, of which @leaf is the first. */
void iopt_print_leaves(FILE *out, const struct iopt_leaf *leaf, uint64_t count);

extern const struct iopt_ops iopt_amdv1_ops;
extern const struct iopt_ops iopt_amdv1_mock_ops;
extern const struct iopt_ops iopt_vtdss_ops;
extern const struct iopt_ops iopt_x86_64_ops;
extern const struct iopt_ops iopt_riscv_ops;
extern const struct iopt_ops iopt_arm_s1_ops;
extern const struct iopt_ops iopt_arm_s2_ops;

#endif
