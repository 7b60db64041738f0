/* SPDX-License-Identifier: MIT */
/* The IOTLB: what stays visible until it is invalidated, and what each invalidation takes. */
#include "kit.h"

enum {
	PAGES = 64,
	OLD = 0x01d,
	NEW = 0x2e3,
	SSID = 3,
	OTHER_SSID = 2,
};

#define IOVA UINT64_C(0x10000000)

struct test {
	struct guest *guest;
	uint64_t root, cds, old_page, new_page;
	uint64_t *entry;
};

static uint64_t leaf_of(uint64_t page, uint64_t more)
{
	return page | ARM_PAGE | ARM_USER | ARM_AF | more;
}

static void write_cd(struct test *t, uint32_t ssid, uint32_t asid, uint64_t root)
{
	uint64_t *cd = guest_word(t->guest, t->cds + ssid * 64);

	cd[0] = 16 | BIT(30) | BIT(31) | UINT64_C(5) << 32 | BIT(41) | BIT(45) |
		(uint64_t)asid << 48;
	cd[1] = root;
}

static void attach(struct test *t)
{
	const struct nested_config config = {
		.format = NESTED_SMMUV3,
		/* Four linear descriptors, the first of them for requests without a substream. */
		.ste = {BIT(0) | UINT64_C(5) << 1 | UINT64_C(2) << 59 | t->cds, 2},
	};

	guest_attach(t->guest, &config);
}

static struct test *create(bool cached)
{
	struct test *t = calloc(1, sizeof(*t));
	struct iommu *iommu;

	assert_non_null(t);
	assert_int_equal(iommu_create(iommu_kind_find("smmuv3"), "iommu0", &iommu), 0);
	if (!cached)
		iommu_tlb_disable(iommu);
	t->guest = guest_create_on(iommu, PAGES);
	t->root = guest_alloc(t->guest, 1);
	t->cds = guest_alloc(t->guest, 1);
	t->old_page = guest_alloc(t->guest, 1);
	t->new_page = guest_alloc(t->guest, 1);
	*guest_word(t->guest, t->old_page) = OLD;
	*guest_word(t->guest, t->new_page) = NEW;
	t->entry = guest_map_arm(t->guest, t->root, IOVA, 0, leaf_of(t->old_page, ARM_NG));
	write_cd(t, 0, 1, t->root);
	write_cd(t, SSID, SSID, t->root);
	write_cd(t, OTHER_SSID, OTHER_SSID, t->root);
	attach(t);
	return t;
}

static int setup(void **state)
{
	*state = create(true);
	return 0;
}

static int teardown(void **state)
{
	struct test *t = *state;

	guest_destroy(t->guest);
	free(t);
	return 0;
}

/* The old page is cached, and the guest's table says something new. */
static void go_stale(struct test *t)
{
	*t->entry = leaf_of(t->old_page, *t->entry & ARM_NG);
	iommu_tlb_invalidate(t->guest->device, &(struct tlb_match){.domain = NULL});
	guest_reads(t->guest, 0, IOVA, OLD);
	guest_reads(t->guest, SSID, IOVA, OLD);
	guest_reads(t->guest, OTHER_SSID, IOVA, OLD);
	*t->entry = leaf_of(t->new_page, *t->entry & ARM_NG);
	guest_reads(t->guest, 0, IOVA, OLD);
}

/*
 * From a stale state, @match makes the new page visible, or it does not: to no substream, to SSID,
 * to OTHER_SSID.
 */
static void expect(struct test *t, struct tlb_match match, bool none, bool ssid, bool other)
{
	go_stale(t);
	iommu_tlb_invalidate(t->guest->device, &match);
	guest_reads(t->guest, 0, IOVA, none ? NEW : OLD);
	guest_reads(t->guest, SSID, IOVA, ssid ? NEW : OLD);
	guest_reads(t->guest, OTHER_SSID, IOVA, other ? NEW : OLD);
}

static void a_stale_entry_is_used_until_it_is_invalidated(void **state)
{
	struct test *t = *state;

	expect(t, (struct tlb_match){.domain = t->guest->nested}, true, true, true);
	go_stale(t);
	iommu_tlb_invalidate_parent(t->guest->parent, &(struct tlb_match){.domain = NULL});
	guest_reads(t->guest, SSID, IOVA, NEW);
}

static void an_unmapped_entry_is_used_until_it_is_invalidated(void **state)
{
	struct test *t = *state;

	guest_reads(t->guest, 0, IOVA, OLD);
	*t->entry = 0;
	guest_reads(t->guest, 0, IOVA, OLD);
	iommu_tlb_invalidate(t->guest->device, &(struct tlb_match){.domain = NULL});
	guest_faults(t->guest, 0, IOVA, false, 1, "F_TRANSLATION");
	/* A missing entry is not cached. */
	*t->entry = leaf_of(t->new_page, ARM_NG);
	guest_reads(t->guest, 0, IOVA, NEW);
}

static void invalidation_takes_what_it_names(void **state)
{
	struct test *t = *state;
	const struct iova_range page = {IOVA, IOVA + PAGE - 1};
	const struct iova_range after = {IOVA + PAGE, IOVA + 2 * PAGE - 1};

	expect(t, (struct tlb_match){.by_pasid = true, .pasid = SSID}, false, true, false);
	expect(t, (struct tlb_match){.by_asid = true, .asid = SSID}, false, true, false);
	expect(t, (struct tlb_match){.by_range = true, .range = page}, true, true, true);
	expect(t, (struct tlb_match){.by_range = true, .range = after}, false, false, false);
	expect(t,
	       (struct tlb_match){
		       .by_range = true, .range = page, .by_asid = true, .asid = OTHER_SSID},
	       false, false, true);
	expect(t, (struct tlb_match){.config = true}, false, false, false);
	expect(t, (struct tlb_match){.by_range = true, .range = page, .leaf_only = true}, true,
	       true, true);
}

static void global_entries_belong_to_each_asid(void **state)
{
	struct test *t = *state;
	const struct iova_range page = {IOVA, IOVA + PAGE - 1};

	*t->entry = leaf_of(t->old_page, 0);
	expect(t, (struct tlb_match){.by_asid = true, .asid = SSID}, false, false, false);
	expect(t,
	       (struct tlb_match){.by_asid = true, .asid = SSID, .by_range = true, .range = page},
	       true, true, true);
}

static void any_page_of_a_block_invalidates_all_of_it(void **state)
{
	struct test *t = *state;
	const uint64_t iova = 0x40000000, inside = iova + (t->old_page - GUEST_BASE);
	const uint64_t far = iova + 0x1ff000;
	uint64_t *entry =
		guest_map_arm(t->guest, t->root, iova, 1, GUEST_BASE | ARM_BLOCK | ARM_LEAF);

	guest_reads(t->guest, 0, inside, OLD);
	*entry = 0;
	iommu_tlb_invalidate(t->guest->device,
			     &(struct tlb_match){.by_range = true, .range = {far, far + 1}});
	guest_faults(t->guest, 0, inside, false, 1, "F_TRANSLATION");
}

static void the_address_of_a_table_is_cached(void **state)
{
	struct test *t = *state;
	const struct iova_range range = {IOVA, IOVA + PAGE};
	struct tlb_match match = {.by_range = true, .range = range, .leaf_only = true};
	uint64_t *upper = guest_entry(t->guest, t->root, 4, IOVA, 1, ARM_TABLE), was = *upper;

	guest_map_arm(t->guest, t->root, IOVA + PAGE, 0, leaf_of(t->new_page, ARM_NG));
	guest_reads(t->guest, 0, IOVA, OLD);
	*upper = 0;
	guest_reads(t->guest, 0, IOVA + PAGE, NEW);
	iommu_tlb_invalidate(t->guest->device, &match);
	guest_reads(t->guest, 0, IOVA + PAGE, NEW);
	match.leaf_only = false;
	iommu_tlb_invalidate(t->guest->device, &match);
	guest_faults(t->guest, 0, IOVA + PAGE, false, 1, "F_TRANSLATION");
	*upper = was;
}

static void a_context_descriptor_is_cached(void **state)
{
	struct test *t = *state;
	uint64_t other_root = guest_alloc(t->guest, 1);

	guest_map_arm(t->guest, other_root, IOVA, 0, leaf_of(t->new_page, ARM_NG));
	guest_reads(t->guest, SSID, IOVA, OLD);
	write_cd(t, SSID, 9, other_root);
	guest_reads(t->guest, SSID, IOVA, OLD);
	iommu_tlb_invalidate(
		t->guest->device,
		&(struct tlb_match){.by_pasid = true, .pasid = OTHER_SSID, .config = true});
	guest_reads(t->guest, SSID, IOVA, OLD);
	/* With another ASID, what was cached of pages does not matter any more. */
	iommu_tlb_invalidate(t->guest->device,
			     &(struct tlb_match){.by_pasid = true, .pasid = SSID, .config = true});
	guest_reads(t->guest, SSID, IOVA, NEW);
	/* With the same, it does. */
	write_cd(t, SSID, 9, t->root);
	iommu_tlb_invalidate(t->guest->device, &(struct tlb_match){.config = true});
	guest_reads(t->guest, SSID, IOVA, NEW);
}

static void unmapping_from_the_parent_takes_effect_at_once(void **state)
{
	struct test *t = *state;

	guest_reads(t->guest, 0, IOVA, OLD);
	guest_unmap(t->guest, t->old_page);
	guest_faults(t->guest, 0, IOVA, false, 2, "F_TRANSLATION");
	/* Stage 1 is stale nevertheless. */
	*t->entry = leaf_of(t->new_page, ARM_NG);
	assert_int_equal(iommu_domain_map(t->guest->parent, t->old_page,
					  (uintptr_t)guest_at(t->guest, t->new_page), PAGE,
					  IOPT_READ, 0),
			 0);
	*guest_word(t->guest, t->new_page) = 5;
	guest_reads(t->guest, 0, IOVA, 5);
	guest_faults(t->guest, 0, IOVA, true, 2, "F_PERMISSION");
}

static void attaching_again_starts_without_a_cache(void **state)
{
	struct test *t = *state;
	struct iommu_domain *nested = t->guest->nested;

	go_stale(t);
	assert_int_equal(iommu_endpoint_set_domain(t->guest->device, 0, NULL), 0);
	assert_int_equal(iommu_endpoint_set_domain(t->guest->device, 0, nested), 0);
	guest_reads(t->guest, 0, IOVA, NEW);
}

static void caching_can_be_turned_off(void **state)
{
	struct test *t;

	(void)state;
	t = create(false);
	guest_reads(t->guest, SSID, IOVA, OLD);
	*t->entry = leaf_of(t->new_page, ARM_NG);
	guest_reads(t->guest, SSID, IOVA, NEW);
	guest_destroy(t->guest);
	free(t);
}

static void attaching_without_memory_changes_nothing(void **state)
{
	struct guest *guest = guest_create("intel", 4);
	const struct nested_config config = {.format = NESTED_VTD};
	struct iommu_domain *nested;

	(void)state;
	failure_arm(1);
	assert_int_equal(iommu_nested_create(guest->parent, &config, &nested), -ENOMEM);
	assert_int_equal(iommu_nested_create(guest->parent, &config, &nested), 0);
	assert_int_equal(iommu_endpoint_set_domain(guest->device, 0, guest->parent), 0);
	failure_arm(1);
	assert_int_equal(iommu_endpoint_set_domain(guest->device, 0, nested), -ENOMEM);
	assert_ptr_equal(iommu_endpoint_domain(guest->device, 0), guest->parent);
	assert_int_equal(iommu_endpoint_set_domain(guest->device, 0, nested), 0);
	guest_detach(guest);
	iommu_domain_destroy(nested);
	guest_destroy(guest);
}

/* More pages than the cache holds: each is right, whether it was kept or not. */
static void what_does_not_fit_is_walked_again(void **state)
{
	struct test *t = *state;

	for (uint64_t i = 0; i < 4000; i++)
		guest_map_arm(t->guest, t->root, IOVA + i * PAGE, 0,
			      leaf_of(i % 3 ? t->old_page : t->new_page, ARM_NG));
	for (int round = 0; round < 2; round++) {
		for (uint64_t i = 0; i < 4000; i++)
			guest_reads(t->guest, 0, IOVA + i * PAGE, i % 3 ? OLD : NEW);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_stale_entry_is_used_until_it_is_invalidated),
		TEST(an_unmapped_entry_is_used_until_it_is_invalidated),
		TEST(invalidation_takes_what_it_names),
		TEST(global_entries_belong_to_each_asid),
		TEST(any_page_of_a_block_invalidates_all_of_it),
		TEST(the_address_of_a_table_is_cached),
		TEST(a_context_descriptor_is_cached),
		TEST(unmapping_from_the_parent_takes_effect_at_once),
		TEST(attaching_again_starts_without_a_cache),
		TEST(what_does_not_fit_is_walked_again),
		cmocka_unit_test(caching_can_be_turned_off),
		cmocka_unit_test(attaching_without_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
