/* SPDX-License-Identifier: MIT */
/*
 * Locks with a rank: what the checks of debug builds let pass, and what they stop. The ranks stand
 * for outer, middle and inner; which locks of the engine have them does not matter here.
 */
#ifdef __clang__
/* These tests break the contracts on purpose, and take several locks in loops. */
#pragma clang diagnostic ignored "-Wthread-safety"
#endif

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/lock.h"
#include "kit.h"

enum {
	MANY = 40, /* more than a thread's held set has entries */
	THREADS = 6,
	ROUNDS = 20000,
};

static struct lock outer = LOCK_INIT(LOCK_IOAS);
static struct lock inner = LOCK_INIT(LOCK_SOURCE);
static struct lock inner_too = LOCK_INIT(LOCK_SOURCE);
static struct lock many[MANY];

static void acquire_many(void)
{
	for (int i = 0; i < MANY; i++) {
		lock_init(&many[i], LOCK_SOURCE);
		lock_acquire_nested(&many[i]);
	}
}

static void release_many(void)
{
	for (int i = 0; i < MANY; i++)
		lock_release(&many[i]);
}

static void locks_are_acquired_in_the_order_of_their_ranks(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		lock_acquire(&outer);
		lock_acquire(&inner);
		lock_assert_held(&outer);
		lock_assert_held(&inner);
		lock_release(&inner);
		lock_release(&outer);
	}
}

static void locks_are_released_in_any_order(void **state)
{
	(void)state;
	lock_acquire(&outer);
	lock_acquire(&inner);
	lock_release(&outer);
	lock_assert_held(&inner);
	lock_release(&inner);
	lock_assert_none_from(LOCK_NONE);
}

static void nested_acquires_a_second_lock_of_the_same_rank(void **state)
{
	(void)state;
	lock_acquire(&inner);
	lock_acquire_nested(&inner_too);
	lock_assert_held(&inner);
	lock_assert_held(&inner_too);
	lock_release(&inner);
	lock_release(&inner_too);
}

static void trying_may_ignore_the_order(void **state)
{
	(void)state;
	lock_acquire(&inner);
	assert_true(lock_try(&outer));
	lock_assert_held(&outer);
	lock_release(&outer);
	lock_release(&inner);
}

static void *try_outer(void *arg)
{
	*(bool *)arg = lock_try(&outer);
	return NULL;
}

static void trying_fails_while_another_thread_holds_the_lock(void **state)
{
	pthread_t thread;
	bool acquired = true;

	(void)state;
	lock_acquire(&outer);
	assert_int_equal(pthread_create(&thread, NULL, try_outer, &acquired), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_false(acquired);
	lock_release(&outer);
}

static void more_locks_than_the_held_set_has_entries_can_be_held(void **state)
{
	(void)state;
	lock_acquire(&outer);
	acquire_many();
	for (int i = 0; i < MANY; i++)
		lock_assert_held(&many[i]);
	release_many();
	lock_release(&outer);
	lock_assert_none_from(LOCK_NONE);
}

struct waiter {
	struct condition cond;
	bool called;
	atomic_uint rounds;
};

static void *wait_for_call(void *arg)
{
	struct waiter *waiter = arg;

	lock_acquire(&inner);
	while (!waiter->called) {
		waiter->rounds++;
		lock_wait(&inner, &waiter->cond);
		lock_assert_held(&inner);
	}
	lock_release(&inner);
	return NULL;
}

static void a_wait_releases_the_lock_and_acquires_it_again(void **state)
{
	struct waiter waiter = {.called = false};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, wait_for_call, &waiter), 0);
	while (!waiter.rounds)
		sched_yield();
	lock_acquire(&inner); /* returns only because the waiting thread has released it */
	waiter.called = true;
	condition_signal(&waiter.cond);
	lock_release(&inner);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void a_wait_with_a_deadline_ends_in_ETIMEDOUT(void **state)
{
	struct condition cond = {0};
	struct timespec deadline;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &deadline);
	lock_acquire(&inner);
	assert_int_equal(lock_wait_until(&inner, &cond, &deadline), -ETIMEDOUT);
	lock_assert_held(&inner);
	lock_release(&inner);
}

/* Threads that take turns: each waits until the count is its own, modulo their number. */
struct turns {
	struct lock lock;
	struct condition turned;
	uint64_t count; /* guarded by the lock, and by nothing else */
	unsigned int next;
	atomic_uint begun;
};

struct turner {
	struct turns *turns;
	unsigned int number;
};

/* Some threads wait patiently, and sometimes the holder keeps the lock until all others sleep. */
static void *count_only(void *arg)
{
	static const struct timespec nap = {.tv_nsec = 300000};
	struct turner *turner = arg;
	struct lock *lock = &turner->turns->lock;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		if (turner->number % 2)
			lock_acquire_patiently(lock);
		else
			lock_acquire(lock);
		turner->turns->count++;
		if (i % 1000 == turner->number)
			nanosleep(&nap, NULL);
		if (turner->number % 3)
			lock_release_lasting(lock);
		else
			lock_release(lock);
	}
	return NULL;
}

/* The fence is gone, as when a seccomp filter came, while the others count. */
static void *count_and_lose_the_fence(void *arg)
{
	struct turner *turner = arg;

	if (turner->number == 0) {
		while (atomic_load(&turner->turns->begun) < THREADS - 1)
			sched_yield();
		atomic_store(&process_fence_usable, false);
	}
	atomic_fetch_add(&turner->turns->begun, 1);
	return count_only(turner);
}

static void *count_in_turn(void *arg)
{
	struct turner *turner = arg;
	struct turns *turns = turner->turns;

	for (unsigned int i = 0; i < ROUNDS / 20; i++) {
		lock_acquire(&turns->lock);
		while (turns->next != turner->number)
			lock_wait(&turns->lock, &turns->turned);
		turns->count++;
		turns->next = (turns->next + 1) % THREADS;
		lock_release(&turns->lock);
		condition_broadcast(&turns->turned);
	}
	return NULL;
}

static uint64_t count_with(void *(*body)(void *arg))
{
	struct turner turners[THREADS];
	pthread_t threads[THREADS];
	struct turns turns = {.lock = LOCK_INIT(LOCK_SOURCE)};

	for (unsigned int i = 0; i < THREADS; i++) {
		turners[i] = (struct turner){.turns = &turns, .number = i};
		assert_int_equal(pthread_create(&threads[i], NULL, body, &turners[i]), 0);
	}
	for (unsigned int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	return turns.count;
}

static void no_two_threads_hold_a_lock_and_none_sleeps_for_ever(void **state)
{
	(void)state;
	assert_int_equal(count_with(count_only), THREADS * ROUNDS);
}

static void none_sleeps_for_ever_when_the_fence_is_lost_or_absent(void **state)
{
	const bool worked = process_fence_works();

	(void)state;
	assert_int_equal(count_with(count_and_lose_the_fence), THREADS * ROUNDS);
	assert_int_equal(count_with(count_only), THREADS * ROUNDS);
	atomic_store(&process_fence_usable, worked);
}

static void no_signal_of_a_condition_is_lost(void **state)
{
	(void)state;
	assert_int_equal(count_with(count_in_turn), THREADS * (ROUNDS / 20));
}

static void acquire_outer_inside_inner(void)
{
	lock_acquire(&inner);
	lock_acquire(&outer);
}

static void acquire_a_second_of_one_rank(void)
{
	lock_acquire(&inner);
	lock_acquire(&inner_too);
}

static void acquire_outer_nested_inside_inner(void)
{
	lock_acquire(&inner);
	lock_acquire_nested(&outer);
}

static void acquire_twice(void)
{
	lock_acquire(&outer);
	lock_acquire(&outer);
}

static void acquire_twice_nested(void)
{
	lock_acquire(&outer);
	lock_acquire_nested(&outer);
}

static void acquire_without_init(void)
{
	static struct lock lock;

	lock_acquire(&lock);
}

static void *acquire_outer(void *arg)
{
	lock_acquire(&outer);
	return arg;
}

static void release_that_of_another_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, acquire_outer, NULL) || pthread_join(thread, NULL))
		return;
	lock_release(&outer);
}

static void acquire_outer_inside_many(void)
{
	acquire_many();
	lock_acquire(&outer);
}

/* What is left when the entries are used up and released is known by rank alone. */
static void acquire_outer_inside_the_last_of_many(void)
{
	acquire_many();
	for (int i = 0; i < MANY - 1; i++)
		lock_release(&many[i]);
	lock_acquire(&outer);
}

static void assert_inner_held(void)
{
	lock_acquire(&outer);
	lock_assert_held(&inner);
}

static void assert_released_held(void)
{
	lock_acquire(&inner);
	lock_release(&inner);
	lock_assert_held(&inner);
}

static void assert_none_from_inner(void)
{
	lock_acquire(&inner);
	lock_assert_none_from(LOCK_SOURCE);
}

static void what_breaks_the_rules_aborts(void **state)
{
	static const struct {
		void (*body)(void);
		const char *message;
	} cases[] = {
		{acquire_outer_inside_inner, "out of order"},
		{acquire_a_second_of_one_rank, "out of order"},
		{acquire_outer_nested_inside_inner, "out of order"},
		{acquire_outer_inside_many, "out of order"},
		{acquire_outer_inside_the_last_of_many, "out of order"},
		{acquire_twice, "twice"},
		{acquire_twice_nested, "twice"},
		{acquire_without_init, "not initialised"},
		{release_that_of_another_thread, "does not hold"},
		{assert_inner_held, "lock_is_noted"},
		{assert_released_held, "lock_is_noted"},
		{assert_none_from_inner, "no lock from this rank"},
	};

	(void)state;
#ifdef NDEBUG
	skip();
#endif
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_aborts(cases[i].body, cases[i].message);
}

static void asserting_that_no_lock_is_held_looks_at_the_rank(void **state)
{
	(void)state;
	lock_acquire(&outer);
	lock_assert_none_from(LOCK_SOURCE);
	lock_release(&outer);
	lock_assert_none_from(LOCK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(locks_are_acquired_in_the_order_of_their_ranks),
		cmocka_unit_test(locks_are_released_in_any_order),
		cmocka_unit_test(nested_acquires_a_second_lock_of_the_same_rank),
		cmocka_unit_test(trying_may_ignore_the_order),
		cmocka_unit_test(trying_fails_while_another_thread_holds_the_lock),
		cmocka_unit_test(more_locks_than_the_held_set_has_entries_can_be_held),
		cmocka_unit_test(a_wait_releases_the_lock_and_acquires_it_again),
		cmocka_unit_test(a_wait_with_a_deadline_ends_in_ETIMEDOUT),
		cmocka_unit_test(no_two_threads_hold_a_lock_and_none_sleeps_for_ever),
		cmocka_unit_test(none_sleeps_for_ever_when_the_fence_is_lost_or_absent),
		cmocka_unit_test(no_signal_of_a_condition_is_lost),
		cmocka_unit_test(what_breaks_the_rules_aborts),
		cmocka_unit_test(asserting_that_no_lock_is_held_looks_at_the_rank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
