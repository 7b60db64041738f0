/* SPDX-License-Identifier: MIT */
/*
 * AArch64 stage-1 tables of a guest, with granules of 4, 16 and 64 KiB [FORMAT-ARM-S1],
 * [FORMAT-ARM-GRANULE].
 *
 * A table has the size of the granule. Requests are unprivileged.
 */
#include "base/check.h"
#include "iommu/stage1.h"
#include "iopt/arm_lpae.h"

enum {
	DESCRIPTOR_SHIFT = 3, /* log2 of its bytes */
};

/* How many bits of an address index a table. */
static unsigned int index_bits(const struct arm_tables *tables)
{
	return tables->granule - DESCRIPTOR_SHIFT;
}

/* log2 of what one descriptor of @level covers. */
static unsigned int level_shift(const struct arm_tables *tables, unsigned int level)
{
	return tables->granule + index_bits(tables) * (ARM_PAGES_LEVEL - level);
}

static unsigned int first_level(const struct arm_tables *tables)
{
	unsigned int level = ARM_PAGES_LEVEL;

	while (level_shift(tables, level) + index_bits(tables) < tables->input_bits)
		level--;
	return level;
}

/* How many descriptors the first table has. */
static uint64_t first_entries(const struct arm_tables *tables)
{
	return BIT(tables->input_bits - level_shift(tables, first_level(tables)));
}

uint64_t arm_root_bytes(const struct arm_tables *tables)
{
	return max_u64(first_entries(tables) * sizeof(uint64_t), ARM_TABLE_BYTES_MIN);
}

/* Where the walk is. */
struct position {
	unsigned int level;
	uint64_t table;
	uint64_t entries; /* of the table */
	unsigned int rights;
	bool user; /* unprivileged requests are permitted */
};

static struct position start_of(const struct stage1_walk *walk, const struct arm_tables *tables)
{
	struct position at = {.level = first_level(tables), .user = true};

	at.entries = first_entries(tables);
	if (walk->has_table) {
		if (at.level < ARM_PAGES_LEVEL)
			at.entries = BIT(index_bits(tables));
		at.level = ARM_PAGES_LEVEL;
		at.table = walk->table.ipa;
		at.rights = walk->table.rights;
		return at;
	}
	at.table = align_down(tables->root, arm_root_bytes(tables));
	at.rights = IOPT_READ | IOPT_WRITE;
	return at;
}

static bool is_leaf(const struct position *at, uint64_t desc)
{
	return at->level == ARM_PAGES_LEVEL || !(desc & ARM_TABLE);
}

static bool is_valid(const struct arm_tables *tables, const struct position *at, uint64_t desc)
{
	if (!(desc & ARM_VALID))
		return false;
	if (desc & ARM_TABLE)
		return true;
	/* A block: one of level 1 exists with the smallest granule only. */
	return at->level < ARM_PAGES_LEVEL &&
	       at->level >= ARM_FIRST_BLOCK_LEVEL + (tables->granule > IOPT_TABLE_SHIFT);
}

/* Reads descriptors from @at down to a leaf, which is *@desc at *@ipa. */
static int descend(struct stage1_walk *walk, const struct arm_tables *tables, struct position *at,
		   uint64_t *desc, uint64_t *ipa)
{
	for (;;) {
		uint64_t index = (walk->iova >> level_shift(tables, at->level)) & (at->entries - 1);
		int rc;

		*ipa = at->table + index * sizeof(uint64_t);
		rc = stage1_read(walk, *ipa, at->level, desc);
		if (rc)
			return rc;
		if (!is_valid(tables, at, *desc))
			return stage1_fail(walk, STAGE1_NOT_PRESENT);
		if ((*desc & ARM_OA) >> tables->output_bits)
			return stage1_fail(walk, STAGE1_OUTPUT);
		if (is_leaf(at, *desc))
			return 0;
		if (tables->hierarchical && (*desc & ARM_S1_APTABLE_READONLY))
			at->rights &= ~(unsigned int)IOPT_WRITE;
		if (tables->hierarchical && (*desc & ARM_S1_APTABLE_PRIVILEGED))
			at->user = false;
		at->table = align_down(*desc & ARM_OA, BIT(tables->granule));
		at->entries = BIT(index_bits(tables));
		at->level++;
	}
}

/*
 * Checks that the leaf *@desc permits the request, and sets in *@desc what the hardware updates:
 * the access flag, and for a write the dirty state.
 */
static int access_leaf(struct stage1_walk *walk, const struct arm_tables *tables,
		       const struct position *at, uint64_t *desc)
{
	const bool can_dirty = tables->set_dirty && (*desc & ARM_S1_DBM);

	if (!(*desc & ARM_AF)) {
		if (tables->set_access)
			*desc |= ARM_AF;
		else if (tables->access_fault)
			return stage1_fail(walk, STAGE1_ACCESS_FLAG);
	}
	if (!at->user || !(*desc & ARM_S1_AP_USER))
		return stage1_fail(walk, STAGE1_PRIVILEGED);
	if (!stage1_writes(walk))
		return 0;
	if (!(at->rights & IOPT_WRITE) || ((*desc & ARM_S1_AP_READONLY) && !can_dirty))
		return stage1_fail(walk, STAGE1_READ_ONLY);
	*desc &= ~ARM_S1_AP_READONLY;
	return 0;
}

int arm_walk(struct stage1_walk *walk, const struct arm_tables *tables)
{
	struct position at = start_of(walk, tables);
	unsigned int shift;
	uint64_t desc, old, ipa;
	int rc;

	rc = descend(walk, tables, &at, &desc, &ipa);
	if (rc)
		return rc;
	old = desc;
	rc = access_leaf(walk, tables, &at, &desc);
	if (rc)
		return rc;
	rc = stage1_update(walk, ipa, old, desc);
	if (rc)
		return rc;
	shift = level_shift(tables, at.level);
	walk->has_table = at.level == ARM_PAGES_LEVEL;
	walk->table = (struct stage1_table){
		.ipa = at.table,
		.shift = shift + index_bits(tables),
		.rights = at.rights,
	};
	walk->leaf.ipa = (desc & ARM_OA & ~(BIT(shift) - 1)) | (walk->iova & (BIT(shift) - 1));
	walk->leaf.shift = shift;
	walk->leaf.prot = IOPT_READ;
	if ((at.rights & IOPT_WRITE) && !(desc & ARM_S1_AP_READONLY))
		walk->leaf.prot |= IOPT_WRITE;
	walk->leaf.global = !(desc & ARM_S1_NG);
	return 0;
}
