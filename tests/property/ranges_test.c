/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic on arrays of ranges, beside bitmaps: spaces of 64 units in three places, one of which
 * ends at 2^64 - 1, so that every operation is an operation on words.
 */

#include <uiommufd/ranges.h>

#include "kit.h"

enum {
	UNITS = 64,
	MAX_RANGES = 24,
	MAX_OUT = 2 * MAX_RANGES + 2,
	ROUNDS = 100000,
};

/* Unit i is [base + i * size, base + (i + 1) * size - 1]. */
struct space {
	uint64_t base, size;
};

static const struct space spaces[] = {
	{0, UINT64_C(1) << 58}, /* the whole space */
	{UINT64_MAX - UNITS + 1, 1},
	{0, 1},
	{0xaaaa0000, 0x1000},
};

static struct iommu_iova_range units(const struct space *space, unsigned int first,
				     unsigned int last)
{
	return (struct iommu_iova_range){
		space->base + first * space->size,
		space->base + last * space->size + (space->size - 1),
	};
}

static uint64_t bits(unsigned int first, unsigned int last)
{
	return (UINT64_MAX >> (63 - (last - first))) << first;
}

/* Random ranges, overlapping and in any order; their union as a bitmap. */
static size_t random_ranges(const struct space *space, struct iommu_iova_range *ranges,
			    uint64_t *bitmap)
{
	size_t count = random_u64() % (MAX_RANGES + 1);

	*bitmap = 0;
	for (size_t i = 0; i < count; i++) {
		unsigned int first = (unsigned int)(random_u64() % UNITS);
		unsigned int longest = random_u64() % 8 ? 6 : UNITS;
		unsigned int last = first + (unsigned int)(random_u64() % longest);

		if (last >= UNITS)
			last = UNITS - 1;
		ranges[i] = units(space, first, last);
		*bitmap |= bits(first, last);
	}
	return count;
}

/* The one normal array of @bitmap. */
static size_t expect(const struct space *space, uint64_t bitmap, struct iommu_iova_range *ranges)
{
	size_t count = 0;

	for (unsigned int i = 0; i < UNITS; i++) {
		unsigned int first = i;

		if (!(bitmap >> i & 1))
			continue;
		while (i + 1 < UNITS && (bitmap >> (i + 1) & 1))
			i++;
		ranges[count++] = units(space, first, i);
	}
	return count;
}

static void assert_ranges(const struct iommu_iova_range *ranges, size_t count,
			  const struct iommu_iova_range *expected, size_t expected_count)
{
	assert_int_equal(count, expected_count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(ranges[i].start, expected[i].start);
		assert_int_equal(ranges[i].last, expected[i].last);
	}
}

static void check_merge(const struct space *space)
{
	struct iommu_iova_range ranges[MAX_RANGES], expected[UNITS];
	uint64_t bitmap;
	size_t count = random_ranges(space, ranges, &bitmap);

	count = uiommufd_ranges_merge(ranges, count);
	assert_ranges(ranges, count, expected, expect(space, bitmap, expected));
}

/* The complement is taken in all 64 bits: what is outside of the space is in it. */
static void check_invert(const struct space *space)
{
	struct iommu_iova_range ranges[MAX_RANGES], out[MAX_OUT], back[MAX_OUT], expected[MAX_OUT];
	uint64_t bitmap, inverse;
	const struct iommu_iova_range all = units(space, 0, UNITS - 1);
	size_t count = random_ranges(space, ranges, &bitmap), inverted, restored, outside = 0;

	count = uiommufd_ranges_merge(ranges, count);
	inverted = uiommufd_ranges_invert(ranges, count, out, MAX_OUT);
	restored = uiommufd_ranges_invert(out, inverted, back, MAX_OUT);
	assert_ranges(back, restored, ranges, count);

	inverse = ~bitmap;
	outside = expect(space, inverse, expected);
	if (all.start)
		expected[outside++] = (struct iommu_iova_range){0, all.start - 1};
	if (all.last != UINT64_MAX)
		expected[outside++] = (struct iommu_iova_range){all.last + 1, UINT64_MAX};
	outside = uiommufd_ranges_merge(expected, outside);
	assert_ranges(out, inverted, expected, outside);
}

static void check_intersect(const struct space *space)
{
	struct iommu_iova_range a[MAX_RANGES], b[MAX_RANGES], out[MAX_OUT], expected[UNITS];
	uint64_t a_bits, b_bits;
	size_t a_count = uiommufd_ranges_merge(a, random_ranges(space, a, &a_bits));
	size_t b_count = uiommufd_ranges_merge(b, random_ranges(space, b, &b_bits));
	size_t count = uiommufd_ranges_intersect(a, a_count, b, b_count, out, MAX_OUT);

	assert_ranges(out, count, expected, expect(space, a_bits & b_bits, expected));
}

/* With too small an array the count is right, and only the entries that fit are written. */
static void check_capacity(const struct space *space)
{
	struct iommu_iova_range ranges[MAX_RANGES], out[MAX_OUT], part[MAX_OUT];
	uint64_t bitmap;
	size_t count = uiommufd_ranges_merge(ranges, random_ranges(space, ranges, &bitmap));
	size_t whole = uiommufd_ranges_invert(ranges, count, out, MAX_OUT);
	size_t capacity = random_u64() % (whole + 1);

	memset(part, 0x5a, sizeof(part));
	assert_int_equal(uiommufd_ranges_invert(ranges, count, capacity ? part : NULL, capacity),
			 whole);
	assert_ranges(part, capacity, out, capacity);
	assert_int_equal(part[capacity].start, UINT64_C(0x5a5a5a5a5a5a5a5a));

	memset(part, 0x5a, sizeof(part));
	whole = uiommufd_ranges_intersect(ranges, count, out, whole, NULL, 0);
	assert_int_equal(whole, 0);
	whole = uiommufd_ranges_intersect(ranges, count, ranges, count, NULL, 0);
	assert_int_equal(whole, count);
}

static void arrays_agree_with_bitmaps(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		const struct space *space = &spaces[i % (sizeof(spaces) / sizeof(spaces[0]))];

		check_merge(space);
		check_invert(space);
		check_intersect(space);
		check_capacity(space);
	}
}

static void allowable_drops_ranges_of_one_byte(void **state)
{
	struct iommu_iova_range ranges[] = {{0, 0}, {2, 3}, {5, 5}, {7, UINT64_MAX}};

	(void)state;
	assert_int_equal(uiommufd_ranges_allowable(ranges, 4), 2);
	assert_int_equal(ranges[0].start, 2);
	assert_int_equal(ranges[1].last, UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arrays_agree_with_bitmaps),
		cmocka_unit_test(allowable_drops_ranges_of_one_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
