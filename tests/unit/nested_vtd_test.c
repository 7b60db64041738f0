/* SPDX-License-Identifier: MIT */
/*
 * VT-d first-stage tables of a guest: leaves of all sizes, accessed and dirty bits, rights, and
 * each fault reason.
 */
#include <uiommufd/iommufd.h>

#include "kit.h"

enum {
	PAGES = 1024,
	SECRET = 0x5ec4e7,
};

#define IOVA UINT64_C(0x123456789000)

struct vtd {
	struct guest *guest;
	uint64_t root, page;
	uint64_t *entry; /* of IOVA */
};

static void attach(struct vtd *v, uint64_t flags, uint32_t width)
{
	const struct nested_config config = {
		.format = NESTED_VTD,
		.vtd = {.flags = flags, .pgtbl_addr = v->root, .addr_width = width},
	};

	guest_attach(v->guest, &config);
}

static int setup(void **state)
{
	struct vtd *v = calloc(1, sizeof(*v));

	assert_non_null(v);
	v->guest = guest_create("intel", PAGES);
	v->root = guest_alloc(v->guest, 1);
	v->page = guest_alloc(v->guest, 1);
	*guest_word(v->guest, v->page) = SECRET;
	v->entry = guest_map_x86(v->guest, v->root, IOVA, 0, v->page | X86_ALL);
	attach(v, 0, 48);
	*state = v;
	return 0;
}

static int teardown(void **state)
{
	struct vtd *v = *state;

	guest_destroy(v->guest);
	free(v);
	return 0;
}

static uint64_t *level(struct vtd *v, unsigned int n)
{
	return guest_entry(v->guest, v->root, 4, IOVA, n, X86_ALL);
}

static void dma_goes_through_both_stages(void **state)
{
	struct vtd *v = *state;

	guest_reads(v->guest, 0, IOVA, SECRET);
	assert_int_equal(guest_write(v->guest, 0, IOVA + 8, 77), 0);
	assert_int_equal(*guest_word(v->guest, v->page + 8), 77);
}

static void a_read_sets_accessed_and_a_write_dirty(void **state)
{
	struct vtd *v = *state;

	guest_reads(v->guest, 0, IOVA, SECRET);
	for (unsigned int n = 0; n < 4; n++)
		assert_int_equal(*level(v, n) & (X86_A | X86_D | X86_EA), X86_A);
	/* The page is cached now, but not yet for writing. */
	assert_int_equal(guest_write(v->guest, 0, IOVA, 1), 0);
	for (unsigned int n = 0; n < 4; n++)
		assert_int_equal(*level(v, n) & (X86_A | X86_D), n ? X86_A : X86_A | X86_D);
}

static void extended_accessed_is_set_if_enabled(void **state)
{
	struct vtd *v = *state;

	attach(v, IOMMU_VTD_S1_EAFE, 48);
	guest_reads(v->guest, 0, IOVA, SECRET);
	for (unsigned int n = 0; n < 4; n++)
		assert_int_equal(*level(v, n) & (X86_A | X86_EA), X86_A | X86_EA);
}

static void large_pages_lead_through_scattered_memory(void **state)
{
	struct vtd *v = *state;
	const uint64_t offset = v->page - GUEST_BASE;
	uint64_t buffer[2 * PAGE / 8];

	/* GUEST_BASE is a multiple of 1 GiB. */
	guest_map_x86(v->guest, v->root, UINT64_C(0x200000), 1, GUEST_BASE | X86_ALL | X86_PS);
	guest_reads(v->guest, 0, UINT64_C(0x200000) + offset, SECRET);
	guest_map_x86(v->guest, v->root, UINT64_C(0x8000000000), 2, GUEST_BASE | X86_ALL | X86_PS);
	guest_reads(v->guest, 0, UINT64_C(0x8000000000) + offset, SECRET);

	*guest_word(v->guest, v->page + PAGE) = SECRET + 1;
	assert_int_equal(iommu_dma(v->guest->device, 0, UINT64_C(0x200000) + offset, buffer,
				   sizeof(buffer), DMA_READ),
			 0);
	assert_int_equal(buffer[0], SECRET);
	assert_int_equal(buffer[PAGE / 8], SECRET + 1);
}

static void five_levels_translate_57_bits(void **state)
{
	struct vtd *v = *state;
	const uint64_t iova = UINT64_C(0xab123456789000);
	const uint64_t root = guest_alloc(v->guest, 1);

	*guest_entry(v->guest, root, 5, iova, 0, X86_ALL) = v->page | X86_ALL;
	v->root = root;
	attach(v, 0, 57);
	guest_reads(v->guest, 0, iova, SECRET);
	guest_faults(v->guest, 0, BIT(56), false, 1, "SGN.1");
}

static void the_upper_half_is_sign_extended(void **state)
{
	struct vtd *v = *state;
	const uint64_t iova = ~UINT64_C(0xfff);

	guest_map_x86(v->guest, v->root, iova, 0, v->page | X86_ALL);
	guest_reads(v->guest, 0, iova, SECRET);
	guest_faults(v->guest, 0, iova & BITS(62, 0), false, 1, "SGN.1");
	assert_int_equal(v->guest->fault.reason, 0x80);
	guest_faults(v->guest, 0, BIT(47), false, 1, "SGN.1");
}

static void a_missing_entry_is_named_with_its_level(void **state)
{
	struct vtd *v = *state;

	for (unsigned int n = 0; n < 4; n++) {
		uint64_t was = *level(v, n);

		attach(v, 0, 48);
		*level(v, n) = was & ~X86_P;
		guest_faults(v->guest, 0, IOVA, false, 1, "SFS.2");
		assert_int_equal(v->guest->fault.reason, 0x71);
		assert_int_equal(v->guest->fault.cause, DMA_FAULT_NOT_MAPPED);
		assert_int_equal(v->guest->fault.level, n + 1);
		assert_int_equal(v->guest->fault.entry, was & ~X86_P);
		*level(v, n) = was;
	}
}

static void reserved_bits_are_a_fault(void **state)
{
	struct vtd *v = *state;

	*level(v, 3) |= X86_PS;
	guest_faults(v->guest, 0, IOVA, false, 1, "SFS.3");
	assert_int_equal(v->guest->fault.reason, 0x72);
	assert_int_equal(v->guest->fault.cause, DMA_FAULT_TABLES);
	assert_int_equal(v->guest->fault.level, 4);
	*level(v, 3) &= ~X86_PS;

	/* A 2 MiB leaf that does not begin at 2 MiB; bit 12 would be PAT. */
	*level(v, 1) = GUEST_BASE | BIT(13) | X86_ALL | X86_PS;
	guest_faults(v->guest, 0, IOVA, false, 1, "SFS.3");
	*level(v, 1) = GUEST_BASE | BIT(12) | X86_ALL | X86_PS;
	assert_int_equal(guest_read(v->guest, 0, IOVA & ~UINT64_C(0x1fffff), &(uint64_t){0}), 0);
}

static void rights_of_all_levels_are_intersected(void **state)
{
	struct vtd *v = *state;

	for (unsigned int n = 0; n < 4; n++) {
		*level(v, n) &= ~X86_RW;
		attach(v, 0, 48);
		guest_reads(v->guest, 0, IOVA, SECRET);
		guest_faults(v->guest, 0, IOVA, true, 1, "SGN.6");
		assert_int_equal(v->guest->fault.reason, 0x85);
		assert_int_equal(v->guest->fault.cause, DMA_FAULT_PERMISSION);
		assert_int_equal(v->guest->fault.level, n + 1);
		assert_int_equal(*level(v, 0) & X86_D, 0);
		*level(v, n) |= X86_RW;

		*level(v, n) &= ~X86_US;
		attach(v, 0, 48);
		guest_faults(v->guest, 0, IOVA, false, 1, "SGN.2");
		assert_int_equal(v->guest->fault.reason, 0x81);
		*level(v, n) |= X86_US;
	}
}

static void a_missing_entry_comes_before_a_missing_right(void **state)
{
	struct vtd *v = *state;

	*level(v, 2) &= ~(X86_RW | X86_US);
	*level(v, 0) = 0;
	guest_faults(v->guest, 0, IOVA, true, 1, "SFS.2");
}

static void a_hole_of_stage_2_is_told_from_one_of_stage_1(void **state)
{
	struct vtd *v = *state;
	uint64_t table = *level(v, 1) & BITS(51, 12);

	guest_unmap(v->guest, v->page);
	guest_faults(v->guest, 0, IOVA + 8, false, 2, "SSS.2");
	assert_int_equal(v->guest->fault.reason, 0x79);
	assert_int_equal(v->guest->fault.access, DMA_FAULT_AT_PAGE);
	assert_int_equal(v->guest->fault.ipa, v->page + 8);
	guest_map_page(v->guest, guest_page_of(v->page), GUEST_RW);
	guest_reads(v->guest, 0, IOVA, SECRET);

	attach(v, 0, 48);
	guest_unmap(v->guest, table);
	guest_faults(v->guest, 0, IOVA, false, 2, "SSS.2");
	assert_int_equal(v->guest->fault.access, DMA_FAULT_AT_TABLE);
	assert_int_equal(v->guest->fault.ipa, table + (IOVA >> 12 & 511) * 8);

	/* The parent translates 48 bits. */
	*level(v, 1) = BIT(48) | X86_ALL;
	attach(v, 0, 48);
	guest_faults(v->guest, 0, IOVA, false, 2, "SGN.5");
}

static void looking_reads_all_levels_and_sets_nothing(void **state)
{
	struct vtd *v = *state;
	struct nested_look look;

	assert_int_equal(iommu_nested_look(v->guest->nested, NO_PASID, IOVA + 8, &look), 0);
	assert_int_equal(look.ipa, v->page + 8);
	assert_int_equal(look.prot, GUEST_RW);
	assert_int_equal(look.leaf.start, IOVA & ~UINT64_C(4095));
	assert_int_equal(look.count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		assert_int_equal(look.steps[i].level, 4 - i);
		assert_int_equal(look.steps[i].entry, *level(v, 3 - i));
		assert_int_equal(look.steps[i].entry & (X86_A | X86_D), 0);
	}
}

static void looking_says_why_it_leads_nowhere(void **state)
{
	struct vtd *v = *state;
	const uint64_t was = *level(v, 1), table = was & BITS(51, 12);
	struct nested_look look;

	*level(v, 1) = was & ~X86_P;
	assert_int_equal(iommu_nested_look(v->guest->nested, NO_PASID, IOVA, &look), -ENOENT);
	assert_int_equal(look.count, 3);
	assert_int_equal(look.fault.stage, 1);
	assert_string_equal(look.fault.name, "SFS.2");
	*level(v, 1) = was;

	guest_unmap(v->guest, table);
	assert_int_equal(iommu_nested_look(v->guest->nested, NO_PASID, IOVA, &look), -ENOENT);
	assert_int_equal(look.fault.stage, 2);
	assert_string_equal(look.fault.name, "SSS.2");
	assert_int_equal(look.fault.ipa, table + (IOVA >> 12 & 511) * 8);
}

static void an_unknown_width_is_a_fault(void **state)
{
	struct vtd *v = *state;

	attach(v, 0, 39);
	guest_faults(v->guest, 0, IOVA, false, 1, "SPT.4");
	assert_int_equal(v->guest->fault.reason, 0x5b);
}

/* What the registers do not announce cannot be attached. */
static void attaching_needs_what_the_hardware_can_do(void **state)
{
	static const struct {
		uint32_t width;
		uint64_t flags;
		bool possible;
	} cases[] = {
		{48, 0, true},
		{57, 0, true},
		{48, IOMMU_VTD_S1_EAFE, true},
		{48, IOMMU_VTD_S1_WPE, true},
		{48, IOMMU_VTD_S1_SRE, false},
		{39, 0, false},
		{0, 0, false},
		{UINT32_MAX, 0, false},
	};
	struct vtd *v = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		attach(v, cases[i].flags, cases[i].width);
		assert_int_equal(iommu_domain_accepts(v->guest->nested, v->guest->device),
				 cases[i].possible);
	}
}

static void a_pasid_needs_a_domain_of_its_own(void **state)
{
	struct vtd *v = *state;
	uint64_t value;

	assert_int_equal(guest_read(v->guest, 5, IOVA, &value), -EFAULT);
	assert_int_equal(v->guest->fault.cause, DMA_FAULT_NO_DOMAIN);
	assert_int_equal(v->guest->fault.stage, 0);
	assert_int_equal(iommu_endpoint_set_domain(v->guest->device, 5, v->guest->nested), 0);
	guest_reads(v->guest, 5, IOVA, SECRET);
	assert_int_equal(iommu_endpoint_set_domain(v->guest->device, 5, NULL), 0);
}

static void a_nested_domain_needs_a_nesting_parent(void **state)
{
	struct vtd *v = *state;
	const struct nested_config config = {.format = NESTED_IDENTITY};
	struct iommu_domain *plain, *nested;

	assert_int_equal(iommu_domain_create(v->guest->iommu, 0, NULL, &plain), 0);
	assert_int_equal(iommu_nested_create(plain, &config, &nested), -EINVAL);
	assert_int_equal(iommu_nested_create(v->guest->nested, &config, &nested), -EINVAL);
	assert_null(iommu_domain_parent(plain));
	assert_ptr_equal(iommu_domain_parent(v->guest->nested), v->guest->parent);
	iommu_domain_destroy(plain);
}

static void without_a_stage_1_addresses_are_the_parents(void **state)
{
	struct vtd *v = *state;
	struct nested_config config = {.format = NESTED_IDENTITY};

	guest_attach(v->guest, &config);
	guest_reads(v->guest, 0, v->page, SECRET);
	guest_reads(v->guest, 3, v->page, SECRET);
	config.format = NESTED_ABORT;
	guest_attach(v->guest, &config);
	guest_faults(v->guest, 0, v->page, false, 1, "abort");
	assert_int_equal(v->guest->fault.cause, DMA_FAULT_TABLES);
}

static void a_retried_fault_is_translated_again(void **state)
{
	struct vtd *v = *state;

	*v->entry = 0;
	v->guest->action = DMA_FAULT_RETRY;
	assert_int_equal(guest_read(v->guest, 0, IOVA, &(uint64_t){0}), -EFAULT);
	/* The first, and sixteen more that had been promised to help. */
	assert_int_equal(v->guest->faults, 17);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(dma_goes_through_both_stages),
		TEST(a_read_sets_accessed_and_a_write_dirty),
		TEST(extended_accessed_is_set_if_enabled),
		TEST(large_pages_lead_through_scattered_memory),
		TEST(five_levels_translate_57_bits),
		TEST(the_upper_half_is_sign_extended),
		TEST(a_missing_entry_is_named_with_its_level),
		TEST(reserved_bits_are_a_fault),
		TEST(rights_of_all_levels_are_intersected),
		TEST(a_missing_entry_comes_before_a_missing_right),
		TEST(a_hole_of_stage_2_is_told_from_one_of_stage_1),
		TEST(looking_reads_all_levels_and_sets_nothing),
		TEST(looking_says_why_it_leads_nowhere),
		TEST(an_unknown_width_is_a_fault),
		TEST(attaching_needs_what_the_hardware_can_do),
		TEST(a_pasid_needs_a_domain_of_its_own),
		TEST(a_nested_domain_needs_a_nesting_parent),
		TEST(without_a_stage_1_addresses_are_the_parents),
		TEST(a_retried_fault_is_translated_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
