/* SPDX-License-Identifier: MIT */
/*
 * AArch64 stage-1 tables of a guest, 4 KiB granule (spec 70-formats, 6 and 6.1).
 *
 * Levels count from the top as in the architecture: 3 has the pages. Requests are unprivileged.
 */
#include "base/bits.h"
#include "base/check.h"
#include "iommu/stage1.h"

#define DESC_VALID   BIT(0)
#define DESC_TABLE   BIT(1) /* table, or page at level 3; else a block */
#define DESC_AP_USER BIT(6) /* AP[1] */
#define DESC_AP_RO   BIT(7) /* AP[2] */
#define DESC_AF	     BIT(10)
#define DESC_NG	     BIT(11)
#define DESC_DBM     BIT(51)
#define DESC_ADDRESS BITS(47, 12)

/* Table descriptors: restrictions on what is below. */
#define DESC_APTABLE_PRIVILEGED BIT(61)
#define DESC_APTABLE_RO		BIT(62)

enum {
	LAST_LEVEL = 3,
	FIRST_BLOCK_LEVEL = 1,
	MIN_TABLE = 64, /* bytes; alignment of the first table */
};

/* log2 of what one descriptor of @level covers. */
static unsigned int level_shift(unsigned int level)
{
	return STAGE1_TABLE_SHIFT + STAGE1_INDEX_BITS * (LAST_LEVEL - level);
}

static unsigned int first_level(const struct arm_tables *tables)
{
	unsigned int level = LAST_LEVEL;

	while (level_shift(level) + STAGE1_INDEX_BITS < tables->input_bits)
		level--;
	return level;
}

/* Where the walk is. */
struct position {
	unsigned int level;
	uint64_t table;
	uint64_t entries; /* of the table */
	unsigned int rights;
	bool user; /* unprivileged requests may */
};

static struct position start_of(const struct stage1_walk *walk, const struct arm_tables *tables)
{
	struct position at = {
		.level = LAST_LEVEL,
		.table = walk->table.ipa,
		.entries = BIT(STAGE1_INDEX_BITS),
		.rights = walk->table.rights,
		.user = true,
	};

	if (walk->has_table)
		return at;
	at.level = first_level(tables);
	at.entries = BIT(tables->input_bits - level_shift(at.level));
	at.table = align_down(tables->root, max_u64(at.entries * sizeof(uint64_t), MIN_TABLE));
	at.rights = IOPT_READ | IOPT_WRITE;
	return at;
}

static bool is_leaf(const struct position *at, uint64_t desc)
{
	return at->level == LAST_LEVEL || !(desc & DESC_TABLE);
}

static bool is_valid(const struct position *at, uint64_t desc)
{
	if (!(desc & DESC_VALID))
		return false;
	if (desc & DESC_TABLE)
		return true;
	/* Blocks. */
	return at->level >= FIRST_BLOCK_LEVEL && at->level < LAST_LEVEL;
}

/* Reads descriptors down to the leaf: *@desc at *@ipa. */
static int descend(struct stage1_walk *walk, const struct arm_tables *tables, struct position *at,
		   uint64_t *desc, uint64_t *ipa)
{
	for (;;) {
		uint64_t index = (walk->iova >> level_shift(at->level)) & (at->entries - 1);
		int rc;

		*ipa = at->table + index * sizeof(uint64_t);
		rc = stage1_read(walk, *ipa, at->level, desc);
		if (rc)
			return rc;
		if (!is_valid(at, *desc))
			return stage1_fail(walk, STAGE1_NOT_PRESENT);
		if ((*desc & DESC_ADDRESS) >> tables->output_bits)
			return stage1_fail(walk, STAGE1_OUTPUT);
		if (is_leaf(at, *desc))
			return 0;
		if (tables->hierarchical && (*desc & DESC_APTABLE_RO))
			at->rights &= ~(unsigned int)IOPT_WRITE;
		if (tables->hierarchical && (*desc & DESC_APTABLE_PRIVILEGED))
			at->user = false;
		at->table = *desc & DESC_ADDRESS;
		at->entries = BIT(STAGE1_INDEX_BITS);
		at->level++;
	}
}

/*
 * What the leaf allows to a request that writes: *@desc with the bits that the hardware then sets.
 */
static int access_leaf(struct stage1_walk *walk, const struct arm_tables *tables,
		       const struct position *at, uint64_t *desc)
{
	const bool can_dirty = tables->set_dirty && (*desc & DESC_DBM);

	if (!(*desc & DESC_AF)) {
		if (tables->set_access)
			*desc |= DESC_AF;
		else if (tables->access_fault)
			return stage1_fail(walk, STAGE1_ACCESS_FLAG);
	}
	if (!at->user || !(*desc & DESC_AP_USER))
		return stage1_fail(walk, STAGE1_PRIVILEGED);
	if (!walk->write)
		return 0;
	if (!(at->rights & IOPT_WRITE) || ((*desc & DESC_AP_RO) && !can_dirty))
		return stage1_fail(walk, STAGE1_READ_ONLY);
	*desc &= ~DESC_AP_RO;
	return 0;
}

int arm_walk(struct stage1_walk *walk, const struct arm_tables *tables)
{
	struct position at = start_of(walk, tables);
	unsigned int shift;
	uint64_t desc, old, ipa;
	int rc;

	rc = descend(walk, tables, &at, &desc, &ipa);
	old = desc;
	if (!rc)
		rc = access_leaf(walk, tables, &at, &desc);
	if (!rc && desc != old)
		rc = stage1_update(walk, ipa, old, desc);
	if (rc)
		return rc;
	shift = level_shift(at.level);
	walk->has_table = at.level == LAST_LEVEL;
	walk->table = (struct stage1_table){.ipa = at.table, .rights = at.rights};
	walk->leaf.ipa = (desc & DESC_ADDRESS & ~(BIT(shift) - 1)) |
			 (walk->iova & (BIT(shift) - 1));
	walk->leaf.shift = shift;
	walk->leaf.prot = IOPT_READ;
	if ((at.rights & IOPT_WRITE) && !(desc & DESC_AP_RO))
		walk->leaf.prot |= IOPT_WRITE;
	walk->leaf.global = !(desc & DESC_NG);
	return 0;
}
