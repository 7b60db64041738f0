/* SPDX-License-Identifier: MIT */
/*
 * Where a thread has found translations before: a cache of page tables that each thread has for
 * itself, as the processor's cache of paging structures, so that a look-up is one load from a table
 * and a few from the thread's own memory.
 *
 * An entry names the table with the leaves of 4 KiB, 2 MiB or 1 GiB for an aligned block of IOVA of
 * one domain without stage 1; a block is what a whole table translates. It is valid as long as the
 * counter that it was stamped with has the value of the stamp. What it leads to is read from the
 * table each time, so an unmap that leaves the table is seen at once, and changes no counter.
 *
 * Why nothing stale is used: the leaf is loaded before the counter, and a table is used for
 * anything else only after its block's counter has changed, so a thread that still finds the old
 * value has loaded what the table said when it was one. It may have been unmapped meanwhile, as
 * after any walk: a thread inside the gate, which it entered before it looked, is one that the
 * unmap waits for. (The processor's stores reach all others at once, as those of x86, Armv8 and
 * RISC-V do.) Tables stay readable after they are freed (iopt/arena.h).
 *
 * The entry that was found last is tried first (lookaside_find_quickly()): where it is depends on
 * nothing, so a processor that works ahead has read it before it knows the address.
 *
 * Counters are shared by blocks and domains, by a hash, so that they live as long as the process.
 * Two that share a counter cost each other misses, no more. A counter says whether it was taken as
 * a stamp since it last changed; only then an unmap that retires tables changes it.
 *
 * Locks: none. Entries belong to their thread.
 *
 * Cost: 32 bytes for each table that a thread has used, at most 129 KiB. An unmap costs nothing
 * unless it empties tables: then a load for each block of each size that it touches.
 */
#ifndef IOMMU_LOOKASIDE_H
#define IOMMU_LOOKASIDE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/check.h"
#include "base/gate.h"
#include "iopt/leaf_code.h"

struct iommu_domain;
struct nested_recent;

enum {
	LOOKASIDE_ENTRIES = 4096,
	LOOKASIDE_SHIFTS = 1024,
	LOOKASIDE_BLOCK_SHIFT = IOPT_TABLE_SHIFT + IOPT_INDEX_BITS, /* of the smallest blocks */
	LOOKASIDE_COUNTERS = 512,
	LOOKASIDE_TAKEN = LOOKASIDE_COUNTERS, /* in a counter: as a stamp, since it changed */
	LOOKASIDE_RIGHTS = IOPT_READ | IOPT_WRITE,
	LOOKASIDE_USED = LOOKASIDE_RIGHTS + 1, /* no right: of every entry that is in use */
	LOOKASIDE_ENTIRE = LOOKASIDE_USED + LOOKASIDE_RIGHTS,
	LOOKASIDE_DOMAIN_SHIFT = 7, /* log2 of how far domains are apart, or more */
};

#define LOOKASIDE_INLINE inline __attribute__((always_inline))

struct lookaside_entry {
	/* The address of the domain, LOOKASIDE_USED, and the rights that need not the long way. */
	uint64_t domain;
	uint64_t block; /* the first IOVA, and in the low bits its log2 of size */
	uint64_t table; /* its address, and in the low bits the place of its code in leaf_codes[] */
	uint64_t stamp;
};

struct lookaside {
	struct lookaside_entry entries[LOOKASIDE_ENTRIES];
	uint8_t shifts[LOOKASIDE_SHIFTS];   /* log2 of the size of the blocks in some places */
	const struct lookaside_entry *last; /* that was found */
	unsigned int conflicts;
	/* The last domain that the thread has looked for in vain because it has a stage 1. */
	const struct iommu_domain *nested;
	struct nested_recent *recent; /* iommu/nested_recent.h; NULL: none */
};

/* The low bits are the number of the counter, and whether it was taken as a stamp. */
extern _Atomic uint64_t lookaside_counters[LOOKASIDE_COUNTERS];

static inline uint64_t lookaside_hash(const struct iommu_domain *domain)
{
	return (uintptr_t)domain >> LOOKASIDE_DOMAIN_SHIFT;
}

static inline size_t lookaside_place(const struct iommu_domain *domain, uint64_t iova)
{
	return ((iova >> LOOKASIDE_BLOCK_SHIFT) + lookaside_hash(domain)) % LOOKASIDE_SHIFTS;
}

/* The log2 of size of the blocks around @iova, if any is known. */
static inline unsigned int lookaside_shift(const struct lookaside *cache,
					   const struct iommu_domain *domain, uint64_t iova)
{
	return cache->shifts[lookaside_place(domain, iova)];
}

static inline size_t lookaside_index(const struct iommu_domain *domain, uint64_t iova,
				     unsigned int shift)
{
	return ((iova >> shift) + lookaside_hash(domain)) % LOOKASIDE_ENTRIES;
}

static inline uint64_t lookaside_block(uint64_t iova, unsigned int shift)
{
	return iova >> shift << shift | shift;
}

/*
 * The entry of the last look-up that found one, if it is for @iova in @domain (may be NULL) and for
 * all rights. NULL: another one may be.
 */
static LOOKASIDE_INLINE const struct lookaside_entry *
lookaside_last(const struct lookaside *cache, const struct iommu_domain *domain, uint64_t iova)
{
	const struct lookaside_entry *entry = cache->last;

	return entry->domain == (uintptr_t)domain + LOOKASIDE_ENTIRE &&
			       !((entry->block ^ iova) >> (entry->block % 64))
		       ? entry
		       : NULL;
}

/* The entry for @iova in @domain, a block of 2^@shift bytes, and the rights @need, or NULL. */
static LOOKASIDE_INLINE const struct lookaside_entry *
lookaside_entry_of(struct lookaside *cache, const struct iommu_domain *domain, uint64_t iova,
		   unsigned int need, unsigned int shift)
{
	const struct lookaside_entry *entry = &cache->entries[lookaside_index(domain, iova, shift)];
	const uint64_t wanted = (uintptr_t)domain + LOOKASIDE_USED + need;

	if (__builtin_expect(((entry->domain ^ wanted) & (~(uint64_t)LOOKASIDE_RIGHTS | need)) ||
				     entry->block != lookaside_block(iova, shift),
			     0))
		return NULL;
	cache->last = entry;
	return entry;
}

/* The same in fewer instructions, if the entry is for all rights. NULL: another one may be. */
static LOOKASIDE_INLINE const struct lookaside_entry *
lookaside_entire_of(struct lookaside *cache, const struct iommu_domain *domain, uint64_t iova,
		    unsigned int shift)
{
	const struct lookaside_entry *entry = &cache->entries[lookaside_index(domain, iova, shift)];

	if (__builtin_expect(entry->domain != (uintptr_t)domain + LOOKASIDE_ENTIRE ||
				     entry->block != lookaside_block(iova, shift),
			     0))
		return NULL;
	cache->last = entry;
	return entry;
}

/* An entry of a table, and what it means. */
struct lookaside_leaf {
	const struct leaf_code *code;
	uint64_t entry;
};

/*
 * Loads what translates @iova by @entry (may be NULL), whose leaves are of 2^@shift bytes. That is
 * asked for, because what is known sooner than the entry is need not wait for it. False: there is
 * nothing, or not any more.
 */
static LOOKASIDE_INLINE bool lookaside_load(const struct lookaside_entry *entry, unsigned int shift,
					    uint64_t iova, struct lookaside_leaf *leaf)
{
	uint64_t stamp;

	if (!entry)
		return false;
	leaf->code = leaf_code_of(entry->table);
	leaf->entry = leaf_code_load(entry->table, shift, iova);
	stamp = entry->stamp;
	return __builtin_expect(
		atomic_load_explicit(&lookaside_counters[stamp % LOOKASIDE_COUNTERS],
				     memory_order_acquire) == stamp,
		1);
}

/*
 * How many bytes are contiguous from @iova on, or more than @want, if @leaf, which translates it,
 * was loaded by @entry: as far as the leaves of the table go on from each other, with the rights
 * @need. They are loaded before the counter, as the first one was.
 */
static inline uint64_t lookaside_extent(const struct lookaside_entry *entry, uint64_t iova,
					unsigned int need, uint64_t want,
					const struct lookaside_leaf *leaf)
{
	const struct leaf_code *code = leaf->code;
	const uint64_t size = code->inside + 1, stamp = entry->stamp;
	const uint64_t first = size - (iova & code->inside);
	const uint64_t index = (iova >> code->size_shift) % IOPT_ENTRIES;
	const uint64_t most =
		min_u64(((want - first - 1) >> code->size_shift) + 1, IOPT_ENTRIES - 1 - index);
	const uint64_t *leaves = leaf_code_table(entry->table) + index + 1;
	const uint64_t step = size >> code->oa_shift;
	uint64_t next = leaf->entry, more = 0;

	for (; more < most; more++) {
		const uint64_t other = __atomic_load_n(&leaves[more], __ATOMIC_ACQUIRE);

		next += step;
		/* What is not of the address is mostly the same; the rights must be there. */
		if (other != next && (!leaf_code_matches(code, other, need) ||
				      leaf_code_oa(code, other) != leaf_code_oa(code, next)))
			break;
	}
	return atomic_load_explicit(&lookaside_counters[stamp % LOOKASIDE_COUNTERS],
				    memory_order_acquire) == stamp
		       ? first + (more << code->size_shift)
		       : first;
}

/*
 * Where @entry (may be NULL), whose leaves are of 2^@shift bytes, says that @iova leads:
 * lookaside_find() describes the rest.
 */
static LOOKASIDE_INLINE bool lookaside_read(const struct lookaside_entry *entry, unsigned int shift,
					    uint64_t iova, unsigned int need, uint64_t want,
					    uint64_t *bus, uint64_t *len)
{
	struct lookaside_leaf leaf;
	uint64_t inside;

	if (!lookaside_load(entry, shift, iova, &leaf) ||
	    __builtin_expect(!leaf_code_matches(leaf.code, leaf.entry, need), 0))
		return false;
	inside = iova & leaf.code->inside;
	*bus = leaf_code_oa(leaf.code, leaf.entry) | inside;
	*len = leaf.code->inside + 1 - inside;
	/* A byte has one leaf, which the compiler sees where @want is a constant. */
	if (want > 1 && *len < want)
		*len = lookaside_extent(entry, iova, need, want, &leaf);
	return true;
}

/* By the table that was used last, if @iova is in its block. */
static LOOKASIDE_INLINE bool lookaside_read_last(const struct lookaside_entry *entry, uint64_t iova,
						 unsigned int need, uint64_t want, uint64_t *bus,
						 uint64_t *len)
{
	return lookaside_read(entry, leaf_code_of(entry->table)->size_shift, iova, need, want, bus,
			      len);
}

/*
 * Where @iova leads in @domain (may be NULL; need not live any more), and how many bytes are
 * contiguous there: of the @want that are asked for, as far as one table goes, or more. Found if
 * the thread knows the table, and may use it for a request that needs the rights @need (IOPT_READ,
 * IOPT_WRITE), and the leaf has these and one of the usual sizes.
 *
 * Blocks of tables with pages, the usual ones, are looked for with constants behind a branch: the
 * processor foresees it, and does not wait for the block's size before it looks at the entry.
 */
static LOOKASIDE_INLINE bool lookaside_find(const struct iommu_domain *domain, uint64_t iova,
					    unsigned int need, uint64_t want, uint64_t *bus,
					    uint64_t *len)
{
	struct lookaside *cache = gate_cache;
	const struct lookaside_entry *entry;
	unsigned int shift;

	if (__builtin_expect(!cache, 0))
		return false;
	entry = lookaside_last(cache, domain, iova);
	if (entry)
		return lookaside_read_last(entry, iova, need, want, bus, len);
	shift = lookaside_shift(cache, domain, iova);
	if (shift == LOOKASIDE_BLOCK_SHIFT) {
		entry = lookaside_entry_of(cache, domain, iova, need, LOOKASIDE_BLOCK_SHIFT);
		return lookaside_read(entry, IOPT_TABLE_SHIFT, iova, need, want, bus, len);
	}
	entry = lookaside_entry_of(cache, domain, iova, need, shift);
	return lookaside_read(entry, shift - IOPT_INDEX_BITS, iova, need, want, bus, len);
}

/*
 * lookaside_find() of a byte, in fewer instructions: by the table that was used last, or, in a
 * thread that has nothing of nested_recent.h, by another one for all rights.
 */
static LOOKASIDE_INLINE bool lookaside_find_quickly(const struct iommu_domain *domain,
						    uint64_t iova, unsigned int need, uint64_t *bus,
						    uint64_t *len)
{
	struct lookaside *cache = gate_cache;
	const struct lookaside_entry *entry;
	unsigned int shift;

	if (__builtin_expect(!cache, 0))
		return false;
	entry = lookaside_last(cache, domain, iova);
	if (entry)
		return lookaside_read_last(entry, iova, need, 1, bus, len);
	if (cache->recent)
		return false;
	shift = lookaside_shift(cache, domain, iova);
	if (shift == LOOKASIDE_BLOCK_SHIFT) {
		entry = lookaside_entire_of(cache, domain, iova, LOOKASIDE_BLOCK_SHIFT);
		return lookaside_read(entry, IOPT_TABLE_SHIFT, iova, need, 1, bus, len);
	}
	entry = lookaside_entire_of(cache, domain, iova, shift);
	return lookaside_read(entry, shift - IOPT_INDEX_BITS, iova, need, 1, bus, len);
}

/* lookaside_find() for leaves of all sizes, in more instructions. */
bool lookaside_find_any(const struct iommu_domain *domain, uint64_t iova, unsigned int need,
			uint64_t *bus, uint64_t *len);

/* Whether a look-up may find something: the thread has a cache, and @domain no known stage 1. */
static inline bool lookaside_serves(const struct iommu_domain *domain)
{
	const struct lookaside *cache = gate_cache;

	return cache && cache->nested != domain;
}

/* @domain has a stage 1. */
static inline void lookaside_pass(const struct iommu_domain *domain)
{
	struct lookaside *cache = gate_cache;

	if (cache)
		cache->nested = domain;
}

/*
 * Remembers the table of the leaf around @iova of @len bytes, which a walk has just found in
 * @domain. If there is no memory, nothing is remembered. Context: in a read-side critical section.
 */
void lookaside_add(const struct iommu_domain *domain, uint64_t iova, uint64_t len);

/*
 * Tables that translated addresses in [@iova, @iova + @len) of @domain were retired: its entries of
 * them are invalid when this returns. Context: a full fence separates that from the call.
 */
void lookaside_retired(const struct iommu_domain *domain, uint64_t iova, uint64_t len);

/* All entries are invalid when this returns. The same context. */
void lookaside_forget_all(void);

/* What the calling thread has of nested_recent.h, made when it is first asked for, or NULL. */
struct nested_recent *lookaside_recent(void);

#endif
