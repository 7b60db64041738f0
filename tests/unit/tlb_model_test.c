/* SPDX-License-Identifier: MIT */
/* The model of the IOTLB and the walk cache, and its settings. */
#include <string.h>

#include "kit.h"
#include "profile/profile_settings.h"
#include "profile/tlb_model.h"

enum {
	TOP = 3, /* four levels */
};

static const char domain, other;

static uint64_t touch(struct tlb_model *model, const void *of, uint64_t page, uint64_t size)
{
	const struct tlb_access access = {.domain = of, .page = page, .size = size, .top = TOP};

	return tlb_model_access(model, &access, 1);
}

static void create(struct tlb_model *model, uint32_t entries, uint32_t ways)
{
	const struct tlb_geometry iotlb = {entries, ways}, walks = {16, 16};

	assert_int_equal(tlb_model_init(model, iotlb, walks), 0);
}

static void a_miss_reads_the_entries_below_what_the_walk_cache_has(void **state)
{
	struct tlb_model model;

	(void)state;
	create(&model, 16, 4);
	assert_int_equal(touch(&model, &domain, 0, PAGE), 4); /* from the root */
	assert_int_equal(touch(&model, &domain, 0, PAGE), 0);
	assert_int_equal(touch(&model, &domain, PAGE, PAGE), 1);       /* the same table */
	assert_int_equal(touch(&model, &domain, 2 << 20, PAGE), 2);    /* the next one */
	assert_int_equal(touch(&model, &domain, 1 << 30, 2 << 20), 2); /* a level less */
	assert_int_equal(touch(&model, &other, 0, PAGE), 4);	       /* other tables */
	assert_int_equal(model.counts.lookups, 6);
	assert_int_equal(model.counts.misses, 5);
	assert_int_equal(model.counts.walk_reads, 13);
	tlb_model_destroy(&model);
}

static void each_read_of_a_nested_walk_goes_through_the_second_stage(void **state)
{
	const struct tlb_access access = {
		.domain = &domain, .page = 0, .size = PAGE, .top = TOP, .stage2 = 4};
	struct tlb_model model;

	(void)state;
	create(&model, 16, 4);
	assert_int_equal(tlb_model_access(&model, &access, 1), 24); /* (4 + 1) * (4 + 1) - 1 */
	tlb_model_destroy(&model);
}

static void a_set_forgets_what_was_used_least_recently(void **state)
{
	struct tlb_model model;

	(void)state;
	create(&model, 8, 2); /* pages 0, 4, 8 are in one set */
	(void)touch(&model, &domain, 0, PAGE);
	(void)touch(&model, &domain, 4 * PAGE, PAGE);
	assert_int_equal(touch(&model, &domain, 0, PAGE), 0);
	assert_int_not_equal(touch(&model, &domain, 8 * PAGE, PAGE), 0);
	assert_int_equal(touch(&model, &domain, 0, PAGE), 0);
	assert_int_not_equal(touch(&model, &domain, 4 * PAGE, PAGE), 0);
	tlb_model_destroy(&model);
}

static void an_invalidation_drops_what_it_covers_and_no_more(void **state)
{
	const struct iova_range range = {.start = PAGE, .last = 3 * PAGE - 1};
	struct tlb_model model;

	(void)state;
	create(&model, 16, 16);
	for (uint64_t page = 0; page < 4; page++)
		(void)touch(&model, &domain, page * PAGE, PAGE);
	(void)touch(&model, &other, PAGE, PAGE);
	assert_int_equal(tlb_model_invalidate(&model, &domain, range), 2);
	assert_int_equal(touch(&model, &domain, 0, PAGE), 0);
	assert_int_equal(touch(&model, &domain, 3 * PAGE, PAGE), 0);
	assert_int_equal(touch(&model, &other, PAGE, PAGE), 0);
	assert_int_equal(touch(&model, &domain, PAGE, PAGE), 1); /* its table stays */
	assert_int_equal(tlb_model_invalidate(&model, &domain, IOVA_RANGE_ALL), 3);
	assert_int_equal(touch(&model, &domain, 0, PAGE), 4);
	assert_int_equal(model.counts.invalidations, 2);
	assert_int_equal(model.counts.dropped, 5);
	tlb_model_destroy(&model);
}

static void the_largest_page_lies_in_the_mapping_and_is_aligned(void **state)
{
	const uint64_t sizes = PAGE | 2 << 20 | 1 << 30, large = 2 << 20;
	const struct iova_range range = {.start = large, .last = 3 * large - 1};

	(void)state;
	assert_int_equal(tlb_largest_page(sizes, large, range, 0x40000000, true), large);
	assert_int_equal(tlb_largest_page(sizes, large, range, 0x40001000, true), PAGE);
	assert_int_equal(tlb_largest_page(sizes, large, range, 0x40001000, false), large);
	assert_int_equal(tlb_largest_page(PAGE, large, range, 0x40000000, true), PAGE);
	assert_int_equal(tlb_largest_page(sizes, UINT64_MAX, IOVA_RANGE_ALL, 0, true), 1 << 30);
	assert_int_equal(tlb_largest_page(2 << 20, 0, (struct iova_range){0, PAGE - 1}, 0, true),
			 0);
}

static void settings_are_taken_or_refused_with_a_reason(void **state)
{
	static const char *const bad[] = {"iotlb=0",	 "iotlb=12/5", "iotlb=8/",	 "iotlb=8x",
					  "iotlb=65537", "payload=1",  "read=-1",	 "link=0",
					  "batch=",	 "other=1",    "walk-cache=4/8", "payload"};
	struct profile_settings settings;
	char why[256];

	(void)state;
	profile_settings_init(&settings);
	assert_int_equal(profile_iotlb(&settings, "intel").entries, 256);
	assert_int_equal(profile_iotlb(&settings, "of a kind of its own").ways, 8);
	assert_int_equal(profile_settings_parse(&settings,
						"iotlb=64,walk-cache=16/2,payload=128,"
						"read=100,invalidation=1,link=400,batch=1",
						why, sizeof(why)),
			 0);
	assert_int_equal(profile_iotlb(&settings, "intel").entries, 64);
	assert_int_equal(profile_iotlb(&settings, "intel").ways, 64);
	assert_int_equal(profile_walks(&settings, "amd").ways, 2);
	assert_int_equal(settings.payload + settings.read_ns + settings.link_gbps, 628);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(profile_settings_parse(&settings, bad[i], why, sizeof(why)),
				 -EINVAL);
		assert_non_null(strstr(why, bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_miss_reads_the_entries_below_what_the_walk_cache_has),
		cmocka_unit_test(each_read_of_a_nested_walk_goes_through_the_second_stage),
		cmocka_unit_test(a_set_forgets_what_was_used_least_recently),
		cmocka_unit_test(an_invalidation_drops_what_it_covers_and_no_more),
		cmocka_unit_test(the_largest_page_lies_in_the_mapping_and_is_aligned),
		cmocka_unit_test(settings_are_taken_or_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
