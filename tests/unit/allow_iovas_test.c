/* SPDX-License-Identifier: MIT */
/* IOAS_ALLOW_IOVAS: which entry of a bad list decides, and lists that are long. */
#include "kit.h"

enum {
	ROUNDS = 20000,
	MOST = 6, /* entries of a random list */
	LONG = 400000,
};

static int allow(struct fixture *f, uint32_t ioas, const struct iommu_iova_range *ranges,
		 size_t count)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = (uint32_t)count,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

/* The rules as the specification has them: entry by entry, against those before it. */
static int model(const struct iommu_iova_range *ranges, size_t readable, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i >= readable)
			return -EFAULT;
		if (ranges[i].start >= ranges[i].last)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (ranges[j].start <= ranges[i].last && ranges[i].start <= ranges[j].last)
				return -EINVAL;
		}
	}
	return 0;
}

/* A few numbers at either end of the space, so that ranges touch, overlap and are empty. */
static uint64_t number(void)
{
	return random_below(2) ? random_below(24) : UINT64_MAX - random_below(24);
}

static void the_first_bad_entry_decides(void **state)
{
	struct fixture *f = fixture_create("amd", 1);
	char *pages =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t ioas = fixture_ioas(f);
	unsigned int good = 0;

	(void)state;
	assert_int_equal(mprotect(pages + PAGE, PAGE, PROT_NONE), 0);
	for (int round = 0; round < ROUNDS; round++) {
		size_t readable = random_below(MOST + 1), count = readable + random_below(2);
		struct iommu_iova_range *ranges = (void *)(pages + PAGE);

		ranges -= readable;
		for (size_t i = 0; i < readable; i++)
			ranges[i] = (struct iommu_iova_range){number(), number()};
		assert_int_equal(allow(f, ioas, ranges, count), model(ranges, readable, count));
		good += count && !model(ranges, readable, count);
	}
	assert_true(good > 100);
	munmap(pages, 2 * PAGE);
	fixture_destroy(f);
}

/* With work that grows with the square of its length this takes minutes. */
static void a_long_list_may_be_in_descending_order(void **state)
{
	struct fixture *f = fixture_create("amd", 1);
	struct iommu_iova_range *ranges = calloc(LONG, sizeof(*ranges));
	uint32_t ioas = fixture_ioas(f);

	(void)state;
	assert_non_null(ranges);
	for (uint64_t i = 0; i < LONG; i++)
		ranges[LONG - 1 - i] = (struct iommu_iova_range){i * 100, i * 100 + 50};
	assert_int_equal(allow(f, ioas, ranges, LONG), 0);
	ranges[LONG - 1].last = 100;
	assert_int_equal(allow(f, ioas, ranges, LONG), -EINVAL);
	free(ranges);
	fixture_destroy(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_bad_entry_decides),
		cmocka_unit_test(a_long_list_may_be_in_descending_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
