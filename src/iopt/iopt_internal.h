/* SPDX-License-Identifier: MIT */
/*
 * What the formats, the walker and iopt.c share: struct iopt and the rules of access to entries.
 *
 * Entries are words that one writer changes while any number of readers walk. A reader loads an
 * entry once. Leaves are stored with relaxed order, since no DMA to a mapping is valid before map
 * has returned. A pointer to a table is stored with release order, after the table was filled.
 */
#ifndef IOPT_IOPT_INTERNAL_H
#define IOPT_IOPT_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bits.h"
#include "base/tsan.h"
#include "iopt/arena.h"
#include "iopt/geometry.h"
#include "iopt/iopt.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "entries are little-endian words, which are read and written as they are"
#endif

struct iopt {
	/*
	 * The top: the address of its table, and in the low bits its level. One word: they agree.
	 */
	uint64_t root;
	/*
	 * The same for the table where translation begins: the lowest one through which everything
	 * mapped is reached. It is the root, or reached from there through first entries. What it
	 * does not cover is not mapped.
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

	/* Keeps what the writer changes on other cache lines than what readers load. */
	char padding[64];
	struct arena arena;
	uint64_t retired; /* how many tables ever were */
#ifndef NDEBUG
	bool changing; /* atomic: a change is under way */
#endif
};

static inline uint64_t entry_load(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

/* For the writer: no other thread stores what it has to see. */
static inline uint64_t entry_own(const uint64_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void entry_store(uint64_t *entry, uint64_t value)
{
	__atomic_store_n(entry, value, __ATOMIC_RELAXED);
}

/*
 * For tables that readers do not see yet, or not any more: the compiler may merge these stores.
 * Readers of a retired table are gone after a grace period. ThreadSanitizer does not know that, so
 * for it each store is atomic.
 */
static inline void entry_store_unseen(uint64_t *entry, uint64_t value)
{
#ifdef BASE_THREAD_SANITIZER
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
 * Changes the entry from @old to @value; false if it is not @old any more. Acquire and release: a
 * thread that finds a page dirty also sees what was written before it was marked.
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
 * The second half of iopt_create(), after the format has filled in widths, aperture and first top:
 * chooses the page sizes from @available and allocates the top. 0, -EINVAL or -ENOMEM.
 */
int iopt_finish(struct iopt *pt, const struct iopt_config *config, uint64_t available);

/* Stores @entry, @entry + @step, ... in all entries of @table, which no reader sees yet. */
void iopt_fill_table(uint64_t *table, uint64_t entry, uint64_t step);

/* The end of a line of a dump: @count leaves, of which @leaf is the first. */
void iopt_print_leaves(FILE *out, const struct iopt_leaf *leaf, uint64_t count);

extern const struct iopt_ops iopt_amdv1_ops;
extern const struct iopt_ops iopt_amdv1_mock_ops;
extern const struct iopt_ops iopt_vtdss_ops;
extern const struct iopt_ops iopt_x86_64_ops;
extern const struct iopt_ops iopt_riscv_ops;
extern const struct iopt_ops iopt_arm_s1_ops;
extern const struct iopt_ops iopt_arm_s2_ops;

#endif
