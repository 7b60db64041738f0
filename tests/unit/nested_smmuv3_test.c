/* SPDX-License-Identifier: MIT */
/*
 * SMMUv3 nested translation: STE and context descriptors, AArch64 tables, and the event record of
 * each fault.
 */
#include "kit.h"

enum {
	PAGES = 1024,
	SECRET = 0x53a,
	SSID = 1000,
	ASID = 7,
	CD_BYTES = 64,
};

#define IOVA UINT64_C(0x812345678000)

#define STE0_V	    BIT(0)
#define STE0_S1	    (UINT64_C(5) << 1)
#define STE0_BYPASS (UINT64_C(4) << 1)
#define STE0_FMT(x) ((uint64_t)(x) << 4)
#define STE0_MAX(x) ((uint64_t)(x) << 59)
#define STE1_DSS(x) ((uint64_t)(x))

#define CD0_T0SZ(x) ((uint64_t)(x))
#define CD0_EPD0    BIT(14)
#define CD0_EPD1    BIT(30)
#define CD0_V	    BIT(31)
#define CD0_IPS(x)  ((uint64_t)(x) << 32)
#define CD0_AFFD    BIT(35)
#define CD0_AA64    BIT(41)
#define CD0_HD	    BIT(42)
#define CD0_HA	    BIT(43)
#define CD0_R	    BIT(45)
#define CD0_ASID(x) ((uint64_t)(x) << 48)

/* 48 bits in, 44 bits out, faults are recorded. */
#define CD0_USUAL (CD0_T0SZ(16) | CD0_EPD1 | CD0_V | CD0_IPS(4) | CD0_AA64 | CD0_R | CD0_ASID(ASID))

/* Event records: word 1. */
#define EVT_RNW	     BIT(35)
#define EVT_S2	     BIT(39)
#define EVT_CLASS(x) ((uint64_t)(x) << 40)

enum {
	CLASS_CD,
	CLASS_TT,
	CLASS_IN
};

struct smmu {
	struct guest *guest;
	uint64_t root, page, cds;
};

static void attach(struct smmu *s, uint64_t ste0, uint64_t ste1)
{
	const struct nested_config config = {
		.format = NESTED_SMMUV3,
		.ste = {ste0 | STE0_V, ste1},
	};

	guest_attach(s->guest, &config);
}

/* Through the one context descriptor at s->cds. */
static void attach_single(struct smmu *s)
{
	attach(s, STE0_S1 | s->cds, 0);
}

static uint64_t *cd_at(struct smmu *s, uint64_t ipa)
{
	return guest_word(s->guest, ipa);
}

static void write_cd(struct smmu *s, uint64_t ipa)
{
	cd_at(s, ipa)[0] = CD0_USUAL;
	cd_at(s, ipa)[1] = s->root;
}

static int setup(void **state)
{
	struct smmu *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->guest = guest_create("smmuv3", PAGES);
	s->root = guest_alloc(s->guest, 1);
	s->page = guest_alloc(s->guest, 1);
	s->cds = guest_alloc(s->guest, 16);
	*guest_word(s->guest, s->page) = SECRET;
	guest_map_arm(s->guest, s->root, IOVA, 0, s->page | ARM_PAGE | ARM_LEAF);
	write_cd(s, s->cds);
	attach_single(s);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct smmu *s = *state;

	guest_destroy(s->guest);
	free(s);
	return 0;
}

/* The descriptor of IOVA at level @n of the architecture. */
static uint64_t *level(struct smmu *s, unsigned int n)
{
	return guest_entry(s->guest, s->root, 4, IOVA, 3 - n, ARM_TABLE);
}

/* A fault with its event; after all caches have been emptied. */
static void expect(struct smmu *s, bool write, unsigned int stage, const char *name,
		   uint32_t number, uint64_t word1, uint64_t word3)
{
	const struct dma_fault *fault = &s->guest->fault;

	attach_single(s);
	guest_faults(s->guest, 0, IOVA + 8, write, stage, name);
	assert_int_equal(fault->reason, number);
	assert_int_equal(fault->event[0], number);
	assert_int_equal(fault->event[1], word1 | (write ? 0 : EVT_RNW));
	assert_int_equal(fault->event[2], IOVA + 8);
	assert_int_equal(fault->event[3], word3);
}

static void expect_stage1(struct smmu *s, bool write, const char *name, uint32_t number)
{
	expect(s, write, 1, name, number, EVT_CLASS(CLASS_IN), 0);
}

static void dma_goes_through_both_stages(void **state)
{
	struct smmu *s = *state;

	guest_reads(s->guest, 0, IOVA, SECRET);
	assert_int_equal(guest_write(s->guest, 0, IOVA + 8, 9), 0);
	assert_int_equal(*guest_word(s->guest, s->page + 8), 9);
}

static void blocks_are_leaves_of_levels_1_and_2(void **state)
{
	struct smmu *s = *state;

	guest_map_arm(s->guest, s->root, 0x40000000, 1, GUEST_BASE | ARM_BLOCK | ARM_LEAF);
	guest_reads(s->guest, 0, 0x40000000 + s->page - GUEST_BASE, SECRET);
	guest_map_arm(s->guest, s->root, BIT(39), 2, GUEST_BASE | ARM_BLOCK | ARM_LEAF);
	guest_reads(s->guest, 0, BIT(39) + s->page - GUEST_BASE, SECRET);
	/* There are none at level 0, nor at level 3. */
	*level(s, 3) &= ~BIT(1);
	expect_stage1(s, false, "F_TRANSLATION", 0x10);
	*level(s, 0) &= ~BIT(1);
	expect_stage1(s, false, "F_TRANSLATION", 0x10);
	assert_int_equal(s->guest->fault.level, 0);
}

static void substreams_are_found_in_tables_of_each_format(void **state)
{
	struct smmu *s = *state;
	uint64_t first = guest_alloc(s->guest, 1), leaf;

	write_cd(s, s->cds + 3 * CD_BYTES);
	attach(s, STE0_S1 | STE0_FMT(0) | STE0_MAX(2) | s->cds, 0);
	guest_reads(s->guest, 3, IOVA, SECRET);

	/* 64 descriptors in 4 KiB, or 1024 in 64 KiB. */
	leaf = guest_alloc(s->guest, 1);
	*guest_word(s->guest, first + (SSID >> 6) * 8) = leaf | 1;
	write_cd(s, leaf + (SSID & 63) * CD_BYTES);
	attach(s, STE0_S1 | STE0_FMT(1) | STE0_MAX(10) | first, 0);
	guest_reads(s->guest, SSID, IOVA, SECRET);
	guest_faults(s->guest, SSID - 64, IOVA, false, 1, "C_BAD_SUBSTREAMID");
	guest_faults(s->guest, SSID - 1, IOVA, false, 1, "C_BAD_CD");

	memset(guest_at(s->guest, first), 0, PAGE);
	leaf = (guest_alloc(s->guest, 31) + 0xffff) & ~UINT64_C(0xffff);
	*guest_word(s->guest, first + 1 * 8) = leaf | 1;
	write_cd(s, leaf + SSID * CD_BYTES);
	attach(s, STE0_S1 | STE0_FMT(2) | STE0_MAX(11) | first, 0);
	guest_reads(s->guest, 1024 + SSID, IOVA, SECRET);
}

static void substreams_have_a_limit(void **state)
{
	struct smmu *s = *state;

	guest_faults(s->guest, 1, IOVA, false, 1, "C_BAD_SUBSTREAMID");
	assert_int_equal(s->guest->fault.event[0], 0x08 | BIT(11) | 1 << 12);
	assert_int_equal(s->guest->fault.event[1], 0);
	attach(s, STE0_S1 | STE0_MAX(2) | s->cds, 0);
	guest_faults(s->guest, 4, IOVA, false, 1, "C_BAD_SUBSTREAMID");
	assert_int_equal(s->guest->fault.cause, DMA_FAULT_TABLES);
	attach(s, STE0_BYPASS, 0);
	guest_faults(s->guest, 1, IOVA, false, 1, "C_BAD_SUBSTREAMID");
}

static void s1dss_decides_without_a_substream(void **state)
{
	struct smmu *s = *state;

	attach(s, STE0_S1 | STE0_MAX(2) | s->cds, STE1_DSS(0));
	guest_faults(s->guest, 0, IOVA, false, 1, "F_STREAM_DISABLED");
	assert_int_equal(s->guest->fault.reason, 0x06);
	attach(s, STE0_S1 | STE0_MAX(2) | s->cds, STE1_DSS(1));
	guest_reads(s->guest, 0, s->page, SECRET);
	attach(s, STE0_S1 | STE0_MAX(2) | s->cds, STE1_DSS(2));
	guest_reads(s->guest, 0, IOVA, SECRET);
}

static void an_ste_can_bypass_abort_or_be_wrong(void **state)
{
	struct smmu *s = *state;

	attach(s, STE0_BYPASS, 0);
	guest_reads(s->guest, 0, s->page, SECRET);
	attach(s, 0, 0);
	guest_faults(s->guest, 0, s->page, false, 1, "abort");
	assert_int_equal(s->guest->fault.event[0], 0);
	attach(s, STE0_S1 | STE0_FMT(3) | STE0_MAX(2) | s->cds, 0);
	guest_faults(s->guest, 0, IOVA, false, 1, "C_BAD_STE");
	assert_int_equal(s->guest->fault.event[0], 0x04);
	attach(s, STE0_S1 | STE0_MAX(21) | s->cds, 0);
	guest_faults(s->guest, 0, IOVA, false, 1, "C_BAD_STE");
}

static void each_wrong_bit_of_a_context_descriptor_is_told(void **state)
{
	static const uint64_t wrong[] = {
		CD0_V,
		CD0_AA64,
		BITS(7, 6) /* TG0: reserved */,
		BIT(15) /* ENDI */,
		BIT(4) /* T0SZ 0 */,
	};
	struct smmu *s = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cd_at(s, s->cds)[0] = CD0_USUAL ^ wrong[i];
		attach_single(s);
		guest_faults(s->guest, 0, IOVA, false, 1, "C_BAD_CD");
		assert_int_equal(s->guest->fault.reason, 0x0a);
		assert_int_equal(s->guest->fault.event[0], 0x0a);
	}
	cd_at(s, s->cds)[0] = CD0_USUAL;
	cd_at(s, s->cds)[1] = BIT(44);
	attach_single(s);
	guest_faults(s->guest, 0, IOVA, false, 1, "C_BAD_CD");
}

static void t0sz_limits_the_input(void **state)
{
	struct smmu *s = *state;
	const uint64_t root = guest_alloc(s->guest, 1);

	/* 40 bits: the walk begins at level 0 with two entries, 39: at level 1. */
	*guest_entry(s->guest, root, 3, 0x345678000, 0, ARM_TABLE) = s->page | ARM_PAGE | ARM_LEAF;
	cd_at(s, s->cds)[0] = (CD0_USUAL & ~BITS(5, 0)) | CD0_T0SZ(25);
	cd_at(s, s->cds)[1] = root;
	attach_single(s);
	guest_reads(s->guest, 0, 0x345678000, SECRET);
	guest_faults(s->guest, 0, BIT(39) | 0x345678000, false, 1, "F_TRANSLATION");
	assert_int_equal(s->guest->fault.event[1], EVT_RNW | EVT_CLASS(CLASS_IN));
}

static void the_upper_half_has_a_table_of_its_own(void **state)
{
	const uint64_t iova = BITS(63, 48) | 0x8000;
	struct smmu *s = *state;
	const uint64_t root = guest_alloc(s->guest, 1);

	guest_faults(s->guest, 0, iova, false, 1, "F_TRANSLATION");
	guest_map_arm(s->guest, root, iova, 0, s->page | ARM_PAGE | ARM_LEAF);
	cd_at(s, s->cds)[0] = (CD0_USUAL & ~CD0_EPD1) | UINT64_C(16) << 16 | UINT64_C(2) << 22;
	cd_at(s, s->cds)[2] = root;
	attach_single(s);
	guest_reads(s->guest, 0, iova, SECRET);
	guest_reads(s->guest, 0, IOVA, SECRET);
}

static void each_wrong_bit_of_a_table_has_its_event(void **state)
{
	struct smmu *s = *state;
	const uint64_t leaf = *level(s, 3);

	for (unsigned int n = 0; n < 4; n++) {
		*level(s, n) &= ~BIT(0);
		expect_stage1(s, false, "F_TRANSLATION", 0x10);
		assert_int_equal(s->guest->fault.level, n);
		assert_int_equal(s->guest->fault.cause, DMA_FAULT_NOT_MAPPED);
		*level(s, n) |= BIT(0);

		*level(s, n) |= BIT(44);
		expect_stage1(s, false, "F_ADDR_SIZE", 0x11);
		*level(s, n) &= ~BIT(44);
	}
	*level(s, 3) = leaf & ~ARM_AF;
	expect_stage1(s, false, "F_ACCESS", 0x12);
	*level(s, 3) = leaf & ~ARM_USER;
	expect_stage1(s, false, "F_PERMISSION", 0x13);
	*level(s, 3) = leaf | ARM_RO;
	expect_stage1(s, true, "F_PERMISSION", 0x13);
	guest_reads(s->guest, 0, IOVA, SECRET);
	*level(s, 3) = leaf;
	for (unsigned int n = 0; n < 3; n++) {
		*level(s, n) |= BIT(62); /* APTable: read-only */
		expect_stage1(s, true, "F_PERMISSION", 0x13);
		guest_reads(s->guest, 0, IOVA, SECRET);
		*level(s, n) ^= BIT(62) | BIT(61); /* privileged only */
		expect_stage1(s, false, "F_PERMISSION", 0x13);
		*level(s, n) &= ~BIT(61);
	}
}

static void outputs_are_as_wide_as_the_descriptor_says(void **state)
{
	struct smmu *s = *state;

	cd_at(s, s->cds)[0] = (CD0_USUAL & ~BITS(34, 32)) | CD0_IPS(0);
	attach_single(s);
	guest_reads(s->guest, 0, IOVA, SECRET);
	*level(s, 3) |= BIT(32);
	expect_stage1(s, false, "F_ADDR_SIZE", 0x11);
}

static void hardware_updates_access_flag_and_dirty_state(void **state)
{
	struct smmu *s = *state;
	const uint64_t leaf = *level(s, 3);

	*level(s, 3) = leaf & ~ARM_AF;
	cd_at(s, s->cds)[0] = CD0_USUAL | CD0_HA;
	attach_single(s);
	guest_reads(s->guest, 0, IOVA, SECRET);
	assert_int_equal(*level(s, 3), leaf);

	*level(s, 3) = leaf | ARM_DBM | ARM_RO;
	expect_stage1(s, true, "F_PERMISSION", 0x13);
	cd_at(s, s->cds)[0] = CD0_USUAL | CD0_HA | CD0_HD;
	attach_single(s);
	guest_reads(s->guest, 0, IOVA, SECRET);
	assert_int_equal(*level(s, 3), leaf | ARM_DBM | ARM_RO);
	/* Cached as clean: the write has to walk again. */
	assert_int_equal(guest_write(s->guest, 0, IOVA, 5), 0);
	assert_int_equal(*level(s, 3), leaf | ARM_DBM);
}

static void the_access_flag_can_be_ignored(void **state)
{
	struct smmu *s = *state;

	*level(s, 3) &= ~ARM_AF;
	cd_at(s, s->cds)[0] = CD0_USUAL | CD0_AFFD;
	attach_single(s);
	guest_reads(s->guest, 0, IOVA, SECRET);
	assert_int_equal(*level(s, 3) & ARM_AF, 0);
}

static void faults_are_recorded_if_the_descriptor_says_so(void **state)
{
	struct smmu *s = *state;

	cd_at(s, s->cds)[0] = CD0_USUAL & ~CD0_R;
	*level(s, 3) = 0;
	attach_single(s);
	guest_faults(s->guest, 0, IOVA, false, 1, "F_TRANSLATION");
	assert_int_equal(s->guest->fault.event[0], 0);
}

static void stage_2_faults_say_what_was_fetched(void **state)
{
	struct smmu *s = *state;
	uint64_t table = *level(s, 2) & BITS(47, 12);

	guest_unmap(s->guest, s->page);
	expect(s, false, 2, "F_TRANSLATION", 0x10, EVT_S2 | EVT_CLASS(CLASS_IN), s->page);
	guest_map_page(s->guest, guest_page_of(s->page), IOPT_READ);
	expect(s, true, 2, "F_PERMISSION", 0x13, EVT_S2 | EVT_CLASS(CLASS_IN), s->page);

	guest_unmap(s->guest, table);
	expect(s, false, 2, "F_TRANSLATION", 0x10, EVT_S2 | EVT_CLASS(CLASS_TT), table);
	guest_map_page(s->guest, guest_page_of(table), GUEST_RW);

	guest_unmap(s->guest, s->cds);
	expect(s, false, 2, "F_TRANSLATION", 0x10, EVT_S2 | EVT_CLASS(CLASS_CD), s->cds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(dma_goes_through_both_stages),
		TEST(blocks_are_leaves_of_levels_1_and_2),
		TEST(substreams_are_found_in_tables_of_each_format),
		TEST(substreams_have_a_limit),
		TEST(s1dss_decides_without_a_substream),
		TEST(an_ste_can_bypass_abort_or_be_wrong),
		TEST(each_wrong_bit_of_a_context_descriptor_is_told),
		TEST(t0sz_limits_the_input),
		TEST(the_upper_half_has_a_table_of_its_own),
		TEST(each_wrong_bit_of_a_table_has_its_event),
		TEST(outputs_are_as_wide_as_the_descriptor_says),
		TEST(hardware_updates_access_flag_and_dirty_state),
		TEST(the_access_flag_can_be_ignored),
		TEST(faults_are_recorded_if_the_descriptor_says_so),
		TEST(stage_2_faults_say_what_was_fetched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
