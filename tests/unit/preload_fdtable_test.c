/* SPDX-License-Identifier: MIT */
/* The table of emulated descriptors: numbers, references, and threads that race for them. */
#include <pthread.h>
#include <stdatomic.h>

#include "kit.h"
#include "preload/process/fdtable.h"
#include "preload/start/real.h"

enum {
	THREADS = 4,
	NUMBERS = 3,
	ROUNDS = 100000,
	FAR = (1 << 20) - 1,
};

/* Replaces preload/start/real.c. */
_Atomic bool real_ready = true;

void preload_init(void)
{
}

/* A file that notices a use after its release. */
struct probe {
	struct uiommufd_file file;
	_Atomic unsigned int magic;
};

#define ALIVE 0x600dU

static _Atomic unsigned int alive;

static void release(struct uiommufd_file *file)
{
	struct probe *probe = (struct probe *)file;

	assert_int_equal(probe->magic, ALIVE);
	probe->magic = 0;
	atomic_fetch_sub(&alive, 1);
	free(probe);
}

static const struct file_ops probe_ops = {.name = "probe", .release = release};

static struct description *new_description(void)
{
	struct probe *probe = calloc(1, sizeof(*probe));
	struct description *description;

	file_init(&probe->file, &probe_ops, 0);
	probe->magic = ALIVE;
	atomic_fetch_add(&alive, 1);
	description = description_create(&probe->file, 0, (struct node){.kind = NODE_IOMMU});
	assert_non_null(description);
	return description;
}

static void put_at(int fd, struct description *description)
{
	struct description *former = fdtable_exchange(fd, description);

	if (former)
		description_put(former);
}

static void a_number_stands_for_what_was_put_there(void **state)
{
	struct description *description = new_description();
	struct description *found;

	(void)state;
	assert_null(fdtable_get(5));
	assert_true(fdtable_reserve(5));
	assert_null(fdtable_exchange(5, description));
	assert_true(fdtable_has(5));
	found = fdtable_get(5);
	assert_ptr_equal(found, description);
	description_put(found);
	assert_ptr_equal(fdtable_exchange(5, NULL), description);
	assert_false(fdtable_has(5));
	assert_int_equal(alive, 1);
	description_put(description);
	assert_int_equal(alive, 0);
}

static void the_last_of_several_numbers_releases_the_file(void **state)
{
	struct description *description = new_description();

	(void)state;
	put_at(1, description);
	put_at(2, description_get(description));
	put_at(1, NULL);
	assert_int_equal(alive, 1);
	put_at(2, NULL);
	assert_int_equal(alive, 0);
}

static void a_file_in_use_outlives_its_number(void **state)
{
	struct description *used;

	(void)state;
	put_at(1, new_description());
	used = fdtable_get(1);
	put_at(1, NULL);
	assert_null(fdtable_get(1));
	assert_int_equal(((struct probe *)used->file)->magic, ALIVE);
	description_put(used);
	assert_int_equal(alive, 0);
}

static void numbers_that_no_table_has_are_not_ours(void **state)
{
	(void)state;
	assert_null(fdtable_get(-1));
	assert_null(fdtable_get(INT32_MAX));
	assert_null(fdtable_get(FAR));
	assert_false(fdtable_reserve(-1));
	assert_false(fdtable_reserve(FAR + 1));
	assert_null(fdtable_exchange(FAR + 1, NULL));
	assert_int_equal(fdtable_hint(FAR), PATH_HINT_NONE);
	fdtable_set_hint(FAR + 1, PATH_HINT_NEAR);
	assert_int_equal(fdtable_hint(FAR + 1), PATH_HINT_NONE);
}

static void large_numbers_are_found_in_order(void **state)
{
	const int numbers[] = {3, 1023, 1024, 77777, FAR};
	unsigned int from = 0;

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_true(fdtable_reserve(numbers[i]));
		put_at(numbers[i], new_description());
	}
	for (int i = 0; i < 5; i++) {
		assert_int_equal(fdtable_next(from, UINT32_MAX), numbers[i]);
		from = (unsigned int)numbers[i] + 1;
	}
	assert_int_equal(fdtable_next(from, UINT32_MAX), -1);
	assert_int_equal(fdtable_next(4, 1022), -1);
	for (int i = 0; i < 5; i++)
		put_at(numbers[i], NULL);
	assert_int_equal(alive, 0);
}

static void what_was_being_closed_at_a_fork_is_closed_in_the_child(void **state)
{
	struct description *begun, *kept = new_description();

	(void)state;
	put_at(3, new_description());
	put_at(FAR, new_description());
	put_at(4, kept);
	begun = fdtable_close_begin(3);
	description_put(fdtable_close_begin(FAR));
	assert_true(fdtable_has(3) && fdtable_has(FAR));
	fdtable_fork_child();
	assert_null(fdtable_get(3));
	assert_null(fdtable_get(FAR));
	assert_ptr_equal(fdtable_get(4), kept);
	/* Who has begun it, and is not in the child, ends it in the parent. */
	fdtable_close_end(3);
	description_put(begun);
	description_put(kept);
	description_put(fdtable_exchange(4, NULL));
	assert_int_equal(alive, 0);
}

static void many_may_be_open_at_once(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_true(fdtable_reserve(2000 + i));
		put_at(2000 + i, new_description());
	}
	assert_int_equal(alive, 1000);
	for (int i = 0; i < 1000; i++)
		put_at(2000 + i, NULL);
	assert_int_equal(alive, 0);
}

static void *use_and_close(void *arg)
{
	struct rng rng = rng_of((uintptr_t)arg);

	for (int i = 0; i < ROUNDS; i++) {
		int fd = (int)rng_below(&rng, NUMBERS);
		struct description *description;

		if (i % 4 == 0) {
			put_at(fd, new_description());
			continue;
		}
		if (i % 64 == 1) {
			put_at(fd, NULL);
			continue;
		}
		description = fdtable_get(fd);
		if (!description)
			continue;
		assert_int_equal(((struct probe *)description->file)->magic, ALIVE);
		if (i % 8 == 2)
			put_at((fd + 1) % NUMBERS, description);
		else
			description_put(description);
	}
	return NULL;
}

static void threads_never_see_a_file_that_is_gone(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_and_close,
						(void *)(uintptr_t)(i + 1)),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < NUMBERS; i++)
		put_at(i, NULL);
	assert_int_equal(alive, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_stands_for_what_was_put_there),
		cmocka_unit_test(the_last_of_several_numbers_releases_the_file),
		cmocka_unit_test(a_file_in_use_outlives_its_number),
		cmocka_unit_test(numbers_that_no_table_has_are_not_ours),
		cmocka_unit_test(large_numbers_are_found_in_order),
		cmocka_unit_test(what_was_being_closed_at_a_fork_is_closed_in_the_child),
		cmocka_unit_test(many_may_be_open_at_once),
		cmocka_unit_test(threads_never_see_a_file_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
