/* SPDX-License-Identifier: MIT */
/*
 * AMD guest tables: GCR3 tables of each depth, requests with and without PASID, and the event log
 * entry of each fault.
 */
#include "kit.h"

enum {
	PAGES = 64,
	SECRET = 0xa3d,
	PASID = 300,
	BIG_PASID = 77 << 9 | 5,
	HUGE_PASID = 2 << 18 | 9,
};

#define IOVA UINT64_C(0x7f0012345000)

/* Device table entry. */
#define DTE0_V	  BIT(0)
#define DTE0_GIOV BIT(54)
#define DTE0_GV	  BIT(55)
#define DTE0_ALL  (DTE0_V | DTE0_GIOV | DTE0_GV)

/* Event log entry. */
#define EVENT_FLAGS (BITS(63, 60) | BITS(56, 48))
#define EVENT_IOPF  (UINT64_C(2) << 60)
#define EVENT_GN    BIT(48)
#define EVENT_US    BIT(50)
#define EVENT_PR    BIT(52)
#define EVENT_RW    BIT(53)
#define EVENT_PE    BIT(54)
#define EVENT_RZ    BIT(55)

struct amd {
	struct guest *guest;
	uint64_t root, page;
};

/* A GCR3 table at @gcr3 of @glx + 1 levels. */
static void attach(struct amd *a, uint64_t flags, uint64_t gcr3, uint64_t glx, uint64_t paging)
{
	const struct nested_config config = {
		.format = NESTED_AMD,
		.dte =
			{
				[0] = flags | glx << 56 | (gcr3 >> 12 & 7) << 58,
				[1] = (gcr3 >> 15 & 0xffff) << 16 | (gcr3 >> 31 & 0x1fffff) << 43,
				[2] = paging << 54,
			},
	};

	guest_attach(a->guest, &config);
}

/* A GCR3 table of @glx + 1 levels in which @pasid has the table of @a. */
static uint64_t gcr3_with(struct amd *a, unsigned int glx, uint32_t pasid)
{
	uint64_t table = guest_alloc(a->guest, 1), at = table;

	for (unsigned int level = glx; level; level--) {
		uint64_t *entry = guest_word(a->guest, at + (pasid >> (9 * level) & 511) * 8);

		at = guest_alloc(a->guest, 1);
		*entry = at | 1;
	}
	*guest_word(a->guest, at + (pasid & 511) * 8) = a->root | 1;
	return table;
}

static int setup(void **state)
{
	struct amd *a = calloc(1, sizeof(*a));

	assert_non_null(a);
	a->guest = guest_create("amd", PAGES);
	a->root = guest_alloc(a->guest, 1);
	a->page = guest_alloc(a->guest, 1);
	*guest_word(a->guest, a->page) = SECRET;
	guest_map_x86(a->guest, a->root, IOVA, 0, a->page | X86_ALL);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct amd *a = *state;

	guest_destroy(a->guest);
	free(a);
	return 0;
}

static uint64_t *level(struct amd *a, unsigned int n)
{
	return guest_entry(a->guest, a->root, 4, IOVA, n, X86_ALL);
}

static void pasids_are_found_in_tables_of_each_depth(void **state)
{
	static const uint32_t pasids[] = {PASID, BIG_PASID, HUGE_PASID};
	struct amd *a = *state;

	for (unsigned int glx = 0; glx < 3; glx++) {
		attach(a, DTE0_ALL, gcr3_with(a, glx, pasids[glx]), glx, 0);
		guest_reads(a->guest, pasids[glx], IOVA, SECRET);
		guest_faults(a->guest, pasids[glx] - 1, IOVA, false, 1, "IO_PAGE_FAULT");
		assert_int_equal(a->guest->fault.cause, DMA_FAULT_TABLES);
		assert_int_equal(a->guest->fault.access, DMA_FAULT_AT_CONTEXT);
		guest_faults(a->guest, pasids[glx] | 512u << (9 * glx), IOVA, false, 1,
			     "IO_PAGE_FAULT");
	}
}

static void without_a_pasid_giov_decides(void **state)
{
	struct amd *a = *state;
	uint64_t gcr3 = gcr3_with(a, 0, 0);

	attach(a, DTE0_ALL, gcr3, 0, 0);
	guest_reads(a->guest, 0, IOVA, SECRET);
	attach(a, DTE0_V | DTE0_GV, gcr3, 0, 0);
	guest_reads(a->guest, 0, a->page, SECRET);
}

static void without_guest_translation_there_is_no_stage_1(void **state)
{
	struct amd *a = *state;

	attach(a, 0, 0, 0, 0);
	guest_reads(a->guest, 0, a->page, SECRET);
	attach(a, DTE0_V, 0, 0, 0);
	guest_reads(a->guest, 0, a->page, SECRET);
}

static void a_write_sets_accessed_and_dirty(void **state)
{
	struct amd *a = *state;

	attach(a, DTE0_ALL, gcr3_with(a, 0, PASID), 0, 0);
	assert_int_equal(guest_write(a->guest, PASID, IOVA, 1), 0);
	for (unsigned int n = 0; n < 4; n++)
		assert_int_equal(*level(a, n) & (X86_A | X86_D), n ? X86_A : X86_A | X86_D);
	assert_int_equal(*guest_word(a->guest, a->page), 1);
}

static void five_levels_translate_57_bits(void **state)
{
	const uint64_t iova = UINT64_C(0xab123456789000);
	struct amd *a = *state;

	a->root = guest_alloc(a->guest, 1);
	*guest_entry(a->guest, a->root, 5, iova, 0, X86_ALL) = a->page | X86_ALL;
	attach(a, DTE0_ALL, gcr3_with(a, 0, 0), 0, 1);
	guest_reads(a->guest, 0, iova, SECRET);
}

static void addresses_are_sign_extended_with_a_pasid_only(void **state)
{
	const uint64_t upper = BITS(63, 47) | 0x5000, same = BIT(47) | 0x5000;
	struct amd *a = *state;
	uint64_t gcr3 = gcr3_with(a, 0, PASID);

	*guest_word(a->guest, gcr3) = a->root | 1;
	guest_map_x86(a->guest, a->root, upper, 0, a->page | X86_ALL);
	attach(a, DTE0_ALL, gcr3, 0, 0);
	guest_reads(a->guest, PASID, upper, SECRET);
	guest_faults(a->guest, PASID, same, false, 1, "IO_PAGE_FAULT");
	guest_reads(a->guest, 0, same, SECRET);
	guest_faults(a->guest, 0, upper, false, 1, "IO_PAGE_FAULT");
}

static void expect_event(struct amd *a, bool write, unsigned int stage, uint64_t flags,
			 uint64_t address)
{
	const struct dma_fault *fault = &a->guest->fault;

	attach(a, DTE0_ALL, gcr3_with(a, 1, BIG_PASID), 1, 0);
	guest_faults(a->guest, BIG_PASID, IOVA, write, stage, "IO_PAGE_FAULT");
	assert_int_equal(fault->reason, 2);
	assert_int_equal(fault->event[0] & EVENT_FLAGS, flags | EVENT_IOPF | EVENT_US);
	assert_int_equal(fault->event[0] & BITS(31, 0), (BIG_PASID >> 16) << 16);
	assert_int_equal(fault->event[0] >> 32 & 0xffff, BIG_PASID & 0xffff);
	assert_int_equal(fault->event[1], address);
}

static void each_wrong_bit_has_its_event(void **state)
{
	struct amd *a = *state;

	*level(a, 0) &= ~X86_P;
	expect_event(a, false, 1, EVENT_GN, IOVA);
	expect_event(a, true, 1, EVENT_GN | EVENT_RW, IOVA);
	*level(a, 0) |= X86_P;

	*level(a, 1) &= ~X86_RW;
	expect_event(a, true, 1, EVENT_GN | EVENT_PR | EVENT_PE | EVENT_RW, IOVA);
	*level(a, 1) |= X86_RW;

	*level(a, 2) &= ~X86_US;
	expect_event(a, false, 1, EVENT_GN | EVENT_PR | EVENT_PE, IOVA);
	*level(a, 2) |= X86_US;

	*level(a, 3) |= X86_PS;
	expect_event(a, false, 1, EVENT_GN | EVENT_PR | EVENT_RZ, IOVA);
}

static void stage_2_faults_give_the_guest_physical_address(void **state)
{
	struct amd *a = *state;
	uint64_t table = *level(a, 1) & BITS(51, 12);

	guest_unmap(a->guest, a->page);
	expect_event(a, true, 2, EVENT_RW, a->page);
	guest_map_page(a->guest, guest_page_of(a->page), IOPT_READ);
	expect_event(a, true, 2, EVENT_PR | EVENT_PE | EVENT_RW, a->page);
	guest_reads(a->guest, BIG_PASID, IOVA, SECRET);

	/* A table that the device must not write, but has to, to set accessed bits. */
	*level(a, 0) &= ~(X86_A | X86_D);
	guest_unmap(a->guest, table);
	guest_map_page(a->guest, guest_page_of(table), IOPT_READ);
	expect_event(a, false, 2, EVENT_PR | EVENT_PE | EVENT_RW, table + (IOVA >> 12 & 511) * 8);
	*level(a, 0) |= X86_A;
	attach(a, DTE0_ALL, gcr3_with(a, 1, BIG_PASID), 1, 0);
	guest_reads(a->guest, BIG_PASID, IOVA, SECRET);

	guest_unmap(a->guest, table);
	expect_event(a, true, 2, 0, table + (IOVA >> 12 & 511) * 8);
}

static void the_gcr3_table_goes_through_stage_2(void **state)
{
	struct amd *a = *state;
	uint64_t gcr3 = gcr3_with(a, 0, PASID);

	attach(a, DTE0_ALL, gcr3, 0, 0);
	guest_unmap(a->guest, gcr3);
	guest_faults(a->guest, PASID, IOVA, false, 2, "IO_PAGE_FAULT");
	assert_int_equal(a->guest->fault.access, DMA_FAULT_AT_CONTEXT);
	assert_int_equal(a->guest->fault.event[1], gcr3 + PASID * 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(pasids_are_found_in_tables_of_each_depth),
		TEST(without_a_pasid_giov_decides),
		TEST(without_guest_translation_there_is_no_stage_1),
		TEST(a_write_sets_accessed_and_dirty),
		TEST(five_levels_translate_57_bits),
		TEST(addresses_are_sign_extended_with_a_pasid_only),
		TEST(each_wrong_bit_has_its_event),
		TEST(stage_2_faults_give_the_guest_physical_address),
		TEST(the_gcr3_table_goes_through_stage_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
