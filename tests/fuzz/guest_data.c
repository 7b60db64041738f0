/* SPDX-License-Identifier: MIT */
/*
 * Everything leads to the IOVAs from SHAPE_IOVA on, where the program may have mapped its memory:
 * walks go through the guest's own tables, in circles and out of them.
 */
#include "guest_data.h"

#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/bits.h"
#include "hostile.h"
#include "shape.h"

enum {
	ENTRIES = 512,
	CD_WORDS = 8, /* of a context descriptor */
	SHUFFLE = 7,
};

static uint64_t ipa(unsigned int page)
{
	return SHAPE_IOVA + (uint64_t)(page % HOSTILE_PAGES) * PAGE;
}

/* Entries that lead to all pages in turn, with the bits that the input says. */
static void write_table(struct fuzz_input *input, uint64_t *to)
{
	uint64_t low = fuzz_bytes(input, 2) & 0xfff, high = (uint64_t)fuzz_byte(input) << 52;
	unsigned int first = fuzz_byte(input);

	for (unsigned int i = 0; i < ENTRIES; i++)
		to[i] = ipa(first + i * SHUFFLE) | low | high;
}

static void write_vtd(struct fuzz_input *input, uint64_t *to)
{
	const struct iommu_hwpt_vtd_s1 data = {
		.flags = fuzz_byte(input) & 7u,
		.pgtbl_addr = ipa(fuzz_byte(input)),
		.addr_width = fuzz_byte(input) & 1 ? 57 : 48,
	};

	memcpy(to, &data, sizeof(data));
}

/* A stream table entry (SMMUv3, 5.2): V, Cfg, and the table of context descriptors. */
static void write_ste(struct fuzz_input *input, uint64_t *to)
{
	to[0] = 1 | (fuzz_byte(input) & 7u) << 1 | ipa(fuzz_byte(input)) |
		(uint64_t)(fuzz_byte(input) & 31u) << 59;
	to[1] = fuzz_byte(input);
}

/* A context descriptor (SMMUv3, 5.4): V, AA64, sizes, and the first table. */
static void write_cd(struct fuzz_input *input, uint64_t *to)
{
	const uint64_t cd = (fuzz_byte(input) & 63u) | BIT(31) | BIT(41) |
			    (uint64_t)(fuzz_byte(input) & 15u) << 32 | BIT(30);

	for (unsigned int at = 0; at < ENTRIES; at += CD_WORDS) {
		to[at] = cd;
		to[at + 1] = ipa(at / CD_WORDS);
	}
}

/*
 * A device table entry (AMD IOMMU, 2.2.2.1): V, GV, GLX, the paging mode, and the three parts of
 * the guest's table root.
 */
static void write_dte(struct fuzz_input *input, uint64_t *to)
{
	const unsigned int how = fuzz_byte(input);
	const uint64_t root = ipa(fuzz_byte(input)) >> 12;

	to[0] = 1 | BIT(55) | (how & 1 ? BIT(54) : 0) | (uint64_t)(how >> 1 & 3) << 56 |
		(root & 7) << 58;
	to[1] = (root >> 3 & 0xffff) << 16 | (root >> 19 & 0x1fffff) << 43;
	to[2] = (uint64_t)(how >> 3 & 3) << 54;
	to[3] = 0;
}

/* Software nesting: a table of any format, whose entries write_table() makes. */
static void write_soft(struct fuzz_input *input, uint64_t *to)
{
	const unsigned int how = fuzz_byte(input);
	const struct iommu_hwpt_soft_s1 data = {
		.format = how % 10,
		.flags = how >> 4 & 1,
		.root = ipa(fuzz_byte(input)),
		.addr_width = how >> 5 ? 0 : fuzz_byte(input) & 127u,
	};

	memcpy(to, &data, sizeof(data));
}

void guest_data_write(struct fuzz_input *input)
{
	static void (*const writers[])(struct fuzz_input *, uint64_t *) = {
		write_table, write_vtd, write_ste, write_cd, write_dte, write_soft,
	};
	const unsigned int kind = fuzz_byte(input);
	uint64_t *to = (uint64_t *)(uintptr_t)hostile_page(fuzz_byte(input) % HOSTILE_PAGES);

	writers[kind % (sizeof(writers) / sizeof(writers[0]))](input, to);
}
