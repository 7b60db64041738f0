/* SPDX-License-Identifier: MIT */
/*
 * Readers beside a writer: each translation sees a leaf as it was mapped, before or after a change,
 * and a leaf that does not change is always found.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "iopt/iopt.h"
#include "kit.h"

#define RW (IOPT_READ | IOPT_WRITE)

enum {
	READERS = 2,
	ROUND_MS = 250, /* for each format */
	WAIT_MS = 10000,
};

static const uint64_t page = 0x1000;
static const uint64_t kept = 0x40000000;		    /* one page that stays */
static const uint64_t space = 0x1000000;		    /* [0, space) changes */
static const uint64_t delta[] = {0x100000000, 0x300000000}; /* output - input */

struct scene {
	struct iopt *pt;
	bool dirty;
	atomic_bool stop;
	atomic_uint wrong;
	atomic_ulong hits;
};

static void look_at(struct scene *scene, uint64_t iova)
{
	struct iopt_leaf leaf;

	if (!iopt_translate(scene->pt, iova, &leaf))
		return;
	atomic_fetch_add_explicit(&scene->hits, 1, memory_order_relaxed);
	if (leaf.oa - iova != delta[0] && leaf.oa - iova != delta[1])
		atomic_fetch_add(&scene->wrong, 1);
	if (leaf.start % leaf.len || iova - leaf.start >= leaf.len || leaf.len > space)
		atomic_fetch_add(&scene->wrong, 1);
	if (scene->dirty && leaf.prot & IOPT_WRITE)
		iopt_set_dirty(scene->pt, iova);
}

static void *read_all_the_time(void *arg)
{
	struct scene *scene = arg;
	struct rng rng = rng_of((uintptr_t)&rng);
	struct iopt_trace trace;
	struct iopt_leaf leaf;

	while (!atomic_load_explicit(&scene->stop, memory_order_relaxed)) {
		rcu_read_lock();
		look_at(scene, rng_next(&rng) % space);
		iopt_trace(scene->pt, rng_next(&rng) % space, &trace);
		if (!iopt_translate(scene->pt, kept, &leaf) || leaf.oa != kept + delta[0])
			atomic_fetch_add(&scene->wrong, 1);
		rcu_read_unlock();
	}
	return NULL;
}

static void ignore_dirty(struct iova_range dirty, void *arg)
{
	(void)dirty;
	(void)arg;
}

/* One map, in pages of some size, and its unmap, at once or in parts. */
static void change(struct scene *scene, struct rng *rng)
{
	uint64_t start = rng_next(rng) % space & ~(page - 1);
	uint64_t len = (1 + rng_next(rng) % (space / page)) * page;
	uint64_t sizes = rng_next(rng) % 2 ? page : 0;
	uint64_t step = rng_next(rng) % 2 ? page : len;

	if (len > space - start)
		len = space - start;
	if (iopt_map(scene->pt, start, start + delta[rng_next(rng) % 2], len, RW, sizes))
		atomic_fetch_add(&scene->wrong, 1);
	if (scene->dirty)
		iopt_read_dirty(scene->pt, IOVA_RANGE_ALL, true, ignore_dirty, NULL);
	sched_yield();
	if (sizes)
		for (uint64_t done = 0; done < len / 2; done += step)
			iopt_unmap(scene->pt, start + done, step);
	iopt_unmap(scene->pt, start, len);
	iopt_settle(scene->pt);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void play(const struct iopt_format *format, bool dirty)
{
	struct iopt_config config = {.features = dirty ? IOPT_DIRTY : 0};
	struct scene scene = {.dirty = dirty};
	struct rng rng = rng_of(1);
	uint64_t end = now_ms() + ROUND_MS;
	pthread_t readers[READERS];
	unsigned int grown = 0;

	assert_int_equal(iopt_create(format, &config, &scene.pt), 0);
	assert_int_equal(iopt_map(scene.pt, kept, kept + delta[0], page, RW, 0), 0);
	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_all_the_time, &scene), 0);
	/* Longer on a machine so busy that no reader has run yet. */
	while (now_ms() < end || (!atomic_load(&scene.hits) && now_ms() < end + WAIT_MS)) {
		change(&scene, &rng);
		if (format == &iopt_amdv1 && ++grown < 4)
			iopt_map(scene.pt, (1ULL << 32) << 9 * grown, 0, page, RW, 0);
	}
	atomic_store(&scene.stop, true);
	for (int i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	assert_int_equal(atomic_load(&scene.wrong), 0);
	assert_true(atomic_load(&scene.hits) > 0);
	iopt_destroy(scene.pt);
}

static void readers_see_what_was_mapped_before_or_after_a_change(void **state)
{
	(void)state;
	for (int i = 0; iopt_formats[i]; i++)
		play(iopt_formats[i], false);
}

static void marking_dirty_beside_changes_is_safe(void **state)
{
	(void)state;
	play(&iopt_amdv1, true);
	play(&iopt_amdv1_mock, true);
	play(&iopt_vtdss, true);
	play(&iopt_arm_s1, true);
}

static void *mark_all_the_time(void *arg)
{
	struct scene *scene = arg;

	while (!atomic_load_explicit(&scene->stop, memory_order_relaxed)) {
		rcu_read_lock();
		iopt_set_dirty(scene->pt, 0);
		rcu_read_unlock();
	}
	return NULL;
}

static void marking_dirty_does_not_bring_back_what_is_unmapped(void **state)
{
	struct iopt_config config = {.features = IOPT_DIRTY};
	struct scene scene = {.dirty = true};
	uint64_t end = now_ms() + 2 * ROUND_MS;
	struct iopt_leaf leaf;
	pthread_t marker;

	(void)state;
	assert_int_equal(iopt_create(&iopt_vtdss, &config, &scene.pt), 0);
	/* Keeps the table when the other page goes. */
	assert_int_equal(iopt_map(scene.pt, page, page, page, RW, 0), 0);
	assert_int_equal(pthread_create(&marker, NULL, mark_all_the_time, &scene), 0);
	while (now_ms() < end) {
		for (int i = 0; i < 1000; i++) {
			if (iopt_map(scene.pt, 0, 0, page, RW, 0))
				atomic_fetch_add(&scene.wrong, 1);
			iopt_unmap(scene.pt, 0, page);
			if (iopt_translate(scene.pt, 0, &leaf))
				atomic_fetch_add(&scene.wrong, 1);
		}
	}
	atomic_store(&scene.stop, true);
	pthread_join(marker, NULL);
	assert_int_equal(atomic_load(&scene.wrong), 0);
	iopt_destroy(scene.pt);
}

/* Unmaps, and more than a batch of tables after it. */
static void *unmap_a_lot(void *arg)
{
	struct scene *scene = arg;

	iopt_unmap(scene->pt, 0, UINT64_C(1) << 40);
	iopt_settle(scene->pt);
	atomic_store(&scene->stop, true);
	return NULL;
}

static void a_table_that_a_reader_is_in_is_not_used_again(void **state)
{
	struct timespec while_the_writer_waits = {.tv_nsec = 50 * 1000 * 1000};
	struct scene scene = {0};
	struct iopt_trace trace;
	const uint64_t *entry;
	pthread_t writer;

	(void)state;
	assert_int_equal(iopt_create(&iopt_vtdss, NULL, &scene.pt), 0);
	assert_int_equal(iopt_map(scene.pt, 0, 0, 100 << 21, RW, page), 0);

	rcu_read_lock();
	assert_true(iopt_trace(scene.pt, 0x5000, &trace));
	entry = (const uint64_t *)trace.steps[3].table + trace.steps[3].index;
	assert_int_equal(pthread_create(&writer, NULL, unmap_a_lot, &scene), 0);
	nanosleep(&while_the_writer_waits, NULL);
	assert_int_equal(__atomic_load_n(entry, __ATOMIC_RELAXED), trace.steps[3].entry);
	assert_false(atomic_load(&scene.stop));
	rcu_read_unlock();

	pthread_join(writer, NULL);
	iopt_destroy(scene.pt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_what_was_mapped_before_or_after_a_change),
		cmocka_unit_test(marking_dirty_beside_changes_is_safe),
		cmocka_unit_test(marking_dirty_does_not_bring_back_what_is_unmapped),
		cmocka_unit_test(a_table_that_a_reader_is_in_is_not_used_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
