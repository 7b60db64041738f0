/* SPDX-License-Identifier: MIT */
/* Page tables when an allocation fails: each in turn, and nothing has changed. */
#include "iopt/iopt.h"
#include "kit.h"

#define RW (IOPT_READ | IOPT_WRITE)

static void create_fails_cleanly(void **state)
{
	(void)state;
	for (int i = 0; iopt_formats[i]; i++) {
		unsigned int failures = 0;
		struct iopt *pt;
		uint64_t n;
		int err;

		for (n = 1;; n++) {
			failure_arm(n);
			err = iopt_create(iopt_formats[i], NULL, &pt);
			if (failure_left())
				break;
			assert_int_equal(err, -ENOMEM);
			failures++;
		}
		failure_disarm();
		assert_int_equal(err, 0);
		assert_true(failures >= 3);
		iopt_destroy(pt);
	}
}

/* All that a walker can see, as text. */
static char *picture(const struct iopt *pt)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	iopt_dump(pt, out);
	fclose(out);
	return text;
}

/* Fails each allocation of a map in turn; returns how many there were. */
static unsigned int fail_each(struct iopt *pt, uint64_t iova, uint64_t len)
{
	unsigned int failures = 0;
	size_t memory = iopt_memory(pt);
	char *before = picture(pt);
	uint64_t n;
	int err;

	for (n = 1;; n++) {
		char *after;

		failure_arm(n);
		err = iopt_map(pt, iova, 0x40000000, len, RW, 0x1000);
		if (failure_left())
			break;
		failure_disarm();
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(iopt_memory(pt), memory);
		after = picture(pt);
		assert_string_equal(before, after);
		free(after);
		failures++;
	}
	failure_disarm();
	assert_int_equal(err, 0);
	free(before);
	return failures;
}

static void map_fails_without_a_trace(void **state)
{
	(void)state;
	for (int i = 0; iopt_formats[i]; i++) {
		struct iopt *pt;
		size_t memory;

		assert_int_equal(iopt_create(iopt_formats[i], NULL, &pt), 0);
		memory = iopt_memory(pt);
		assert_int_equal(iopt_map(pt, 0x1000, 0x1000, 0x1000, RW, 0x1000), 0);
		/* From a table that exists over several new ones. */
		assert_true(fail_each(pt, 0x3000, 0x900000) >= 4);
		assert_true(fail_each(pt, 0x3ffff000, 0x2000) >= 1);
		assert_int_equal(iopt_unmap(pt, 0, iopt_aperture(pt).last), 0x903000);
		assert_int_equal(iopt_memory(pt), memory);
		iopt_check(pt);
		iopt_destroy(pt);
	}
}

static void a_top_that_grew_for_nothing_is_as_it_was(void **state)
{
	struct iopt *pt;

	(void)state;
	assert_int_equal(iopt_create(&iopt_amdv1, NULL, &pt), 0);
	assert_true(fail_each(pt, 1ULL << 45, 0x1000) >= 4);
	assert_int_equal(iopt_unmap(pt, 1ULL << 45, 0x1000), 0x1000);
	iopt_destroy(pt);

	assert_int_equal(iopt_create(&iopt_amdv1, NULL, &pt), 0);
	assert_int_equal(iopt_map(pt, 0x1000, 0x1000, 0x1000, RW, 0), 0);
	/*
	 * Two new tops, then the tables under the higher one; the map reaches over the old top too.
	 */
	assert_true(fail_each(pt, (1ULL << 48) - 0x1000, 0x2000) >= 7);
	assert_int_equal(iopt_unmap(pt, 0, UINT64_MAX), 0x3000);
	iopt_destroy(pt);
}

/* More tables than a chunk holds: the new chunk is what fails. */
static void a_new_chunk_fails_like_a_table(void **state)
{
	const uint64_t len = 1024ULL << 21;
	struct iopt *pt;
	size_t memory;

	(void)state;
	assert_int_equal(iopt_create(&iopt_vtdss, NULL, &pt), 0);
	memory = iopt_memory(pt);
	for (uint64_t n = 500; n < 530; n++) {
		failure_arm(n);
		assert_int_equal(iopt_map(pt, 0, 0, len, RW, 0x1000), -ENOMEM);
		failure_disarm();
		assert_int_equal(iopt_memory(pt), memory);
	}
	assert_int_equal(iopt_map(pt, 0, 0, len, RW, 0x1000), 0);
	assert_int_equal(iopt_unmap(pt, 0, len), len);
	assert_int_equal(iopt_memory(pt), memory);
	iopt_destroy(pt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(create_fails_cleanly),
		cmocka_unit_test(map_fails_without_a_trace),
		cmocka_unit_test(a_top_that_grew_for_nothing_is_as_it_was),
		cmocka_unit_test(a_new_chunk_fails_like_a_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
