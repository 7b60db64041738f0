/* SPDX-License-Identifier: MIT */
/* Decoders of raw page tables; see the header. Bit numbers are those of [FORMATS]. */
#include "iopt_decoder.h"

#include <stddef.h>
#include <string.h>

static uint64_t field(uint64_t entry, unsigned int high, unsigned int low)
{
	uint64_t value = entry >> low;

	return high - low == 63 ? value : value & ((1ULL << (high - low + 1)) - 1);
}

static bool bit(uint64_t entry, unsigned int number)
{
	return entry >> number & 1;
}

static enum decode_result bad(struct decoded *out, const char *why)
{
	out->why = why;
	return DECODE_BAD;
}

/* The address of table or page in bits 51:12. */
static uint64_t address_51_12(uint64_t entry)
{
	return entry & 0x000ffffffffff000ULL;
}

static uint64_t load(const uint64_t *table, uint64_t index)
{
	return __atomic_load_n(&table[index], __ATOMIC_ACQUIRE);
}

/* Every item that a size-encoded leaf covers holds the same value, except D. */
static bool amd_copies_agree(const uint64_t *table, uint64_t index, uint64_t copies, bool *dirty)
{
	uint64_t first = index - index % copies;

	*dirty = false;
	for (uint64_t i = first; i < first + copies; i++) {
		if ((load(table, i) ^ load(table, index)) & ~(1ULL << 6))
			return false;
		*dirty = *dirty || bit(load(table, i), 6);
	}
	return true;
}

static enum decode_result amd_leaf(const uint64_t *table, uint64_t index, unsigned int level,
				   unsigned int granule, uint64_t iova, struct decoded *out)
{
	uint64_t entry = out->entry;
	unsigned int item = granule + 9 * level;
	unsigned int size = item, ones = 0;
	uint64_t address = field(entry, 51, 12);

	if (level == 5)
		return bad(out, "leaf at level 5");
	out->dirty = bit(entry, 6);
	if (field(entry, 11, 9) == 7) {
		while (address >> ones & 1)
			ones++;
		size = granule + 1 + ones;
		if (size <= item || size >= item + 9)
			return bad(out, "encoded size does not belong to the level");
		address &= ~((1ULL << ones) - 1);
		if (!amd_copies_agree(table, index, 1ULL << (size - item), &out->dirty))
			return bad(out, "copies differ");
	}
	out->oa = address << granule;
	if (out->oa % (1ULL << size))
		return bad(out, "address not aligned to the size");
	out->size = 1ULL << size;
	out->oa += iova % out->size;
	out->read = bit(entry, 61);
	out->write = bit(entry, 62);
	out->coherent = bit(entry, 60);
	if (bit(entry, 63) || field(entry, 59, 52) || field(entry, 8, 7) || field(entry, 5, 1))
		return bad(out, "unknown bits in a leaf");
	return DECODE_LEAF;
}

static enum decode_result decode_amd(const uint64_t *table, unsigned int level, uint64_t iova,
				     unsigned int granule, struct decoded *out)
{
	if (level < 5 && iova >> (granule + 9 * (level + 1)))
		return DECODE_NONE;
	for (;; level--) {
		unsigned int shift = granule + 9 * level;
		uint64_t index = level == 5 ? field(iova, 63, 57) : field(iova, shift + 8, shift);
		uint64_t entry = load(table, index);
		unsigned int next = (unsigned int)field(entry, 11, 9);

		out->entry = entry;
		if (!bit(entry, 0))
			return entry ? bad(out, "bits in an absent entry") : DECODE_NONE;
		if (next == 0 || next == 7)
			return amd_leaf(table, index, level, granule, iova, out);
		if (next != level)
			return bad(out, "next level skips");
		if (field(entry, 63, 52) != 0x600 || field(entry, 8, 1))
			return bad(out, "bits in a table entry");
		table = (const uint64_t *)(uintptr_t)(field(entry, 51, 12) << granule);
	}
}

static enum decode_result decode_vtd(const uint64_t *table, unsigned int level, uint64_t iova,
				     struct decoded *out)
{
	if (iova >> (12 + 9 * (level + 1)))
		return DECODE_NONE;
	for (;; level--) {
		unsigned int shift = 12 + 9 * level;
		uint64_t entry = load(table, field(iova, shift + 8, shift));

		out->entry = entry;
		if (!entry)
			return DECODE_NONE;
		if (field(entry, 1, 0) == 0)
			return bad(out, "entry without R and W");
		if (level == 0 || bit(entry, 7)) {
			if (level > 2)
				return bad(out, "leaf too high");
			if (bit(entry, 7) != (level > 0))
				return bad(out, "PS in a page");
			if (field(entry, 63, 52) || bit(entry, 10) || bit(entry, 8) ||
			    field(entry, 6, 2))
				return bad(out, "unknown bits in a leaf");
			out->size = 1ULL << shift;
			out->oa = address_51_12(entry);
			if (out->oa % out->size)
				return bad(out, "address not aligned to the size");
			out->oa += iova % out->size;
			out->read = bit(entry, 0);
			out->write = bit(entry, 1);
			out->dirty = bit(entry, 9);
			out->coherent = bit(entry, 11);
			return DECODE_LEAF;
		}
		if (field(entry, 63, 52) || field(entry, 11, 0) != 3)
			return bad(out, "bits in a table entry");
		table = (const uint64_t *)(uintptr_t)address_51_12(entry);
	}
}

static enum decode_result decode_x86(const uint64_t *table, unsigned int level, uint64_t iova,
				     struct decoded *out)
{
	if (iova >> (12 + 9 * (level + 1)))
		return DECODE_NONE;
	for (;; level--) {
		unsigned int shift = 12 + 9 * level;
		uint64_t entry = load(table, field(iova, shift + 8, shift));

		out->entry = entry;
		if (!bit(entry, 0))
			return entry ? bad(out, "bits in an absent entry") : DECODE_NONE;
		if (level == 0 || bit(entry, 7)) {
			if (level > 2)
				return bad(out, "leaf too high");
			/* P, U, A; RW with D; PS in large ones; nothing else. */
			if (field(entry, 11, 0) !=
			    (0x25u | (bit(entry, 1) ? 0x42u : 0) | (level > 0 ? 0x80u : 0)))
				return bad(out, "low bits of a leaf");
			if (field(entry, 63, 52))
				return bad(out, "high bits of a leaf");
			out->size = 1ULL << shift;
			out->oa = address_51_12(entry);
			if (out->oa % out->size)
				return bad(out, "address not aligned to the size");
			out->oa += iova % out->size;
			out->read = true;
			out->write = bit(entry, 1);
			return DECODE_LEAF;
		}
		if (field(entry, 63, 52) || field(entry, 11, 0) != 0x27)
			return bad(out, "bits in a table entry");
		table = (const uint64_t *)(uintptr_t)address_51_12(entry);
	}
}

static enum decode_result riscv_leaf(const uint64_t *table, uint64_t index, unsigned int level,
				     uint64_t iova, struct decoded *out)
{
	uint64_t entry = out->entry;
	uint64_t ppn = field(entry, 53, 10);

	out->size = 1ULL << (12 + 9 * level);
	if (bit(entry, 63)) {
		if (level > 0 || (ppn & 15) != 8)
			return bad(out, "NAPOT encoding");
		for (uint64_t i = index & ~15ULL; i <= (index | 15); i++)
			if (load(table, i) != entry)
				return bad(out, "copies differ");
		ppn &= ~15ULL;
		out->size = 65536;
	}
	/* V, X, U, A always; R with W; D with W. */
	if (!bit(entry, 3) || !bit(entry, 4) || bit(entry, 5) || !bit(entry, 6))
		return bad(out, "X, U, A or G of a leaf");
	if (bit(entry, 2) && !bit(entry, 1))
		return bad(out, "W without R");
	if (bit(entry, 7) != bit(entry, 2) || field(entry, 9, 8) || field(entry, 60, 54))
		return bad(out, "unknown bits in a leaf");
	if (field(entry, 62, 61) == 1 || field(entry, 62, 61) == 3)
		return bad(out, "memory type");
	out->device = field(entry, 62, 61) == 2;
	out->oa = ppn << 12;
	if (out->oa % out->size)
		return bad(out, "address not aligned to the size");
	out->oa += iova % out->size;
	out->read = bit(entry, 1);
	out->write = bit(entry, 2);
	return DECODE_LEAF;
}

static enum decode_result decode_riscv(const uint64_t *table, unsigned int level, uint64_t iova,
				       struct decoded *out)
{
	if (iova >> (12 + 9 * (level + 1)))
		return DECODE_NONE;
	for (;; level--) {
		unsigned int shift = 12 + 9 * level;
		uint64_t index = field(iova, shift + 8, shift);
		uint64_t entry = load(table, index);

		out->entry = entry;
		if (!bit(entry, 0))
			return entry ? bad(out, "bits in an absent entry") : DECODE_NONE;
		if (field(entry, 3, 1))
			return riscv_leaf(table, index, level, iova, out);
		if (level == 0)
			return bad(out, "table pointer among pages");
		if (field(entry, 63, 54) || field(entry, 9, 0) != 1)
			return bad(out, "bits in a table entry");
		table = (const uint64_t *)(uintptr_t)(field(entry, 53, 10) << 12);
	}
}

/* Attributes of one stage; the address is done. */
static enum decode_result arm_attributes(uint64_t entry, unsigned int stage, struct decoded *out)
{
	if (!bit(entry, 10))
		return bad(out, "AF is clear");
	if (field(entry, 63, 52) || field(entry, 50, 48))
		return bad(out, "unknown high bits");
	if (stage == 1) {
		if (bit(entry, 5) || !bit(entry, 6) || !bit(entry, 11))
			return bad(out, "NS, AP[1] or nG");
		out->device = field(entry, 4, 2) == 2;
		if (!out->device && field(entry, 4, 2) != 1)
			return bad(out, "AttrIndx");
		out->read = true;
		out->write = bit(entry, 51) || !bit(entry, 7);
		out->dirty = bit(entry, 51) && !bit(entry, 7);
	} else {
		if (bit(entry, 51) || bit(entry, 11))
			return bad(out, "unknown bits");
		out->device = field(entry, 5, 2) == 1;
		if (!out->device && field(entry, 5, 2) != 15)
			return bad(out, "MemAttr");
		out->read = bit(entry, 6);
		out->write = bit(entry, 7);
		if (!out->read && !out->write)
			return bad(out, "leaf without rights");
	}
	if (field(entry, 9, 8) != (out->device ? 2 : 3))
		return bad(out, "shareability");
	return DECODE_LEAF;
}

static enum decode_result decode_arm(const uint64_t *table, unsigned int level, uint64_t iova,
				     unsigned int stage, struct decoded *out)
{
	/* The first level may have more than 512 entries. */
	uint64_t index = iova >> (12 + 9 * level);

	for (;; level--) {
		uint64_t entry = load(table, index);
		unsigned int type = (unsigned int)field(entry, 1, 0);

		out->entry = entry;
		if (!bit(entry, 0))
			return entry ? bad(out, "bits in an absent entry") : DECODE_NONE;
		if (level == 0 || type == 1) {
			if (level > 2 || (level == 0 && type != 3))
				return bad(out, "leaf of a wrong type");
			out->size = 1ULL << (12 + 9 * level);
			out->oa = entry & 0x0000fffffffff000ULL;
			if (out->oa % out->size)
				return bad(out, "address not aligned to the size");
			out->oa += iova % out->size;
			return arm_attributes(entry, stage, out);
		}
		if (field(entry, 63, 48) || field(entry, 11, 0) != 3)
			return bad(out, "bits in a table entry");
		table = (const uint64_t *)(uintptr_t)(entry & 0x0000fffffffff000ULL);
		index = field(iova, 12 + 9 * level - 1, 12 + 9 * (level - 1));
	}
}

enum decode_result decode(const char *format, const void *root, unsigned int level, uint64_t iova,
			  struct decoded *out)
{
	memset(out, 0, sizeof(*out));
	if (strcmp(format, "amdv1") == 0)
		return decode_amd(root, level, iova, 12, out);
	if (strcmp(format, "amdv1-mock") == 0)
		return decode_amd(root, level, iova, 11, out);
	if (strcmp(format, "vtdss") == 0)
		return decode_vtd(root, level, iova, out);
	if (strcmp(format, "x86-64") == 0)
		return decode_x86(root, level, iova, out);
	if (strcmp(format, "riscv") == 0)
		return decode_riscv(root, level, iova, out);
	if (strcmp(format, "arm-s1") == 0)
		return decode_arm(root, level, iova, 1, out);
	if (strcmp(format, "arm-s2") == 0)
		return decode_arm(root, level, iova, 2, out);
	return bad(out, "unknown format");
}
