/* SPDX-License-Identifier: MIT */
/*
 * Tables of 512 entries as stage 1, of the formats that no hardware here nests: RISC-V, AMD v1,
 * VT-d second stage. One walk; a format decodes an entry (struct radix_format).
 *
 * The walk reads all entries before it checks rights, so a missing entry below one without a right
 * is reported as missing. Accessed and dirty bits are set from the top, and only by a walk that
 * succeeds.
 */
#include "base/bits.h"
#include "base/check.h"
#include "iommu/stage1.h"
#include "iopt/geometry.h"

enum {
	RADIX_LEVELS_MAX = 6,
	ENTRY_SHIFT = 3, /* log2 of its bytes */
};

struct step {
	unsigned int level;
	uint64_t ipa;
	uint64_t entry;
	struct radix_entry is;
};

/* The entries that the walk reads, top first, and what is left above the first of them. */
struct path {
	unsigned int count;
	struct step steps[RADIX_LEVELS_MAX];
	unsigned int rights;
};

static const struct step *leaf_of(const struct path *path)
{
	return &path->steps[path->count - 1];
}

unsigned int radix_shift(unsigned int level)
{
	return IOPT_TABLE_SHIFT + IOPT_INDEX_BITS * level;
}

static int read_step(struct stage1_walk *walk, const struct radix_format *format, uint64_t table,
		     struct step *step)
{
	const uint64_t index = (walk->iova >> radix_shift(step->level)) &
			       (BIT(IOPT_INDEX_BITS) - 1);
	int rc;

	step->ipa = table + (index << ENTRY_SHIFT);
	rc = stage1_read(walk, step->ipa, step->level + format->lowest, &step->entry);
	if (rc)
		return rc;
	step->is = format->decode(step->entry, step->level);
	if (step->is.type == RADIX_ABSENT)
		return stage1_fail(walk, STAGE1_NOT_PRESENT);
	if (step->is.type == RADIX_RESERVED)
		return stage1_fail(walk, STAGE1_RESERVED);
	return 0;
}

/* Whether the address bits of levels that the table entry @step skips are 0, as they must be. */
static bool skips_zeros(const struct stage1_walk *walk, const struct step *step)
{
	const uint64_t skipped =
		BIT(radix_shift(step->level)) - BIT(radix_shift(step->is.below + 1));

	return !(walk->iova & skipped);
}

/* Reads entries from @table, of @level, down to a leaf. */
static int descend(struct stage1_walk *walk, const struct radix_format *format, uint64_t table,
		   unsigned int level, struct path *path)
{
	for (;;) {
		struct step *step = &path->steps[path->count++];
		int rc;

		step->level = level;
		rc = read_step(walk, format, table, step);
		if (rc)
			return rc;
		if (step->is.type == RADIX_LEAF)
			return 0;
		assert(step->is.below < level);
		if (!skips_zeros(walk, step))
			return stage1_fail(walk, STAGE1_NOT_PRESENT);
		table = step->is.address;
		level = step->is.below;
	}
}

static int deny(struct stage1_walk *walk, const struct radix_format *format,
		const struct step *step, enum stage1_failure failure)
{
	walk->error.ipa = step->ipa;
	walk->error.level = step->level + format->lowest;
	walk->error.entry = step->entry;
	return stage1_fail(walk, failure);
}

/* Fails with the uppermost entry that lacks a right that is needed. */
static int check_rights(struct stage1_walk *walk, const struct radix_format *format,
			const struct path *path)
{
	for (unsigned int i = 0; i < path->count; i++) {
		const struct step *step = &path->steps[i];
		const unsigned int lacks = walk->need & ~step->is.rights;

		if (step->is.privileged)
			return deny(walk, format, step, STAGE1_PRIVILEGED);
		if (lacks & IOPT_WRITE)
			return deny(walk, format, step, STAGE1_READ_ONLY);
		if (lacks)
			return deny(walk, format, step, STAGE1_WRITE_ONLY);
	}
	return 0;
}

/* Where software sets the bits of a leaf, a clear one is a fault. */
static int check_flags(struct stage1_walk *walk, const struct radix_format *format,
		       const struct step *leaf)
{
	if (!(leaf->entry & format->accessed))
		return deny(walk, format, leaf, STAGE1_ACCESS_FLAG);
	if (stage1_writes(walk) && !(leaf->entry & format->dirty))
		return deny(walk, format, leaf, STAGE1_DIRTY_FLAG);
	return 0;
}

/* Sets the accessed bits, and the dirty bit of a leaf that is written. */
static int mark(struct stage1_walk *walk, const struct radix_format *format,
		const struct path *path)
{
	for (unsigned int i = 0; i < path->count; i++) {
		const struct step *step = &path->steps[i];
		uint64_t marked = step->entry;
		int rc;

		if (step->is.type == RADIX_LEAF || format->tables_accessed)
			marked |= format->accessed;
		if (step->is.type == RADIX_LEAF && stage1_writes(walk))
			marked |= format->dirty;
		rc = stage1_update(walk, step->ipa, step->entry, marked);
		if (rc)
			return rc;
	}
	return 0;
}

/* Fills in the results of a walk that succeeded. */
static void result(struct stage1_walk *walk, const struct radix_format *format,
		   const struct path *path, bool marks)
{
	const struct step *leaf = leaf_of(path);
	const uint64_t inside = BIT(leaf->is.shift) - 1;
	const bool writes_show = marks || format->clear_faults;

	walk->table.rights = path->rights;
	for (unsigned int i = 0; i + 1 < path->count; i++)
		walk->table.rights &= path->steps[i].is.rights;
	walk->has_table = !leaf->level;
	walk->table.ipa = align_down(leaf->ipa, BIT(IOPT_TABLE_SHIFT));
	walk->table.shift = radix_shift(1);

	walk->leaf.ipa = (leaf->is.address & ~inside) | (walk->iova & inside);
	walk->leaf.shift = leaf->is.shift;
	walk->leaf.prot = walk->table.rights & leaf->is.rights;
	/* The first write to a clean page has to walk. */
	if (writes_show && !stage1_writes(walk) && !(leaf->entry & format->dirty))
		walk->leaf.prot &= ~(unsigned int)IOPT_WRITE;
	walk->leaf.global = false;
}

int radix_walk(struct stage1_walk *walk, const struct radix_format *format, uint64_t root,
	       unsigned int levels, bool marks)
{
	const bool cached = walk->has_table;
	struct path path = {.rights = cached ? walk->table.rights : IOPT_READ | IOPT_WRITE};
	int rc;

	assert(levels && levels <= RADIX_LEVELS_MAX);
	rc = descend(walk, format, cached ? walk->table.ipa : root, cached ? 0 : levels - 1, &path);
	if (rc)
		return rc;
	rc = check_rights(walk, format, &path);
	if (rc)
		return rc;
	if (marks)
		rc = mark(walk, format, &path);
	else if (format->clear_faults)
		rc = check_flags(walk, format, leaf_of(&path));
	if (rc)
		return rc;
	result(walk, format, &path, marks);
	return 0;
}
