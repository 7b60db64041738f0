/* SPDX-License-Identifier: MIT */
/*
 * The part of the walker that changes tables: map, unmap, and the growth of the top. iopt/walk.h
 * includes it and explains the words.
 *
 * One thread at a time is in here for a table (iopt.c asserts it); readers walk meanwhile.
 *
 * Undo: a map that fails unmaps what it has stored so far, which its position tells, and restores
 * the old top. Undoing needs no memory. Until then readers may see a part of the range.
 *
 * Cost: one store for each entry of the range and O(1) for each table; an unmap that covers a whole
 * table does not read its entries at level 0.
 */
#ifdef FMT_OPS

/*
 * ---- where translation begins ----
 *
 * pt->start skips the upper levels where only the first entry is in use.
 */

/* Before a map that ends at @last: start must cover it. */
static inline void start_raise(struct iopt *pt, uint64_t last)
{
	if (!top_covers(pt, last, root_level(entry_own(&pt->start))))
		entry_publish(&pt->start, entry_own(&pt->root));
}

/* After a map: lets start skip what it can. Tables side by side leave nothing to skip. */
static inline void start_lower(struct iopt *pt)
{
	uint64_t start = entry_own(&pt->start);
	unsigned int level = root_level(start);
	uint64_t *table = root_table(start);

	if (FMT_FIRST_TABLES && pt->first_tables > 1)
		return;
	while (level > 1 && arena_table_of(table)->count == 1 &&
	       fmt_is_table(entry_own(table), level)) {
		table = fmt_table(entry_own(table), level);
		level--;
	}
	if (level != root_level(start))
		entry_publish(&pt->start, root_word(table, level));
}

/* Retires a table that no entry points to any more. */
static inline void retire_table(struct iopt *pt, uint64_t *table)
{
	if (table == root_table(entry_own(&pt->start)))
		entry_publish(&pt->start, entry_own(&pt->root));
	pt->retired++;
	arena_retire(&pt->arena, table);
}

/* ---- unmap ---- */

struct unmap_walk {
	struct iopt *pt;
	uint64_t iova;	/* what is left of the range */
	uint64_t len;	/* likewise */
	uint64_t bytes; /* unmapped so far */
	bool straddles; /* a leaf reaches out of the range, and ends the walk */
};

static inline void unmap_advance(struct unmap_walk *walk, uint64_t len)
{
	walk->iova += len;
	walk->len -= len;
}

/* Advances to the end of the item of @level. */
static inline void unmap_next(struct unmap_walk *walk, unsigned int level)
{
	uint64_t rest = (UINT64_C(1) << level_shift(level)) - item_offset(walk->iova, level);

	unmap_advance(walk, min_u64(rest, walk->len));
}

/*
 * Retires an unlinked table and all tables below it. Returns the bytes that their leaves cover. The
 * entries stay as they are, since readers may be inside; the arena zeroes them later.
 */
static uint64_t drop_table(struct iopt *pt, uint64_t *table, unsigned int level)
{
	unsigned int left = arena_table_of(table)->count;
	uint64_t bytes = 0;

	if (level == 0) {
		bytes = (uint64_t)left << level_shift(0);
		left = 0;
	}
	for (unsigned int i = 0; left > 0; i++) {
		uint64_t entry = entry_own(&table[i]);

		if (!entry)
			continue;
		left--;
		if (fmt_is_table(entry, level))
			bytes += drop_table(pt, fmt_table(entry, level), level - 1);
		else
			bytes += UINT64_C(1) << level_shift(level);
	}
	retire_table(pt, table);
	return bytes;
}

static inline void unlink_table(uint64_t *slot)
{
	entry_store(slot, 0);
	arena_table_of(slot)->count--;
}

/* Removes the leaf in @slot with all its copies, unless it reaches out of the range. */
static void unmap_leaf(struct unmap_walk *walk, uint64_t *slot, unsigned int level)
{
	unsigned int bits = fmt_leaf_bits(entry_own(slot), level);
	uint64_t size = UINT64_C(1) << bits;
	unsigned int copies = leaf_copies(bits, level);

	if (!is_aligned(walk->iova, size) || walk->len < size) {
		walk->straddles = true;
		return;
	}
	for (unsigned int i = 0; i < copies; i++)
		entry_store(&slot[i], 0);
	arena_table_of(slot)->count = (uint16_t)(arena_table_of(slot)->count - copies);
	walk->bytes += size;
	unmap_advance(walk, size);
}

/* Whether @entry is a leaf without copies. */
static inline bool is_plain_leaf(uint64_t entry, unsigned int level)
{
	return entry && (level == 0 || !fmt_is_table(entry, level)) &&
	       fmt_leaf_bits(entry, level) == level_shift(level);
}

/*
 * Removes the leaf in @slot, and those that follow it in the range as long as they have no copies.
 */
static void unmap_leaves(struct unmap_walk *walk, uint64_t *slot, unsigned int level)
{
	uint64_t in_table = (table_last(level) - (walk->iova & table_last(level))) >>
			    level_shift(level);
	uint64_t max = min_u64(in_table + 1, walk->len >> level_shift(level));
	unsigned int count = 0;

	if (item_offset(walk->iova, level) == 0)
		for (; count < max && is_plain_leaf(entry_own(&slot[count]), level); count++)
			entry_store(&slot[count], 0);
	if (count == 0) {
		unmap_leaf(walk, slot, level);
		return;
	}
	arena_table_of(slot)->count = (uint16_t)(arena_table_of(slot)->count - count);
	walk->bytes += (uint64_t)count << level_shift(level);
	unmap_advance(walk, (uint64_t)count << level_shift(level));
}

static void unmap_below(struct unmap_walk *walk, uint64_t *slot, uint64_t entry,
			unsigned int level);

/* Unmaps to the end of the range or of @table. */
static void unmap_table(struct unmap_walk *walk, uint64_t *table, unsigned int level)
{
	do {
		uint64_t *slot = &table[level_index(walk->iova, level)];
		uint64_t entry = entry_own(slot);

		if (!entry)
			unmap_next(walk, level);
		else if (level > 0 && fmt_is_table(entry, level))
			unmap_below(walk, slot, entry, level);
		else
			unmap_leaves(walk, slot, level);
	} while (walk->len && !walk->straddles && (walk->iova & table_last(level)));
}

/* unmap_table() for the table that @entry in @slot points to; unlinks it if it is empty then. */
static void unmap_below(struct unmap_walk *walk, uint64_t *slot, uint64_t entry, unsigned int level)
{
	uint64_t *table = fmt_table(entry, level);
	uint64_t size = UINT64_C(1) << level_shift(level);

	if (is_aligned(walk->iova, size) && walk->len >= size) {
		unlink_table(slot);
		walk->bytes += drop_table(walk->pt, table, level - 1);
		unmap_advance(walk, size);
		return;
	}
	unmap_table(walk, table, level - 1);
	if (arena_table_of(table)->count == 0) {
		unlink_table(slot);
		retire_table(walk->pt, table);
	}
}

/*
 * The entry at level 0 for @iova, if there are tables down to it; or NULL. Only for the thread that
 * changes tables.
 */
static ALWAYS_INLINE uint64_t *own_slot(const struct iopt *pt, uint64_t iova)
{
	const uint64_t start = entry_own(&pt->start);
	unsigned int level = root_level(start);
	uint64_t *table;

	if (!top_covers(pt, iova, level))
		return NULL;
	table = top_table(start, iova);
	for (; level; level--) {
		const uint64_t entry = entry_own(&table[level_index(iova, level)]);

		if (!entry || !fmt_is_table(entry, level))
			return NULL;
		table = fmt_table(entry, level);
	}
	return &table[level_index(iova, 0)];
}

/* The usual case: one page, which is one leaf, and not the last one of its table. */
static ALWAYS_INLINE bool unmap_page(struct iopt *pt, uint64_t iova)
{
	uint64_t *slot = own_slot(pt, iova);
	uint64_t entry;

	if (!slot)
		return false;
	entry = entry_own(slot);
	if (!entry || fmt_leaf_bits(entry, 0) != level_shift(0) || arena_table_of(slot)->count == 1)
		return false;
	entry_store(slot, 0);
	arena_table_of(slot)->count--;
	return true;
}

static uint64_t fmt_op_unmap(struct iopt *pt, uint64_t iova, uint64_t len)
{
	struct unmap_walk walk = {.pt = pt, .iova = iova, .len = len};
	uint64_t root = entry_own(&pt->root);

	if (len == UINT64_C(1) << level_shift(0) && is_aligned(iova, len) && unmap_page(pt, iova))
		return len;
	while (walk.len && !walk.straddles && top_covers(pt, walk.iova, root_level(root)))
		unmap_table(&walk, top_table(root, walk.iova), root_level(root));
	return walk.bytes;
}

static void fmt_op_prefetch(const struct iopt *pt, uint64_t iova)
{
	const uint64_t *slot = own_slot(pt, iova);

	if (slot)
		__builtin_prefetch(slot, 1);
}

/* ---- map ---- */

struct map_walk {
	struct iopt *pt;
	uint64_t iova; /* what is left of the range */
	uint64_t oa;
	uint64_t len;
	uint64_t pgsizes;
	uint64_t attributes;
};

/* log2 of the largest leaf that divides both addresses and fits. */
static inline unsigned int map_leaf_bits(const struct map_walk *walk)
{
	uint64_t fit = (UINT64_C(2) << log2_floor(walk->len)) - 1;
	uint64_t divide = lowest_bit(walk->iova | walk->oa) * 2 - 1;

	return log2_floor(walk->pgsizes & fit & divide);
}

/*
 * How many leaves of 2^@bits bytes to store in this table: to its end, to that of the range, or to
 * where a larger leaf fits.
 */
static inline unsigned int map_count(const struct map_walk *walk, unsigned int level,
				     unsigned int bits)
{
	uint64_t larger = walk->pgsizes & ~((UINT64_C(2) << bits) - 1);
	/* The offset of the last byte from the current position. */
	uint64_t last =
		min_u64(walk->len - 1, table_last(level) - (walk->iova & table_last(level)));

	/* A larger size that does not divide the difference never divides both addresses. */
	larger &= lowest_bit(walk->iova ^ walk->oa) * 2 - 1;
	if (larger) {
		uint64_t next = lowest_bit(larger) - 1;

		last = min_u64(last, next - (walk->iova & next));
	}
	return (unsigned int)((last + 1) >> bits);
}

static inline bool entries_in_use(const uint64_t *entries, size_t count)
{
	uint64_t any = 0;

	for (size_t i = 0; i < count; i++)
		any |= entry_own(&entries[i]);
	return any != 0;
}

/* Stores map_count() leaves of 2^@bits bytes in @table. -EADDRINUSE: an entry is in use. */
static int map_leaves(struct map_walk *walk, uint64_t *table, unsigned int level, unsigned int bits)
{
	uint64_t *slot = &table[level_index(walk->iova, level)];
	uint64_t entry = fmt_make_leaf(walk->attributes, walk->oa, bits, level);
	uint64_t step = fmt_encode_oa(UINT64_C(1) << bits);
	unsigned int copies = leaf_copies(bits, level);
	unsigned int count = map_count(walk, level, bits);
	struct arena_table *info = arena_table_of(slot);
	uint64_t *end = slot + (size_t)count * copies;

	if (info->count && entries_in_use(slot, (size_t)count * copies))
		return -EADDRINUSE;

	if (count == IOPT_ENTRIES && !info->count &&
	    level != root_level(entry_own(&walk->pt->root))) {
		/* A whole table, and not linked yet: linked tables are not empty. */
		iopt_fill_table(slot, entry, step);
	} else if (copies == 1) {
		for (; slot < end; slot++, entry += step)
			entry_store(slot, entry);
	} else {
		for (; slot < end; entry += step)
			for (uint64_t *next = slot + copies; slot < next; slot++)
				entry_store(slot, entry);
	}
	info->count = (uint16_t)(info->count + count * copies);
	walk->iova += (uint64_t)count << bits;
	walk->oa += (uint64_t)count << bits;
	walk->len -= (uint64_t)count << bits;
	return 0;
}

static int map_below(struct map_walk *walk, uint64_t *slot, unsigned int level);

/* Maps to the end of the range or of @table. */
static int map_table(struct map_walk *walk, uint64_t *table, unsigned int level)
{
	int err;

	do {
		unsigned int bits = map_leaf_bits(walk);

		if (bits >= level_shift(level))
			err = map_leaves(walk, table, level, bits);
		else
			err = map_below(walk, &table[level_index(walk->iova, level)], level);
	} while (!err && walk->len && (walk->iova & table_last(level)));
	return err;
}

/* map_table() in the table that @slot points to; creates it if there is none. */
static int map_below(struct map_walk *walk, uint64_t *slot, unsigned int level)
{
	uint64_t entry = entry_own(slot);
	uint64_t *table;
	int err;

	if (entry) {
		if (!fmt_is_table(entry, level))
			return -EADDRINUSE;
		return map_table(walk, fmt_table(entry, level), level - 1);
	}

	table = arena_alloc(&walk->pt->arena);
	if (!table)
		return -ENOMEM;
	err = map_table(walk, table, level - 1);
	if (arena_table_of(table)->count == 0) {
		arena_free(&walk->pt->arena, table);
		return err;
	}
	/* Even if it was filled in part only: unmap finds there what has to be undone. */
	entry_publish(slot, fmt_make_table(table, level));
	arena_table_of(slot)->count++;
	return err;
}

/* ---- the top ---- */

/* The lowest level of the top at which this map is possible. */
static inline unsigned int grow_level(const struct map_walk *walk)
{
	uint64_t last = walk->iova + walk->len - 1;
	unsigned int level = root_level(entry_own(&walk->pt->root));

	/* The top must cover the addresses, and a leaf must not be as large as the whole table. */
	while (last >> level_shift(level) >> IOPT_INDEX_BITS ||
	       map_leaf_bits(walk) >= level_shift(level) + IOPT_INDEX_BITS)
		level++;
	return level;
}

/*
 * Takes back what grow_top() allocated: @table, at @level, and those below it down to @below, which
 * stays. They are freed, or retired if readers may have @seen them.
 */
static void grow_undo(struct iopt *pt, uint64_t *table, unsigned int level, const uint64_t *below,
		      bool seen)
{
	while (table && table != below) {
		uint64_t entry = entry_own(table);
		uint64_t *next = entry ? fmt_table(entry, level) : NULL;

		if (seen) {
			retire_table(pt, table);
		} else {
			if (entry)
				unlink_table(table);
			arena_free(&pt->arena, table);
		}
		table = next;
		level--;
	}
}

/*
 * Adds tables above the top until it is at @level, and publishes the new top with one store. An
 * empty old top is not linked; the caller retires it when the map succeeds. 0 or -ENOMEM.
 */
static int grow_top(struct iopt *pt, unsigned int level)
{
	uint64_t old = entry_own(&pt->root);
	uint64_t *below = root_table(old);
	unsigned int at = arena_table_of(below)->count ? root_level(old) + 1 : level;

	for (; at <= level; at++) {
		uint64_t *table = arena_alloc(&pt->arena);

		if (!table) {
			grow_undo(pt, below, at - 1, root_table(old), false);
			return -ENOMEM;
		}
		if (arena_table_of(root_table(old))->count) {
			entry_store(table, fmt_make_table(below, at));
			arena_table_of(table)->count = 1;
		}
		below = table;
	}
	entry_publish(&pt->root, root_word(below, level));
	return 0;
}

static int map_range(struct map_walk *walk)
{
	uint64_t root = entry_own(&walk->pt->root);
	int err = 0;

	start_raise(walk->pt, walk->iova + (walk->len - 1));
	while (!err && walk->len)
		err = map_table(walk, top_table(root, walk->iova), root_level(root));
	return err;
}

/* map_range() after raising the top to @level. */
static int map_grown(struct map_walk *walk, unsigned int level)
{
	struct iopt *pt = walk->pt;
	uint64_t old = entry_own(&pt->root);
	bool empty = arena_table_of(root_table(old))->count == 0;
	uint64_t iova = walk->iova, *grown;
	int err;

	err = grow_top(pt, level);
	if (err)
		return err;
	err = map_range(walk);
	if (!err) {
		if (empty)
			retire_table(pt, root_table(old));
		return 0;
	}

	fmt_op_unmap(pt, iova, walk->iova - iova);
	grown = root_table(entry_own(&pt->root));
	entry_publish(&pt->root, old);
	grow_undo(pt, grown, level, root_table(old), true);
	return err;
}

/* The usual case: one page, which is one leaf, where there is a table for it. */
static ALWAYS_INLINE bool map_page(const struct map_walk *walk)
{
	uint64_t *slot = own_slot(walk->pt, walk->iova);

	if (!slot || entry_own(slot))
		return false;
	entry_store(slot, fmt_make_leaf(walk->attributes, walk->oa, level_shift(0), 0));
	arena_table_of(slot)->count++;
	return true;
}

static int fmt_op_map(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
		      uint64_t pgsizes)
{
	struct map_walk walk = {.pt = pt, .iova = iova, .oa = oa, .len = len, .pgsizes = pgsizes};
	int err;

	err = fmt_attributes(pt, prot, &walk.attributes);
	if (err)
		return err;
	if (len == UINT64_C(1) << level_shift(0) && map_page(&walk)) {
		start_lower(pt);
		return 0;
	}
	if (FMT_GROWS && grow_level(&walk) != root_level(entry_own(&pt->root))) {
		err = map_grown(&walk, grow_level(&walk));
	} else {
		err = map_range(&walk);
		if (err)
			fmt_op_unmap(pt, iova, walk.iova - iova);
	}
	start_lower(pt);
	return err;
}

#endif
