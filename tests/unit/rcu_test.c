/* SPDX-License-Identifier: MIT */
/* RCU: a grace period waits for the readers that were there before it. */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/rcu.h"
#include "kit.h"

enum {
	GOOD = 0x600d,
	POISON = 0xbad,
	READERS = 3,
	UPDATES = 300,
};

struct scene {
	int *shared;  /* what readers follow */
	int versions; /* stands for the data, for ThreadSanitizer */
	atomic_bool inside, leave, waited, stop;
	atomic_uint wrong;
};

static void *stay_inside(void *arg)
{
	struct scene *scene = arg;

	rcu_read_lock();
	scene->inside = true;
	while (!scene->leave)
		sched_yield();
	rcu_read_done(&scene->versions);
	rcu_read_unlock();
	return NULL;
}

static void *wait_for_readers(void *arg)
{
	struct scene *scene = arg;

	rcu_wait(&scene->versions);
	scene->waited = true;
	return NULL;
}

static void a_grace_period_lasts_while_a_reader_is_inside(void **state)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct scene scene = {0};
	pthread_t reader, waiter;

	(void)state;
	assert_int_equal(pthread_create(&reader, NULL, stay_inside, &scene), 0);
	while (!scene.inside)
		sched_yield();
	assert_int_equal(pthread_create(&waiter, NULL, wait_for_readers, &scene), 0);
	nanosleep(&pause, NULL);
	assert_false(scene.waited);
	scene.leave = true;
	assert_int_equal(pthread_join(waiter, NULL), 0);
	assert_int_equal(pthread_join(reader, NULL), 0);
	assert_true(scene.waited);
}

static void a_grace_period_without_readers_ends(void **state)
{
	int what = 0;

	(void)state;
	rcu_wait(&what);
	rcu_read_lock();
	rcu_read_lock();
	rcu_read_unlock();
	rcu_read_unlock();
	rcu_wait(&what);
}

static void *read_all_the_time(void *arg)
{
	struct scene *scene = arg;

	while (!scene->stop) {
		rcu_read_lock();
		for (int i = 0; i < 10; i++)
			scene->wrong += *rcu_load(&scene->shared) != GOOD;
		rcu_read_done(&scene->versions);
		rcu_read_unlock();
	}
	return NULL;
}

static void readers_never_see_what_was_taken_away_before_the_grace_period(void **state)
{
	int versions[2] = {GOOD, GOOD};
	struct scene scene = {.shared = &versions[0]};
	pthread_t readers[READERS];

	(void)state;
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &scene), 0);
	for (int i = 1; i <= UPDATES; i++) {
		int *old = scene.shared;

		versions[i % 2] = GOOD;
		rcu_store(&scene.shared, &versions[i % 2]);
		rcu_wait(&scene.versions);
		*old = POISON;
	}
	scene.stop = true;
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i], NULL), 0);
	assert_int_equal(scene.wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grace_period_lasts_while_a_reader_is_inside),
		cmocka_unit_test(a_grace_period_without_readers_ends),
		cmocka_unit_test(readers_never_see_what_was_taken_away_before_the_grace_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
