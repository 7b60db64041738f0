/* SPDX-License-Identifier: MIT */
/* Pools of objects: placement, memory that is given back, and threads that exchange objects. */
#include <pthread.h>

#include "base/pool.h"
#include "kit.h"

enum {
	SIZE = 128,
	MANY = 5 * POOL_CHUNK_SIZE / SIZE,
	THREADS = 4
};

static struct pool pool = POOL_INIT(SIZE);
static unsigned char *objects[MANY];

static void fill(unsigned char *object, uint32_t value)
{
	for (size_t i = 0; i < SIZE / sizeof(value); i++)
		memcpy(object + i * sizeof(value), &value, sizeof(value));
}

static void assert_filled(const unsigned char *object, uint32_t value)
{
	for (size_t i = 0; i < SIZE / sizeof(value); i++)
		assert_memory_equal(object + i * sizeof(value), &value, sizeof(value));
}

static void assert_zeroed(const unsigned char *object)
{
	assert_filled(object, 0);
}

static void allocate(size_t count)
{
	for (size_t i = 0; i < count; i++) {
		objects[i] = pool_alloc(&pool);
		assert_non_null(objects[i]);
		assert_zeroed(objects[i]);
		fill(objects[i], (uint32_t)i + 1);
	}
}

static void give_back(size_t count)
{
	for (size_t i = 0; i < count; i++)
		pool_free(&pool, objects[i]);
}

static void objects_are_zeroed_apart_and_on_their_cache_lines(void **state)
{
	(void)state;
	allocate(MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_filled(objects[i], (uint32_t)i + 1);
		assert_int_equal((uintptr_t)objects[i] % POOL_ALIGNMENT, 0);
	}
	give_back(MANY);
	allocate(MANY);
	give_back(MANY);
}

static void memory_goes_back_when_its_objects_have(void **state)
{
	size_t kept = pool_reserved(&pool);

	(void)state;
	if (!kept)
		skip(); /* every object is the allocator's */
	assert_int_equal(kept, POOL_CHUNK_SIZE);
	allocate(MANY);
	assert_true(pool_reserved(&pool) >= (size_t)MANY * SIZE);
	give_back(MANY);
	assert_int_equal(pool_reserved(&pool), kept);
}

static void an_allocation_can_be_made_to_fail(void **state)
{
	(void)state;
	failure_arm(1);
	assert_null(pool_alloc(&pool));
	assert_int_equal(failure_left(), 0);
	pool_free(&pool, NULL);
}

/* Allocates what another thread gives back. */
static void *allocate_some(void *arg)
{
	unsigned char **mine = arg;

	for (size_t i = 0; i < MANY / THREADS; i++) {
		mine[i] = pool_alloc(&pool);
		if (mine[i])
			fill(mine[i], (uint32_t)(mine + i - objects));
		if (mine[i] && i % 3 == 0) {
			pool_free(&pool, mine[i]);
			mine[i] = NULL;
		}
	}
	return NULL;
}

static void *free_some(void *arg)
{
	unsigned char **theirs = arg;

	for (size_t i = 0; i < MANY / THREADS; i++) {
		if (theirs[i])
			pool_free(&pool, theirs[i]);
	}
	return NULL;
}

static void run(void *(*body)(void *arg), unsigned int shift)
{
	pthread_t threads[THREADS];

	for (unsigned int i = 0; i < THREADS; i++) {
		unsigned int part = (i + shift) % THREADS;

		assert_int_equal(
			pthread_create(&threads[i], NULL, body, objects + part * (MANY / THREADS)),
			0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void threads_give_back_what_others_allocated(void **state)
{
	(void)state;
	run(allocate_some, 0);
	for (size_t i = 0; i < MANY / THREADS * THREADS; i++) {
		if (objects[i])
			assert_filled(objects[i], (uint32_t)i);
	}
	run(free_some, 1);
	assert_true(pool_reserved(&pool) <= (THREADS + 1) * POOL_CHUNK_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_zeroed_apart_and_on_their_cache_lines),
		cmocka_unit_test(memory_goes_back_when_its_objects_have),
		cmocka_unit_test(an_allocation_can_be_made_to_fail),
		cmocka_unit_test(threads_give_back_what_others_allocated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
