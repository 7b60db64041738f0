/* SPDX-License-Identifier: MIT */
/*
 * The walker: a template that implements struct iopt_ops once, for every format.
 *
 * How it is used. A format is one small .c file (iopt/x86_64.c is a plain example). It defines the
 * macros FMT_* and the functions fmt_*() listed below, which state the facts of that format, and
 * includes this file at its end. That defines the format's struct iopt_ops; its functions are
 * static, so the compiler inlines the facts and specialises each walk for the format. Without
 * FMT_OPS the file is empty. walk_map.h and walk_scan.h are the parts of it that change tables and
 * that go through whole ranges.
 *
 * Words.
 *	level	0 has the smallest pages; a table at level n + 1 points to tables at level n.
 *		Formats that count otherwise translate in fmt_level_number(), for people.
 *	item	what one entry of a level covers: 2^level_shift(level) bytes.
 *	leaf	an entry that ends the walk; it maps one page, small or large.
 *	copies	a page larger than its level's item is stored in each of the entries that it
 *		covers (AMD v1, Svnapot): one leaf with so many copies.
 *	top	the table where the root points, and its level; several tables may stand side by
 *		side there (Arm stage 2).
 *
 * What a format states:
 *	FMT_OPS			name of the struct iopt_ops to define
 *	FMT_GRANULE_SHIFT	log2 of the item of level 0
 *	FMT_MAX_TOP		the highest level that the top can be at
 *	FMT_GROWS		true: the top starts low and is replaced by higher ones
 *	FMT_FIRST_TABLES	true: there may be several tables side by side at the top
 *	FMT_FEATURES		the enum iopt_feature bits that the format supports
 *	FMT_DIRTY		true: leaves have a dirty state
 *	fmt_setup()		checks the widths of a config and fills in struct iopt
 *	fmt_pgsizes()		all leaf sizes at these widths
 *	fmt_is_table()		whether an entry above level 0 points to a table
 *	fmt_is_leaf()		whether an entry that does not is a leaf
 *	fmt_table()		the address in a table entry; fmt_make_table() is the reverse
 *	fmt_leaf_bits()		log2 of a leaf's size
 *	fmt_leaf_oa()		the address that a leaf begins at
 *	fmt_leaf_prot()		its rights (enum iopt_prot)
 *	fmt_attributes()	rights as they stand in a leaf, or -EINVAL, -EOPNOTSUPP
 *	fmt_make_leaf()		a leaf, for each of its copies
 *	fmt_encode_oa()		an address as it stands in a leaf; linear, so it serves for the
 *				difference between neighbours as well
 *	fmt_is_dirty(), fmt_dirty(), fmt_clean()	if FMT_DIRTY
 *	fmt_level_number()	what the specification calls a level
 *
 * Invariants (iopt_check() asserts them):
 * - an entry that is not in use is 0;
 * - a table's count (iopt/arena.h) is the number of its entries in use;
 * - a table below the top is never empty: map links only tables that have entries, and unmap
 *   unlinks those that it emptied. So map never finds an empty table where a large leaf goes.
 *
 * Readers take no lock (iopt/iopt_internal.h has the rules of access to entries). A walk of a range
 * carries its position along and visits each table once.
 */
#ifdef FMT_OPS

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

#include "base/check.h"
#include "iopt/iopt_internal.h"

#ifndef ALWAYS_INLINE /* `make coverage` counts the branches of each function once */
#define ALWAYS_INLINE inline __attribute__((always_inline))
#endif

#if !FMT_DIRTY
static inline bool fmt_is_dirty(uint64_t entry)
{
	(void)entry;
	return false;
}

static inline uint64_t fmt_dirty(uint64_t entry)
{
	return entry;
}

static inline uint64_t fmt_clean(uint64_t entry)
{
	return entry;
}
#endif

static ALWAYS_INLINE unsigned int level_shift(unsigned int level)
{
	return FMT_GRANULE_SHIFT + IOPT_INDEX_BITS * level;
}

static ALWAYS_INLINE unsigned int level_index(uint64_t iova, unsigned int level)
{
	return (unsigned int)(iova >> level_shift(level)) & (IOPT_ENTRIES - 1);
}

/* Offset of @iova in what one entry of @level covers. */
static ALWAYS_INLINE uint64_t item_offset(uint64_t iova, unsigned int level)
{
	return iova & ((UINT64_C(1) << level_shift(level)) - 1);
}

/* The last offset in what a whole table of @level covers: 2^64 - 1 for AMD's level 5. */
static ALWAYS_INLINE uint64_t table_last(unsigned int level)
{
	unsigned int shift = level_shift(level) + IOPT_INDEX_BITS;

	return shift >= 64 ? UINT64_MAX : (UINT64_C(1) << shift) - 1;
}

/* How many entries hold the same leaf of 2^@bits bytes. */
static inline unsigned int leaf_copies(unsigned int bits, unsigned int level)
{
	return 1u << (bits - level_shift(level));
}

/* Whether the top, at level @top, covers @iova. */
static ALWAYS_INLINE bool top_covers(const struct iopt *pt, uint64_t iova, unsigned int top)
{
	return iova <=
	       (FMT_FIRST_TABLES && pt->first_tables > 1 ? pt->aperture.last : table_last(top));
}

/* The table at the top that covers @iova. */
static ALWAYS_INLINE uint64_t *top_table(uint64_t root, uint64_t iova)
{
	uint64_t *table = root_table(root);

	if (FMT_FIRST_TABLES)
		table += iova >> level_shift(root_level(root)) >> IOPT_INDEX_BITS
									  << IOPT_INDEX_BITS;
	return table;
}

/* ---- one address ---- */

/* The position of a walk: the last entry that it read. */
struct walk {
	uint64_t *table;
	uint64_t entry;
	unsigned int index;
	unsigned int level;
};

/* Reads the entry for @iova at @level. True: it ends the walk. False: continue in walk->table. */
static ALWAYS_INLINE bool walk_step(struct walk *walk, uint64_t iova, unsigned int level, bool top,
				    struct iopt_trace *trace)
{
	/*
	 * The index at the top is not masked: top_covers() has refused what lies outside, and
	 * tables side by side count as one.
	 */
	walk->index = top ? (unsigned int)(iova >> level_shift(level)) : level_index(iova, level);
	walk->level = level;
	walk->entry = entry_load(&walk->table[walk->index]);
	if (trace) {
		trace->steps[trace->count].level = level;
		trace->steps[trace->count].table = walk->table;
		trace->steps[trace->count].index = walk->index;
		trace->steps[trace->count].entry = walk->entry;
		trace->count++;
	}
	if (level == 0 || !fmt_is_table(walk->entry, level))
		return true;
	walk->table = fmt_table(walk->entry, level);
	return false;
}

/* What a walk does with the leaf that it ends in; the result is that of the walk. */
typedef bool (*walk_leaf)(struct walk *walk, uint64_t iova, void *arg);

/*
 * walk_down() from a table whose level @top is a constant, so that all levels and shifts are
 * constants, in @leaf as well.
 */
static ALWAYS_INLINE bool walk_from(const struct iopt *pt, uint64_t from, unsigned int top,
				    uint64_t iova, struct iopt_trace *trace, walk_leaf leaf,
				    void *arg)
{
	struct walk walk = {.table = (uint64_t *)(uintptr_t)(from - top)};

	if (!top_covers(pt, iova, top))
		return false;
	if (top >= 5 && walk_step(&walk, iova, 5, top == 5, trace))
		return fmt_is_leaf(walk.entry, 5) && leaf(&walk, iova, arg);
	if (top >= 4 && walk_step(&walk, iova, 4, top == 4, trace))
		return fmt_is_leaf(walk.entry, 4) && leaf(&walk, iova, arg);
	if (top >= 3 && walk_step(&walk, iova, 3, top == 3, trace))
		return fmt_is_leaf(walk.entry, 3) && leaf(&walk, iova, arg);
	if (top >= 2 && walk_step(&walk, iova, 2, top == 2, trace))
		return fmt_is_leaf(walk.entry, 2) && leaf(&walk, iova, arg);
	if (walk_step(&walk, iova, 1, top == 1, trace))
		return fmt_is_leaf(walk.entry, 1) && leaf(&walk, iova, arg);
	walk_step(&walk, iova, 0, false, trace);
	return fmt_is_leaf(walk.entry, 0) && leaf(&walk, iova, arg);
}

/*
 * Walks from @from, a value of pt->root or pt->start, towards @iova. Returns @leaf(..., @arg) for
 * the leaf that it ends in; false if there is none.
 */
static ALWAYS_INLINE bool walk_down(const struct iopt *pt, uint64_t from, uint64_t iova,
				    struct iopt_trace *trace, walk_leaf leaf, void *arg)
{
	const unsigned int level = root_level(from);

	/* The usual case: what is mapped spans more than 1 and at most 512 GiB. */
	if (__builtin_expect(level == 2, 1))
		return walk_from(pt, from, 2, iova, trace, leaf, arg);
	switch (level) {
#if FMT_MAX_TOP >= 5
	case 5:
		return walk_from(pt, from, 5, iova, trace, leaf, arg);
#endif
#if FMT_MAX_TOP >= 4
	case 4:
		return walk_from(pt, from, 4, iova, trace, leaf, arg);
#endif
#if FMT_MAX_TOP >= 3
	case 3:
		return walk_from(pt, from, 3, iova, trace, leaf, arg);
#endif
	default:
		return walk_from(pt, from, 1, iova, trace, leaf, arg);
	}
}

/* The first of the copies of the leaf of 2^@bits bytes that @walk found. */
static inline uint64_t *walk_first_copy(const struct walk *walk, unsigned int bits)
{
	return &walk->table[walk->index & ~(leaf_copies(bits, walk->level) - 1)];
}

static ALWAYS_INLINE void fill_leaf(struct iopt_leaf *leaf, uint64_t iova, uint64_t entry,
				    unsigned int bits)
{
	uint64_t offset = iova & ((UINT64_C(1) << bits) - 1);

	leaf->oa = fmt_leaf_oa(entry, bits) | offset;
	leaf->start = iova - offset;
	leaf->len = UINT64_C(1) << bits;
	leaf->prot = fmt_leaf_prot(entry);
	leaf->dirty = fmt_is_dirty(entry);
}

/*
 * translate_leaf() for a leaf with copies, of which @slot is one. It is dirty if its first copy is,
 * which set_dirty marks, or the one that was read.
 */
static __attribute__((noinline)) bool fill_copied_leaf(struct iopt_leaf *leaf, uint64_t iova,
						       uint64_t entry, const uint64_t *slot,
						       unsigned int level)
{
	unsigned int bits = fmt_leaf_bits(entry, level);
	uint64_t copies_size = leaf_copies(bits, level) * sizeof(*slot);
	const uint64_t *first = (const uint64_t *)align_down((uintptr_t)slot, copies_size);

	fill_leaf(leaf, iova, entry, bits);
	leaf->dirty = leaf->dirty || fmt_is_dirty(entry_load(first));
	return true;
}

static ALWAYS_INLINE bool translate_leaf(struct walk *walk, uint64_t iova, void *arg)
{
	/* The usual size is the item of the level, which is a constant here. */
	if (__builtin_expect(fmt_leaf_bits(walk->entry, walk->level) != level_shift(walk->level),
			     0))
		return fill_copied_leaf(arg, iova, walk->entry, &walk->table[walk->index],
					walk->level);
	fill_leaf(arg, iova, walk->entry, level_shift(walk->level));
	return true;
}

static bool fmt_op_translate(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf)
{
	return walk_down(pt, entry_load(&pt->start), iova, NULL, translate_leaf, leaf);
}

/* The leaf to fill in, and how many bytes from the IOVA are wanted. */
struct leaf_extent {
	struct iopt_leaf *leaf;
	uint64_t len;
};

/*
 * Extends the leaf by those that follow it in its table and continue it: of the same size and
 * rights, at the next address.
 */
static ALWAYS_INLINE bool translate_extent(struct walk *walk, uint64_t iova, void *arg)
{
	struct leaf_extent *extent = arg;
	unsigned int bits = fmt_leaf_bits(walk->entry, walk->level);
	unsigned int copies = leaf_copies(bits, walk->level);
	uint64_t next = fmt_clean(walk->entry);
	unsigned int i = walk->index & ~(copies - 1);
	uint64_t want;

	translate_leaf(walk, iova, extent->leaf);
	want = iova - extent->leaf->start + extent->len;
	/* In the second or a later table at the top: the index does not say where that one ends. */
	if (i >= IOPT_ENTRIES)
		return true;
	for (i += copies; i < IOPT_ENTRIES && extent->leaf->len < want; i += copies) {
		next += fmt_encode_oa(UINT64_C(1) << bits);
		if (fmt_clean(entry_load(&walk->table[i])) != next)
			break;
		extent->leaf->len += UINT64_C(1) << bits;
	}
	return true;
}

static bool fmt_op_translate_extent(const struct iopt *pt, uint64_t iova, uint64_t len,
				    struct iopt_leaf *leaf)
{
	struct leaf_extent extent = {.leaf = leaf, .len = len};

	return walk_down(pt, entry_load(&pt->start), iova, NULL, translate_extent, &extent);
}

static bool fmt_op_decode(uint64_t entry, unsigned int level, uint64_t iova, struct iopt_leaf *leaf)
{
	if (!fmt_is_leaf(entry, level) || (level && fmt_is_table(entry, level)))
		return false;
	fill_leaf(leaf, iova, entry, fmt_leaf_bits(entry, level));
	return true;
}

/* Marks a leaf dirty. *@arg (bool): it is marked; false if the entry changed meanwhile. */
static ALWAYS_INLINE bool mark_leaf(struct walk *walk, uint64_t iova, void *arg)
{
	unsigned int bits = fmt_leaf_bits(walk->entry, walk->level);
	uint64_t *entry = walk_first_copy(walk, bits);
	uint64_t value = entry_load(entry);
	bool *done = arg;

	(void)iova;
	/* Copies differ while a map or unmap is under way: then mark the one that was read. */
	if (fmt_clean(value) != fmt_clean(walk->entry)) {
		entry = &walk->table[walk->index];
		value = walk->entry;
	}
	*done = fmt_is_dirty(value) || entry_replace(entry, value, fmt_dirty(value));
	return true;
}

static ALWAYS_INLINE bool found_leaf(struct walk *walk, uint64_t iova, void *arg)
{
	(void)walk;
	(void)iova;
	(void)arg;
	return true;
}

static bool fmt_op_set_dirty(struct iopt *pt, uint64_t iova)
{
	bool done = false;

	if (!FMT_DIRTY || !(pt->features & IOPT_DIRTY))
		return walk_down(pt, entry_load(&pt->start), iova, NULL, found_leaf, NULL);
	/* Repeat if another thread changed the entry meanwhile. */
	do {
		if (!walk_down(pt, entry_load(&pt->start), iova, NULL, mark_leaf, &done))
			return false;
	} while (!done);
	return true;
}

static bool fmt_op_trace(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace)
{
	trace->count = 0;
	return walk_down(pt, entry_load(&pt->root), iova, trace, found_leaf, NULL);
}

#include "iopt/walk_map.h"
#include "iopt/walk_scan.h"

static int fmt_op_init(struct iopt *pt, const struct iopt_config *config)
{
	int err;

	if (config->features & ~(unsigned int)(FMT_FEATURES))
		return -EOPNOTSUPP;
	pt->features = config->features;
	pt->first_tables = 1;
	err = fmt_setup(pt, config);
	if (err)
		return err;
	return iopt_finish(pt, config, fmt_pgsizes(pt));
}

const struct iopt_ops FMT_OPS = {
	.init = fmt_op_init,
	.map = fmt_op_map,
	.unmap = fmt_op_unmap,
	.prefetch = fmt_op_prefetch,
	.translate = fmt_op_translate,
	.translate_extent = fmt_op_translate_extent,
	.decode = fmt_op_decode,
	.set_dirty = fmt_op_set_dirty,
	.read_dirty = fmt_op_read_dirty,
	.trace = fmt_op_trace,
	.dump = fmt_op_dump,
#ifndef NDEBUG
	.check = fmt_op_check,
#endif
};

#endif
