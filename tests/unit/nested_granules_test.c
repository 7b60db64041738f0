/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3 nested translation with granules of 4, 16 and 64 KiB: pages and blocks in both halves of
 * the address space, and what the IOTLB keeps of them [FORMAT-ARM-GRANULE].
 */
#include "kit.h"

enum {
	PAGES = 1024,
	ASID = 7,
	VALUE_A = 0xa0a0,
	VALUE_B = 0xb0b0,
	PAGES_LEVEL = 3,
	HALF_BITS = 48,
};

#define STE0_V	BIT(0)
#define STE0_S1 (UINT64_C(5) << 1)

/* 48 bits in both halves, 48 bits out. */
#define CD0_USUAL                                                                              \
	(UINT64_C(16) | UINT64_C(16) << 16 | BIT(31) | UINT64_C(5) << 32 | BIT(41) | BIT(45) | \
	 (uint64_t)ASID << 48)
#define CD0_TG0_SHIFT 6
#define CD0_TG1_SHIFT 22

struct granule {
	unsigned int shift;
	unsigned int tg0, tg1;
	unsigned int first_level;  /* of 48 bits */
	unsigned int blocks_level; /* the highest with blocks */
};

static const struct granule granules[] = {
	{.shift = 12, .tg0 = 0, .tg1 = 2, .first_level = 0, .blocks_level = 1},
	{.shift = 14, .tg0 = 2, .tg1 = 1, .first_level = 0, .blocks_level = 2},
	{.shift = 16, .tg0 = 1, .tg1 = 3, .first_level = 1, .blocks_level = 2},
};

struct smmu {
	struct guest *guest;
	const struct granule *granule;
	uint64_t cd, low, high; /* the descriptor, and the roots of both halves */
};

/* @count units of the granule, aligned to it. */
static uint64_t take(struct smmu *s, size_t count)
{
	const uint64_t unit = BIT(s->granule->shift);
	const uint64_t at = guest_alloc(s->guest, (count + 1) * unit / PAGE - 1);

	return (at + unit - 1) & ~(unit - 1);
}

static struct smmu *start(const struct granule *granule)
{
	struct smmu *s = calloc(1, sizeof(*s));
	struct nested_config config = {.format = NESTED_SMMUV3};

	assert_non_null(s);
	s->granule = granule;
	s->guest = guest_create("smmuv3", PAGES);
	s->cd = guest_alloc(s->guest, 1);
	s->low = take(s, 1);
	s->high = take(s, 1);
	guest_word(s->guest, s->cd)[0] = CD0_USUAL | (uint64_t)granule->tg0 << CD0_TG0_SHIFT |
					 (uint64_t)granule->tg1 << CD0_TG1_SHIFT;
	guest_word(s->guest, s->cd)[1] = s->low;
	guest_word(s->guest, s->cd)[2] = s->high;
	config.ste[0] = STE0_V | STE0_S1 | s->cd;
	guest_attach(s->guest, &config);
	return s;
}

static void stop(struct smmu *s)
{
	guest_destroy(s->guest);
	free(s);
}

static unsigned int shift_of(const struct smmu *s, unsigned int level)
{
	return s->granule->shift + (s->granule->shift - 3) * (PAGES_LEVEL - level);
}

/* The descriptor of @iova at @level; tables on the way are made. */
static uint64_t *descriptor(struct smmu *s, uint64_t iova, unsigned int level)
{
	const uint64_t half = iova & (BIT(HALF_BITS) - 1);
	uint64_t table = iova & BIT(63) ? s->high : s->low;

	for (unsigned int at = s->granule->first_level;; at++) {
		const uint64_t index = (half >> shift_of(s, at)) & (BIT(s->granule->shift - 3) - 1);
		uint64_t *entry = guest_word(s->guest, table + index * sizeof(*entry));

		if (at == level)
			return entry;
		if (!*entry)
			*entry = take(s, 1) | ARM_TABLE;
		table = *entry & BITS(47, 12);
	}
}

static void forget(struct smmu *s, uint64_t iova, bool leaf_only)
{
	const struct tlb_match match = {
		.by_range = true,
		.range = {iova, iova | (PAGE - 1)},
		.leaf_only = leaf_only,
	};

	iommu_tlb_invalidate(s->guest->device, &match);
}

static void pages_of_each_granule_are_walked_in_both_halves(void **state)
{
	static const uint64_t iovas[] = {0x812345678000 & ~0xffffULL, 0xffff812345670000};

	(void)state;
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		struct smmu *s = start(&granules[i]);
		const uint64_t last = BIT(s->granule->shift) - sizeof(uint64_t);
		const uint64_t page = take(s, 1);

		*guest_word(s->guest, page) = VALUE_A;
		*guest_word(s->guest, page + last) = VALUE_B;
		for (size_t n = 0; n < 2; n++) {
			guest_faults(s->guest, 0, iovas[n], false, 1, "F_TRANSLATION");
			*descriptor(s, iovas[n], PAGES_LEVEL) = page | ARM_PAGE | ARM_LEAF;
			guest_reads(s->guest, 0, iovas[n], VALUE_A);
			guest_reads(s->guest, 0, iovas[n] + last, VALUE_B);
			guest_faults(s->guest, 0, iovas[n] + last + 8, false, 1, "F_TRANSLATION");
		}
		stop(s);
	}
}

static void blocks_exist_at_the_levels_of_their_granule(void **state)
{
	const uint64_t iova = BIT(46);

	(void)state;
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		for (unsigned int level = granules[i].first_level; level < PAGES_LEVEL; level++) {
			struct smmu *s = start(&granules[i]);
			const uint64_t page = take(s, 1);

			*guest_word(s->guest, page) = VALUE_A;
			*descriptor(s, iova, level) = GUEST_BASE | ARM_BLOCK | ARM_LEAF;
			if (level >= granules[i].blocks_level)
				guest_reads(s->guest, 0, iova + page - GUEST_BASE, VALUE_A);
			else
				guest_faults(s->guest, 0, iova + page - GUEST_BASE, false, 1,
					     "F_TRANSLATION");
			stop(s);
		}
	}
}

/* A page larger than 4 KiB is cached in parts, and any address in it names all of them. */
static void invalidating_any_part_of_a_page_forgets_it(void **state)
{
	const uint64_t iova = 0x40000000;

	(void)state;
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		struct smmu *s = start(&granules[i]);
		const uint64_t last = BIT(s->granule->shift) - PAGE;
		const uint64_t old = take(s, 1), new = take(s, 1);

		*guest_word(s->guest, old) = VALUE_A;
		*guest_word(s->guest, new) = VALUE_B;
		*descriptor(s, iova, PAGES_LEVEL) = old | ARM_PAGE | ARM_LEAF;
		guest_reads(s->guest, 0, iova, VALUE_A);
		*descriptor(s, iova, PAGES_LEVEL) = new | ARM_PAGE | ARM_LEAF;
		guest_reads(s->guest, 0, iova, VALUE_A);
		forget(s, iova + last, true);
		guest_reads(s->guest, 0, iova, VALUE_B);
		stop(s);
	}
}

/* The lowest table translates 2, 32 or 512 MiB; an invalidation of any of it forgets the table. */
static void invalidating_what_a_table_translates_forgets_the_table(void **state)
{
	const uint64_t iova = 0x40000000;

	(void)state;
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		struct smmu *s = start(&granules[i]);
		const uint64_t unit = BIT(s->granule->shift);
		const uint64_t far = iova + BIT(shift_of(s, PAGES_LEVEL - 1)) - PAGE;
		const uint64_t old = take(s, 1), new = take(s, 1), table = take(s, 1);

		*guest_word(s->guest, old) = VALUE_A;
		*guest_word(s->guest, new) = VALUE_B;
		*descriptor(s, iova, PAGES_LEVEL) = old | ARM_PAGE | ARM_LEAF;
		*descriptor(s, iova + unit, PAGES_LEVEL) = old | ARM_PAGE | ARM_LEAF;
		guest_reads(s->guest, 0, iova, VALUE_A);
		*descriptor(s, iova, PAGES_LEVEL - 1) = table | ARM_TABLE;
		*descriptor(s, iova + unit, PAGES_LEVEL) = new | ARM_PAGE | ARM_LEAF;
		forget(s, far, true);
		guest_reads(s->guest, 0, iova + unit, VALUE_A);
		*descriptor(s, iova + 2 * unit, PAGES_LEVEL) = new | ARM_PAGE | ARM_LEAF;
		forget(s, far, false);
		guest_reads(s->guest, 0, iova + 2 * unit, VALUE_B);
		stop(s);
	}
}

static void reserved_granules_are_told(void **state)
{
	struct smmu *s = start(&granules[0]);
	const struct tlb_match config = {.config = true};
	uint64_t *cd = guest_word(s->guest, s->cd);

	(void)state;
	cd[0] |= UINT64_C(3) << CD0_TG0_SHIFT;
	iommu_tlb_invalidate(s->guest->device, &config);
	guest_faults(s->guest, 0, 0x1000, false, 1, "C_BAD_CD");
	cd[0] = CD0_USUAL;
	iommu_tlb_invalidate(s->guest->device, &config);
	guest_faults(s->guest, 0, 0x1000, false, 1, "C_BAD_CD");
	stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_of_each_granule_are_walked_in_both_halves),
		cmocka_unit_test(blocks_exist_at_the_levels_of_their_granule),
		cmocka_unit_test(invalidating_any_part_of_a_page_forgets_it),
		cmocka_unit_test(invalidating_what_a_table_translates_forgets_the_table),
		cmocka_unit_test(reserved_granules_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
