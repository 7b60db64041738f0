/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables of a guest [FORMAT-X86]: VT-d's first stage and AMD's v2 tables.
 *
 * The walk reads all entries before it checks rights, so a missing entry below a read-only one is
 * reported as missing. Accessed and dirty bits are set from the top, and only by a walk that
 * succeeds.
 */
#include "base/check.h"
#include "iommu/stage1.h"
#include "iopt/x86_64.h"

struct step {
	unsigned int level;
	uint64_t ipa;
	uint64_t entry;
};

/* The entries that the walk reads, top first. */
struct path {
	unsigned int count;
	struct step steps[X86_5_LEVELS];
};

/* log2 of what one entry of @level covers. */
static unsigned int level_shift(unsigned int level)
{
	return IOPT_TABLE_SHIFT + IOPT_INDEX_BITS * (level - X86_PAGES_LEVEL);
}

unsigned int x86_input_bits(unsigned int levels)
{
	return level_shift(levels + 1);
}

bool x86_canonical(uint64_t iova, unsigned int levels)
{
	return stage1_canonical(iova, x86_input_bits(levels));
}

static bool is_leaf(const struct step *step)
{
	return step->level == X86_PAGES_LEVEL || (step->entry & X86_PS);
}

static bool has_reserved_bits(const struct step *step)
{
	if (step->level == X86_PAGES_LEVEL || !(step->entry & X86_PS))
		return false;
	return step->level > X86_LARGEST_LEAF_LEVEL ||
	       (step->entry & BITS(level_shift(step->level) - 1, X86_LARGE_RESERVED_START));
}

/* Reads entries from @table, of @level, down to a leaf. */
static int descend(struct stage1_walk *walk, uint64_t table, unsigned int level, struct path *path)
{
	for (;; level--) {
		const uint64_t index = (walk->iova >> level_shift(level)) &
				       (BIT(IOPT_INDEX_BITS) - 1);
		struct step *step = &path->steps[path->count++];
		int rc;

		*step = (struct step){.level = level, .ipa = table + index * sizeof(uint64_t)};
		rc = stage1_read(walk, step->ipa, level, &step->entry);
		if (rc)
			return rc;
		if (!(step->entry & X86_P))
			return stage1_fail(walk, STAGE1_NOT_PRESENT);
		if (has_reserved_bits(step))
			return stage1_fail(walk, STAGE1_RESERVED);
		if (is_leaf(step))
			return 0;
		table = step->entry & X86_OA;
	}
}

/* Fails because @step lacks @bit. */
static int deny(struct stage1_walk *walk, const struct step *step, uint64_t bit)
{
	walk->error.ipa = step->ipa;
	walk->error.level = step->level;
	walk->error.entry = step->entry;
	return stage1_fail(walk, bit == X86_US ? STAGE1_PRIVILEGED : STAGE1_READ_ONLY);
}

/* Fails with the uppermost entry that lacks @bit. */
static int check(struct stage1_walk *walk, const struct path *path, uint64_t bit)
{
	for (unsigned int i = 0; i < path->count; i++) {
		if (!(path->steps[i].entry & bit))
			return deny(walk, &path->steps[i], bit);
	}
	return 0;
}

/* Sets the @accessed bits of each entry, and the dirty bit of a leaf that is written. */
static int mark(struct stage1_walk *walk, const struct path *path, uint64_t accessed)
{
	for (unsigned int i = 0; accessed && i < path->count; i++) {
		const struct step *step = &path->steps[i];
		uint64_t marked = step->entry | accessed;
		int rc;

		if (stage1_writes(walk) && is_leaf(step))
			marked |= X86_D;
		rc = stage1_update(walk, step->ipa, step->entry, marked);
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * Fills in the results of a walk that succeeded. @upper: the rights that remain from levels above
 * @path. @marks: a write must find a clean page by a walk.
 */
static void result(struct stage1_walk *walk, const struct path *path, unsigned int upper,
		   bool marks)
{
	const struct step *leaf = &path->steps[path->count - 1];
	const unsigned int shift = level_shift(leaf->level);
	const uint64_t offset = walk->iova & (BIT(shift) - 1);
	unsigned int rights = upper;

	for (unsigned int i = 0; i + 1 < path->count; i++) {
		if (!(path->steps[i].entry & X86_RW))
			rights &= ~(unsigned int)IOPT_WRITE;
	}
	walk->has_table = leaf->level == X86_PAGES_LEVEL;
	walk->table.ipa = align_down(leaf->ipa, BIT(IOPT_TABLE_SHIFT));
	walk->table.shift = IOPT_TABLE_SHIFT + IOPT_INDEX_BITS;
	walk->table.rights = rights;

	walk->leaf.ipa = (leaf->entry & X86_OA & ~(BIT(shift) - 1)) | offset;
	walk->leaf.shift = shift;
	walk->leaf.prot = IOPT_READ;
	if ((rights & IOPT_WRITE) && (leaf->entry & X86_RW) &&
	    (!marks || stage1_writes(walk) || (leaf->entry & X86_D)))
		walk->leaf.prot |= IOPT_WRITE;
	walk->leaf.global = false;
}

int x86_walk(struct stage1_walk *walk, uint64_t root, unsigned int levels, uint64_t accessed)
{
	const bool cached = walk->has_table;
	struct path path = {0};
	int rc;

	rc = descend(walk, cached ? walk->table.ipa : root & X86_OA,
		     cached ? X86_PAGES_LEVEL : levels, &path);
	if (rc)
		return rc;
	rc = check(walk, &path, X86_US);
	if (rc)
		return rc;
	if (stage1_writes(walk)) {
		rc = check(walk, &path, X86_RW);
		if (rc)
			return rc;
	}
	rc = mark(walk, &path, accessed);
	if (rc)
		return rc;
	result(walk, &path, cached ? walk->table.rights : IOPT_READ | IOPT_WRITE, accessed);
	return 0;
}
