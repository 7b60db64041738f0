/* SPDX-License-Identifier: MIT */
/* Dirty tracking: what DMA marks, and what the bitmap says of it. */
#include "kit.h"
#include "mem/displace.h"

#define IOVA UINT64_C(0x200000)

enum {
	PAGES = 1024
};

struct tracked {
	struct fixture *f;
	uint32_t ioas, hwpt;
	uint8_t bitmap[PAGES / 8 + 16];
};

static int set_up_kind(void **state, const char *kind)
{
	struct tracked *t = calloc(1, sizeof(*t));
	uint32_t pt_id;

	assert_non_null(t);
	t->f = fixture_create(kind, PAGES);
	t->ioas = fixture_ioas(t->f);
	assert_int_equal(fixture_hwpt(t->f, 0, t->ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, &t->hwpt),
			 0);
	pt_id = t->hwpt;
	assert_int_equal(fixture_attach(t->f, 0, 0, &pt_id), 0);
	*state = t;
	return 0;
}

static int set_up_amd(void **state)
{
	return set_up_kind(state, "amd");
}

static int set_up_intel(void **state)
{
	return set_up_kind(state, "intel");
}

static int set_up_smmuv3(void **state)
{
	return set_up_kind(state, "smmuv3");
}

static int tear_down(void **state)
{
	struct tracked *t = *state;

	fixture_destroy(t->f);
	free(t);
	return 0;
}

/* Maps @pages pages one by one, so that each is a leaf of its own. */
static void map_single_pages(struct tracked *t, int pages)
{
	for (int i = 0; i < pages; i++)
		assert_int_equal(fixture_map(t->f, t->ioas, IOVA + (uint64_t)i * 4096,
					     (size_t)i * 4096, 4096, FIXTURE_RW),
				 0);
}

static int track(struct tracked *t, bool on)
{
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = on ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = t->hwpt,
	};

	return fixture_call(t->f, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd);
}

static int bitmap(struct tracked *t, uint64_t iova, uint64_t length, uint64_t page_size,
		  uint32_t flags)
{
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = t->hwpt,
		.flags = flags,
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.data = (uintptr_t)t->bitmap,
	};

	memset(t->bitmap, 0, sizeof(t->bitmap));
	return fixture_call(t->f, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd);
}

static bool bit(const struct tracked *t, unsigned int n)
{
	return t->bitmap[n / 8] >> (n % 8) & 1;
}

static unsigned int bits(const struct tracked *t)
{
	unsigned int count = 0;

	for (size_t i = 0; i < sizeof(t->bitmap); i++)
		count += (unsigned int)__builtin_popcount(t->bitmap[i]);
	return count;
}

static void dma_write(struct tracked *t, uint64_t iova, size_t len)
{
	static const char data[3 * 4096];

	assert_int_equal(uiommufd_dma_write(t->f->devices[0], 0, iova, data, len), 0);
}

static void writes_are_reported_once_and_reads_never(void **state)
{
	struct tracked *t = *state;
	char byte;

	map_single_pages(t, 64);
	assert_int_equal(track(t, true), 0);
	assert_int_equal(bitmap(t, IOVA, 64 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
	dma_write(t, IOVA + 5 * 4096 + 17, 1);
	dma_write(t, IOVA + 20 * 4096 - 1, 4098);
	assert_int_equal(uiommufd_dma_read(t->f->devices[0], 0, IOVA + 40 * 4096, &byte, 1), 0);
	assert_int_equal(bitmap(t, IOVA, 64 * 4096, 4096, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0);
	for (int again = 0; again < 2; again++) {
		assert_int_equal(bits(t), 4);
		assert_true(bit(t, 5) && bit(t, 19) && bit(t, 20) && bit(t, 21));
		assert_int_equal(bitmap(t, IOVA, 64 * 4096, 4096, 0), 0);
	}
	assert_int_equal(bitmap(t, IOVA, 64 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
}

static void nothing_is_recorded_while_tracking_is_off(void **state)
{
	struct tracked *t = *state;

	map_single_pages(t, 8);
	assert_int_equal(track(t, true), 0);
	assert_int_equal(track(t, false), 0);
	dma_write(t, IOVA, 4096);
	assert_int_equal(bitmap(t, IOVA, 8 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
	/* What was recorded before stays to be read; enabling again forgets it. */
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA, 4096);
	assert_int_equal(track(t, false), 0);
	assert_int_equal(bitmap(t, IOVA, 8 * 4096, 4096, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0);
	assert_int_equal(bits(t), 1);
	assert_int_equal(track(t, true), 0);
	assert_int_equal(bitmap(t, IOVA, 8 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
}

static void what_was_written_before_is_recorded_as_soon_as_tracking_is_on(void **state)
{
	struct tracked *t = *state;

	map_single_pages(t, 4);
	for (unsigned int i = 0; i < 3; i++) {
		/* The second write goes the way that the first one has found. */
		assert_int_equal(track(t, false), 0);
		dma_write(t, IOVA, 1);
		dma_write(t, IOVA, 1);
		assert_int_equal(track(t, true), 0);
		dma_write(t, IOVA + 8, 1);
		dma_write(t, IOVA + 16, 1);
		assert_int_equal(bitmap(t, IOVA, 4 * 4096, 4096, 0), 0);
		assert_true(bits(t) == 1 && bit(t, 0));
	}
}

static void granularity_is_the_callers(void **state)
{
	struct tracked *t = *state;

	map_single_pages(t, 64);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA + 9 * 4096, 1);
	assert_int_equal(bitmap(t, IOVA, 64 * 4096, 32768, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR),
			 0);
	assert_int_equal(bits(t), 1);
	assert_true(bit(t, 1));
	assert_int_equal(bitmap(t, IOVA, 64 * 4096, 2048, 0), 0);
	assert_int_equal(bits(t), 2);
	assert_true(bit(t, 18) && bit(t, 19));
}

static void large_leaf_is_dirty_as_a_whole(void **state)
{
	struct tracked *t = *state;
	uint64_t start = ((uintptr_t)t->f->buffer + 0x1fffff) & ~UINT64_C(0x1fffff);

	assert_int_equal(fixture_map(t->f, t->ioas, IOVA, start - (uintptr_t)t->f->buffer, 0x200000,
				     FIXTURE_RW),
			 0);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA + 0x12345, 1);
	assert_int_equal(bitmap(t, IOVA, 0x200000, 4096, 0), 0);
	assert_int_equal(bits(t), 512);
	assert_int_equal(bitmap(t, IOVA, 0x200000, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
}

/* The program takes pages of a mapping away; the device has written some of them, and others. */
static void dirty_pages_stay_dirty_when_memory_moves(void **state)
{
	struct tracked *t = *state;
	/* Neighbours in memory are not so in the table: each page is a leaf of its own. */
	const size_t offset = ((uintptr_t)t->f->buffer >> 12) % 2 ? 0 : 4096;
	char *memory = (char *)t->f->buffer + offset;

	assert_int_equal(fixture_map(t->f, t->ioas, IOVA, offset, 16 * 4096, FIXTURE_RW), 0);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA + 1 * 4096, 1);
	dma_write(t, IOVA + 9 * 4096, 1);
	assert_int_equal(
		displace_range((uintptr_t)memory + 8 * 4096, 4 * 4096, DISPLACE_MADVISE, true), 0);
	assert_int_equal(bitmap(t, IOVA, 16 * 4096, 4096, IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR), 0);
	assert_int_equal(bits(t), 2);
	assert_true(bit(t, 1) && bit(t, 9));
	dma_write(t, IOVA + 10 * 4096, 1);
	assert_int_equal(bitmap(t, IOVA, 16 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 3);
	assert_int_equal(bitmap(t, IOVA, 16 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 0);
}

static void bits_are_only_ever_set(void **state)
{
	struct tracked *t = *state;
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = t->hwpt,
		.iova = IOVA,
		.length = 16 * 4096,
		.page_size = 4096,
		/* Any byte address will do. */
		.data = (uintptr_t)t->bitmap + 3,
	};

	map_single_pages(t, 16);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA + 2 * 4096, 1);
	memset(t->bitmap, 0, sizeof(t->bitmap));
	t->bitmap[2] = 0xff;
	t->bitmap[3] = 0x81;
	t->bitmap[5] = 0x5a;
	assert_int_equal(fixture_call(t->f, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
	assert_int_equal(t->bitmap[2], 0xff);
	assert_int_equal(t->bitmap[3], 0x85);
	assert_int_equal(t->bitmap[4], 0);
	assert_int_equal(t->bitmap[5], 0x5a);
}

static void hole_ends_the_report(void **state)
{
	struct tracked *t = *state;

	map_single_pages(t, 16);
	assert_int_equal(fixture_unmap(t->f, t->ioas, IOVA + 8 * 4096, 4096), 0);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA + 3 * 4096, 1);
	dma_write(t, IOVA + 12 * 4096, 1);
	assert_int_equal(bitmap(t, IOVA, 16 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 1);
	assert_true(bit(t, 3));
	assert_int_equal(bitmap(t, IOVA + 12 * 4096, 4 * 4096, 4096, 0), 0);
	assert_int_equal(bits(t), 1);
}

static void arguments_are_checked_in_order(void **state)
{
	struct tracked *t = *state;
	uint32_t plain, pt_id;

	map_single_pages(t, 4);
	assert_int_equal(bitmap(t, IOVA, 4096, 4096, 2), -EOPNOTSUPP);
	assert_int_equal(bitmap(t, IOVA, 0, 4096, 0), -EINVAL);
	assert_int_equal(bitmap(t, UINT64_MAX - 4095, 8192, 4096, 0), -EOVERFLOW);
	assert_int_equal(bitmap(t, IOVA + 1, 4096, 4096, 0), -EINVAL);
	assert_int_equal(bitmap(t, IOVA, 4096, 0, 0), -EINVAL);
	assert_int_equal(bitmap(t, IOVA + 4096, 4096, 8192, 0), -EINVAL);
	pt_id = t->ioas;
	assert_int_equal(fixture_hwpt(t->f, 0, pt_id, 0, &plain), 0);
	t->hwpt = plain;
	assert_int_equal(bitmap(t, IOVA, 4096, 4096, 0), -EOPNOTSUPP);
	assert_int_equal(track(t, true), -EOPNOTSUPP);
	t->hwpt = t->ioas;
	assert_int_equal(bitmap(t, IOVA, 4096, 4096, 0), -ENOENT);
}

static void bitmap_that_cannot_be_written_is_no_error(void **state)
{
	struct tracked *t = *state;
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = t->hwpt,
		.iova = IOVA,
		.length = 4096,
		.page_size = 4096,
		.data = 8,
	};

	map_single_pages(t, 1);
	assert_int_equal(track(t, true), 0);
	dma_write(t, IOVA, 1);
	assert_int_equal(fixture_call(t->f, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd), 0);
}

int main(void)
{
#define DIRTY_TESTS(kind)                                                                        \
	cmocka_unit_test_setup_teardown(writes_are_reported_once_and_reads_never, set_up_##kind, \
					tear_down),                                              \
		cmocka_unit_test_setup_teardown(                                                 \
			what_was_written_before_is_recorded_as_soon_as_tracking_is_on,           \
			set_up_##kind, tear_down),                                               \
		cmocka_unit_test_setup_teardown(nothing_is_recorded_while_tracking_is_off,       \
						set_up_##kind, tear_down),                       \
		cmocka_unit_test_setup_teardown(granularity_is_the_callers, set_up_##kind,       \
						tear_down),                                      \
		cmocka_unit_test_setup_teardown(large_leaf_is_dirty_as_a_whole, set_up_##kind,   \
						tear_down),                                      \
		cmocka_unit_test_setup_teardown(dirty_pages_stay_dirty_when_memory_moves,        \
						set_up_##kind, tear_down)
	const struct CMUnitTest tests[] = {
		DIRTY_TESTS(amd),
		DIRTY_TESTS(intel),
		DIRTY_TESTS(smmuv3),
		cmocka_unit_test_setup_teardown(bits_are_only_ever_set, set_up_amd, tear_down),
		cmocka_unit_test_setup_teardown(hole_ends_the_report, set_up_amd, tear_down),
		cmocka_unit_test_setup_teardown(arguments_are_checked_in_order, set_up_amd,
						tear_down),
		cmocka_unit_test_setup_teardown(bitmap_that_cannot_be_written_is_no_error,
						set_up_amd, tear_down),
	};

	displace_enable();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
