/* SPDX-License-Identifier: MIT */
/*
 * Litmus tests of the asymmetric fences: of two threads that store and then load what the other
 * stores, at least one sees the other. Without a fence, a processor loads while its own store still
 * waits behind slow ones, and neither does. Two threads on two processors, in step, each delayed by
 * a little chance; every test fails within some thousand rounds if its fence is removed.
 *
 * "Reaching" is a thread that enters the gate and uses memory if it may; "taking" forbids it, waits
 * at the gate, and then spoils the memory.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/futex_lock.h"
#include "base/gate.h"
#include "base/tsan.h"
#include "base/world.h"
#include "kit.h"

enum {
#ifdef BASE_THREAD_SANITIZER
	ROUNDS = 500,
#else
	ROUNDS = 3000,
#endif
	LOOKS = 400, /* at the memory, by the thread that is inside */
	LONGEST_DELAY = 512,
	POLLS = 20000, /* before a thread that waits for the other yields */
	SLOW_STORES = 16,
	SLOW_STRIDE = 4096 + 64,
	SLOW_BYTES = 16 << 20, /* more than caches hold */
};

/* What one of the threads does in each round. */
struct side {
	void (*prepare)(void); /* before it waits for the other; NULL: nothing */
	void (*act)(void);
	volatile char *slow; /* SLOW_BYTES, which it stores to first */
	uint64_t at;	     /* in them */
	struct rng rng;
	int processor; /* -1: any */
};

static atomic_int ready, go, done;
static char key;

/* The memory that is reached and taken, and how often that happened at the same time. */
static _Atomic(atomic_int *) reachable;
static atomic_int memory;
static atomic_int misses;

static void store_slowly(struct side *side)
{
	for (int i = 0; i < SLOW_STORES; i++) {
		side->slow[side->at] = 1;
		side->at = (side->at + SLOW_STRIDE) % SLOW_BYTES;
	}
}

static void delay(struct side *side)
{
	const uint64_t steps = rng_below(&side->rng, 2) ? rng_below(&side->rng, LONGEST_DELAY) : 0;

	for (uint64_t i = 0; i < steps; i++)
		atomic_signal_fence(memory_order_seq_cst);
}

static void await(atomic_int *counter, int round)
{
	for (unsigned int i = 0; atomic_load_explicit(counter, memory_order_acquire) != round;
	     i++) {
		if (i > POLLS)
			sched_yield();
	}
}

static void stay_on(int processor)
{
	cpu_set_t set;

	if (processor < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void take_part(struct side *side)
{
	const bool slow = rng_below(&side->rng, 4) != 0;

	delay(side);
	if (slow)
		store_slowly(side);
	side->act();
}

static void *be_second(void *arg)
{
	struct side *side = arg;

	stay_on(side->processor);
	assert_int_equal(gate_enter(&key), 0); /* which gives it a slot */
	gate_leave();
	for (int round = 1; round <= ROUNDS; round++) {
		if (side->prepare)
			side->prepare();
		atomic_store_explicit(&ready, round, memory_order_release);
		await(&go, round);
		take_part(side);
		atomic_store_explicit(&done, round, memory_order_release);
	}
	return NULL;
}

/* The first two processors that this process may use. */
static void choose_processors(struct side *first, struct side *second)
{
	cpu_set_t set;
	int found[2] = {-1, -1}, count = 0;

	CPU_ZERO(&set);
	(void)sched_getaffinity(0, sizeof(set), &set);
	for (int i = 0; i < CPU_SETSIZE && count < 2; i++) {
		if (CPU_ISSET(i, &set))
			found[count++] = i;
	}
	first->processor = found[0];
	second->processor = found[1];
}

static struct side side_of(void (*act)(void), uint64_t seed)
{
	static char slow[2][SLOW_BYTES];

	return (struct side){.act = act, .slow = slow[seed], .rng = {.state = seed + 1}};
}

static void *be_first(void *arg)
{
	struct side *side = arg;

	stay_on(side->processor);
	for (int round = 1; round <= ROUNDS; round++) {
		atomic_store(&memory, 42);
		atomic_store(&reachable, &memory);
		await(&ready, round);
		atomic_store_explicit(&go, round, memory_order_release);
		take_part(side);
		await(&done, round);
	}
	return NULL;
}

/* Both in step. Returns how often neither has seen the other. */
static int misses_of(void (*first_act)(void), void (*prepare)(void), void (*second_act)(void))
{
	struct side first = side_of(first_act, 0), second = side_of(second_act, 1);
	pthread_t threads[2];

	second.prepare = prepare;
	ready = go = done = misses = 0;
	choose_processors(&first, &second);
	assert_int_equal(pthread_create(&threads[0], NULL, be_first, &first), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, be_second, &second), 0);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	return misses;
}

/* ---- the gate ---- */

static void look_while_inside(void)
{
	atomic_int *seen = atomic_load_explicit(&reachable, memory_order_acquire);
	bool spoiled = false;

	for (int i = 0; seen && i < LOOKS; i++)
		spoiled |= atomic_load_explicit(seen, memory_order_relaxed) != 42;
	if (spoiled)
		atomic_fetch_add(&misses, 1);
}

static void reach(void)
{
	assert_int_equal(gate_enter(&key), 0);
	look_while_inside();
	gate_leave();
}

/* The thread leaves its fence out, as it does itself after some entries: with a fence here. */
static void leave_fences_out(void)
{
	if (process_fence_works())
		atomic_store(&gate_self->fences, GATE_UNFENCED);
}

/* The thread makes its own, and does not leave it out soon. */
static void keep_fences(void)
{
	gate_self->fenced_left = GATE_FENCED_ENTRIES;
}

static void take(void)
{
	atomic_store_explicit(&reachable, NULL, memory_order_release);
	gate_wait(&key);
	atomic_store_explicit(&memory, 0, memory_order_release);
}

static void the_fence_of_a_waiter_replaces_that_of_an_entry(void **state)
{
	(void)state;
	gate_prepare();
	if (!process_fence_works())
		skip();
	assert_int_equal(misses_of(take, leave_fences_out, reach), 0);
}

static void an_entry_that_was_asked_for_its_fence_makes_it(void **state)
{
	(void)state;
	assert_int_equal(misses_of(take, keep_fences, reach), 0);
}

/* ---- the world ---- */

static void enter_world(void)
{
	assert_int_equal(world_enter(), 0);
	look_while_inside();
	world_leave();
}

/* While the world is stopped, no thread is inside. */
static void stop_world(void)
{
	world_stop();
	atomic_store_explicit(&memory, 0, memory_order_release);
	for (int i = 0; i < LOOKS; i++)
		atomic_signal_fence(memory_order_seq_cst);
	atomic_store_explicit(&memory, 42, memory_order_release);
	world_resume();
}

static void a_stop_and_an_entry_at_the_same_time_do_not_miss_each_other(void **state)
{
	(void)state;
	assert_int_equal(misses_of(stop_world, NULL, enter_world), 0);
}

/* ---- locks ---- */

static struct futex_lock lock;
static atomic_int looks, holds;
static bool would_sleep;

/* Once the other thread has gone to sleep in vain: it is free, and the mark was not seen. */
static void hold_lock(void)
{
	await(&looks, holds);
	if (would_sleep && atomic_load(&lock.state) == FUTEX_LOCK_MARK)
		atomic_fetch_add(&misses, 1);
	atomic_store(&lock.state, FUTEX_LOCK_HELD);
	holds++;
}

static void release_lock(void)
{
	futex_lock_release_lasting(&lock);
}

/* What the kernel does is here a look: it takes less time. */
static void go_to_sleep(void)
{
	would_sleep = futex_lock_await(&lock) &&
		      atomic_load_explicit(&lock.held, memory_order_relaxed);
	atomic_fetch_add_explicit(&looks, 1, memory_order_release);
}

static void a_release_by_a_store_and_a_sleep_do_not_miss_each_other(void **state)
{
	(void)state;
	if (!process_fence_works())
		skip();
	assert_int_equal(misses_of(go_to_sleep, hold_lock, release_lock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_release_by_a_store_and_a_sleep_do_not_miss_each_other),
		cmocka_unit_test(the_fence_of_a_waiter_replaces_that_of_an_entry),
		cmocka_unit_test(an_entry_that_was_asked_for_its_fence_makes_it),
		cmocka_unit_test(a_stop_and_an_entry_at_the_same_time_do_not_miss_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
