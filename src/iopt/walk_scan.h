/* SPDX-License-Identifier: MIT */
/*
 * The part of the walker that reads all entries of a range: the dirty state, the dump, and the
 * check of invariants. iopt/walk.h includes it and explains the words.
 *
 * Cost: O(entries of the tables that exist in the range).
 */
#ifdef FMT_OPS

/* ---- dirty state ---- */

struct dirty_walk {
	struct iova_range range;
	bool clear;
	void (*report)(struct iova_range dirty, void *arg);
	void *arg;
};

/* Whether any of the @copies of a leaf is dirty; cleans them if @clear. */
static inline bool read_dirty_copies(uint64_t *slot, unsigned int copies, bool clear)
{
	bool dirty = false;

	for (unsigned int i = 0; i < copies; i++) {
		uint64_t entry = entry_load(&slot[i]);

		if (!fmt_is_dirty(entry))
			continue;
		dirty = true;
		while (clear && !entry_replace(&slot[i], entry, fmt_clean(entry)))
			entry = entry_load(&slot[i]);
	}
	return dirty;
}

static inline void report_dirty(const struct dirty_walk *walk, uint64_t start, uint64_t last)
{
	struct iova_range dirty = {.start = max_u64(start, walk->range.start),
				   .last = min_u64(last, walk->range.last)};

	walk->report(dirty, walk->arg);
}

/*
 * The index of the first of the entries [@i, @end) of a table of level 0 that has to be looked at;
 * those before it are empty, or clean leaves without copies.
 */
static inline unsigned int skip_clean(const uint64_t *table, unsigned int i, unsigned int end)
{
	for (; i < end; i++) {
		const uint64_t entry = entry_own(&table[i]);

		if (fmt_is_dirty(entry) || (entry && fmt_leaf_bits(entry, 0) != level_shift(0)))
			break;
	}
	return i;
}

/* Reads the part of the range that is in @table, whose first entry translates @base. */
static void read_dirty_table(const struct dirty_walk *walk, uint64_t *table, unsigned int level,
			     uint64_t base)
{
	uint64_t last = min_u64(base + table_last(level), walk->range.last);
	unsigned int end = level_index(last, level) + 1;
	unsigned int i = level_index(max_u64(base, walk->range.start), level);
	unsigned int copies;

	for (; i < end; i += copies) {
		uint64_t entry, start;
		unsigned int bits;

		if (level == 0) {
			i = skip_clean(table, i, end);
			if (i == end)
				return;
		}
		entry = entry_own(&table[i]);
		start = base + ((uint64_t)i << level_shift(level));
		copies = 1;
		if (!entry)
			continue;
		if (level > 0 && fmt_is_table(entry, level)) {
			read_dirty_table(walk, fmt_table(entry, level), level - 1, start);
			continue;
		}
		bits = fmt_leaf_bits(entry, level);
		copies = leaf_copies(bits, level);
		i &= ~(copies - 1);
		start = align_down(start, UINT64_C(1) << bits);
		if (read_dirty_copies(&table[i], copies, walk->clear))
			report_dirty(walk, start, start + ((UINT64_C(1) << bits) - 1));
	}
}

static void fmt_op_read_dirty(struct iopt *pt, struct iova_range range, bool clear,
			      void (*report)(struct iova_range dirty, void *arg), void *arg)
{
	struct dirty_walk walk = {.range = range, .clear = clear, .report = report, .arg = arg};
	uint64_t root = entry_own(&pt->root);
	unsigned int top = root_level(root);
	uint64_t base = range.start & ~table_last(top);

	if (!FMT_DIRTY || !(pt->features & IOPT_DIRTY))
		return;
	while (base <= range.last && top_covers(pt, base, top)) {
		read_dirty_table(&walk, top_table(root, base), top, base);
		if (check_add(base, table_last(top), &base) || check_add(base, 1, &base))
			return;
	}
}

/* ---- dump ---- */

/*
 * How many entries from table[@i], a leaf, on hold that leaf, its copies, and leaves that continue
 * it in IOVA and in memory and do not differ otherwise.
 */
static unsigned int leaf_entries(const uint64_t *table, unsigned int i, unsigned int level)
{
	const uint64_t first = entry_load(&table[i]);
	const unsigned int bits = fmt_leaf_bits(first, level), copies = leaf_copies(bits, level);
	unsigned int n = 1;

	while (i + n < IOPT_ENTRIES &&
	       entry_load(&table[i + n]) == first + fmt_encode_oa((uint64_t)(n / copies) << bits))
		n++;
	return n;
}

static void dump_leaves(FILE *out, uint64_t entry, unsigned int level, uint64_t start,
			unsigned int entries)
{
	unsigned int bits = fmt_leaf_bits(entry, level);
	struct iopt_leaf leaf = {
		.oa = fmt_leaf_oa(entry, bits),
		.start = start,
		.len = UINT64_C(1) << bits,
		.prot = fmt_leaf_prot(entry),
		.dirty = FMT_DIRTY && fmt_is_dirty(entry),
	};

	iopt_print_leaves(out, &leaf, max_u64(entries / leaf_copies(bits, level), 1));
}

static void dump_entries(FILE *out, unsigned int indent, unsigned int i, unsigned int entries)
{
	if (entries > 1)
		fprintf(out, "%*s[%u-%u]", (int)indent, "", i, i + entries - 1);
	else
		fprintf(out, "%*s[%u]", (int)indent, "", i);
}

static void dump_table(FILE *out, const uint64_t *table, unsigned int level, unsigned int top,
		       uint64_t base)
{
	unsigned int entries;

	for (unsigned int i = 0; i < IOPT_ENTRIES; i += entries) {
		uint64_t entry = entry_load(&table[i]);
		uint64_t start = base + ((uint64_t)i << level_shift(level));
		bool below = level > 0 && fmt_is_table(entry, level);

		entries = 1;
		if (!below && !fmt_is_leaf(entry, level))
			continue;
		if (!below)
			entries = leaf_entries(table, i, level);
		dump_entries(out, 2 * (top - level), i, entries);
		fprintf(out, " level %u iova 0x%" PRIx64 " entry 0x%016" PRIx64,
			fmt_level_number(level), start, entry);
		if (below) {
			fprintf(out, " table %p\n", (const void *)fmt_table(entry, level));
			dump_table(out, fmt_table(entry, level), level - 1, top, start);
		} else {
			dump_leaves(out, entry, level, start, entries);
		}
	}
}

static void fmt_op_dump(const struct iopt *pt, FILE *out)
{
	uint64_t root = entry_load(&pt->root);
	unsigned int top = root_level(root);
	uint64_t base = 0;

	fprintf(out, "%s root %p level %u\n", pt->format->name, (const void *)root_table(root),
		fmt_level_number(top));
	while (top_covers(pt, base, top)) {
		dump_table(out, top_table(root, base), top, top, base);
		if (check_add(base, table_last(top), &base) || check_add(base, 1, &base))
			return;
	}
}

/* ---- check of the invariants ---- */

#ifndef NDEBUG
/* Asserts them for @table and all tables below it. */
static void check_table(const uint64_t *table, unsigned int level, bool top)
{
	unsigned int used = 0;

	for (unsigned int i = 0; i < IOPT_ENTRIES; i++) {
		uint64_t entry = entry_own(&table[i]);

		if (!entry)
			continue;
		used++;
		if (level > 0 && fmt_is_table(entry, level))
			check_table(fmt_table(entry, level), level - 1, false);
		else
			assert(fmt_is_leaf(entry, level));
	}
	assert(arena_table_of(table)->count == used);
	assert(top || used);
}

static void fmt_op_check(const struct iopt *pt)
{
	uint64_t root = entry_own(&pt->root);

	for (unsigned int i = 0; i < pt->first_tables; i++)
		check_table(root_table(root) + (size_t)i * IOPT_ENTRIES, root_level(root), true);
}
#endif

#endif
