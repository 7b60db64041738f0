/* SPDX-License-Identifier: MIT */
/* Files: their references, their release and their positions. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file_transfer.h"

struct counted_file {
	struct uiommufd_file file;
	int released;
};

static void count_release(struct uiommufd_file *file)
{
	((struct counted_file *)file)->released++;
}

static const struct file_ops counted_ops = {.name = "counted", .release = count_release};

static void a_new_file_has_one_reference_and_stands_at_0(void **state)
{
	struct counted_file counted = {.file = {.refs = {9}, .pos = 9}};

	(void)state;
	file_init(&counted.file, &counted_ops, FILE_SEEKABLE);
	assert_ptr_equal(counted.file.ops, &counted_ops);
	assert_int_equal(counted.file.flags, FILE_SEEKABLE);
	assert_int_equal(counted.file.pos, 0);
	file_put(&counted.file);
	assert_int_equal(counted.released, 1);
}

static void only_the_last_put_releases(void **state)
{
	struct counted_file counted = {0};

	(void)state;
	file_init(&counted.file, &counted_ops, 0);
	assert_ptr_equal(file_get(&counted.file), &counted.file);
	file_put(&counted.file);
	assert_int_equal(counted.released, 0);
	file_put(&counted.file);
	assert_int_equal(counted.released, 1);
}

static void *get_and_put(void *arg)
{
	for (int i = 0; i < 100000; i++)
		file_put(file_get(arg));
	file_put(arg);
	return NULL;
}

static void references_are_counted_across_threads(void **state)
{
	struct counted_file counted = {0};
	pthread_t threads[4];

	(void)state;
	file_init(&counted.file, &counted_ops, 0);
	for (int i = 0; i < 4; i++) {
		file_get(&counted.file);
		assert_int_equal(pthread_create(&threads[i], NULL, get_and_put, &counted.file), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counted.released, 0);
	file_put(&counted.file);
	assert_int_equal(counted.released, 1);
}

/* Of a file of 100 bytes. */
static int64_t seek(struct counted_file *counted, int64_t offset, int whence)
{
	return file_seek(&counted->file, 100, offset, whence);
}

static void a_position_is_set_from_three_places(void **state)
{
	struct counted_file counted = {0};

	(void)state;
	file_init(&counted.file, &counted_ops, FILE_SEEKABLE);
	assert_int_equal(seek(&counted, 7, SEEK_SET), 7);
	assert_int_equal(seek(&counted, -3, SEEK_CUR), 4);
	assert_int_equal(seek(&counted, 1, SEEK_END), 101);
	assert_int_equal(counted.file.pos, 101);
	assert_int_equal(seek(&counted, -102, SEEK_CUR), -EINVAL);
	assert_int_equal(seek(&counted, INT64_MAX, SEEK_CUR), -EINVAL);
	assert_int_equal(seek(&counted, 0, SEEK_DATA), -EINVAL);
	assert_int_equal(counted.file.pos, 101);
	file_put(&counted.file);
}

static void a_file_that_is_not_seekable_has_no_position(void **state)
{
	struct counted_file counted = {0};

	(void)state;
	file_init(&counted.file, &counted_ops, 0);
	assert_int_equal(seek(&counted, 0, SEEK_CUR), -ESPIPE);
	file_put(&counted.file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_has_one_reference_and_stands_at_0),
		cmocka_unit_test(only_the_last_put_releases),
		cmocka_unit_test(references_are_counted_across_threads),
		cmocka_unit_test(a_position_is_set_from_three_places),
		cmocka_unit_test(a_file_that_is_not_seekable_has_no_position),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
