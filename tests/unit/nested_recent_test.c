/* SPDX-License-Identifier: MIT */
/*
 * What threads remember of nested translations: a thread looks a page up while another one changes
 * where it leads, in step, each delayed by a little chance. Once the change is over, both find what
 * is there now, whatever the look-ups during the change have found.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/tsan.h"
#include "iommu/nested_recent.h"
#include "kit.h"
#include "random.h"
#include "report/device_record.h"
#include "report/report.h"

enum {
	PAGES = 64,
#ifdef BASE_THREAD_SANITIZER
	ROUNDS = 500,
#else
	ROUNDS = 4000,
#endif
	LONGEST_DELAY = 4096,
	LOOKS = 40, /* during a change, at most */
	POLLS = 20000,
	TARGETS = 2,
};

#define IOVA	UINT64_C(0x7f0000000000)
#define ANOTHER (IOVA + PAGE)
/* Threads remember one of the two: the IOTLB, which has both, is asked each time. */
#define RIVAL	(IOVA + (uint64_t)RECENT_ENTRIES * PAGE)

struct test {
	struct guest *guest;
	uint64_t root;
	uint64_t targets[TARGETS]; /* IPAs of pages */
	uint64_t *entry;
	char *expected; /* where IOVA leads, once a change is over */
	void (*change)(struct test *t, int round);
	atomic_int ready, go, done;
};

static void await(atomic_int *counter, int round)
{
	for (unsigned int i = 0; atomic_load_explicit(counter, memory_order_acquire) != round;
	     i++) {
		if (i > POLLS)
			sched_yield();
	}
}

static void delay(struct rng *rng)
{
	const uint64_t steps = rng_below(rng, 2) ? rng_below(rng, LONGEST_DELAY) : 0;

	for (uint64_t i = 0; i < steps; i++)
		atomic_signal_fence(memory_order_seq_cst);
}

/* Where the device finds @iova now; NULL: nowhere. */
static char *look(const struct test *t, uint64_t iova)
{
	uint64_t len;
	void *bus;

	return iommu_translate(t->guest->device, NO_PASID, iova, IOPT_READ, &bus, &len) ? NULL
											: bus;
}

static void finds_what_is_there(struct test *t)
{
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(look(t, IOVA), t->expected);
}

/* The last one finds something while it changes, or not. */
static void look_for_a_while(struct test *t, struct rng *rng)
{
	const uint64_t looks = rng_below(rng, LOOKS);
	const bool forgetting = rng_below(rng, 2);

	for (uint64_t i = 0; i <= looks; i++) {
		if (forgetting)
			(void)look(t, RIVAL);
		(void)look(t, IOVA);
	}
}

/* On the @n-th processor that the process may use, of which there is one at least. */
static void stay_on(int n)
{
	cpu_set_t set, one;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	for (int i = 0; i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &set) || n--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		(void)pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	}
}

static void *look_on(void *arg)
{
	struct rng rng = rng_of(1);
	struct test *t = arg;

	stay_on(1);
	for (int round = 1; round <= ROUNDS; round++) {
		atomic_store_explicit(&t->ready, round, memory_order_release);
		await(&t->go, round);
		delay(&rng);
		look_for_a_while(t, &rng);
		atomic_store_explicit(&t->ready, -round, memory_order_release);
		await(&t->done, round);
		finds_what_is_there(t);
	}
	return NULL;
}

/* The IOTLB forgets something else: it keeps the page, and threads have to ask it again. */
static void forget_another_page(struct test *t)
{
	const struct tlb_match match = {
		.domain = t->guest->nested,
		.by_range = true,
		.range = {ANOTHER, ANOTHER + PAGE - 1},
	};

	iommu_tlb_invalidate(t->guest->device, &match);
}

static struct test *create(void (*change)(struct test *t, int round))
{
	struct nested_config config = {.format = NESTED_VTD, .vtd.addr_width = 48};
	struct test *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->change = change;
	t->guest = guest_create("intel", PAGES);
	t->root = guest_alloc(t->guest, 1);
	for (int i = 0; i < TARGETS; i++)
		t->targets[i] = guest_alloc(t->guest, 1);
	t->entry = guest_map_x86(t->guest, t->root, IOVA, 0, t->targets[0] | X86_ALL);
	t->expected = guest_at(t->guest, t->targets[0]);
	guest_map_x86(t->guest, t->root, RIVAL, 0, guest_alloc(t->guest, 1) | X86_ALL);
	config.vtd.pgtbl_addr = t->root;
	guest_attach(t->guest, &config);
	return t;
}

static void *change_it(void *arg)
{
	struct rng rng = rng_of(0);
	struct test *t = arg;

	stay_on(0);
	for (int round = 1; round <= ROUNDS; round++) {
		await(&t->ready, round);
		forget_another_page(t);
		finds_what_is_there(t);
		atomic_store_explicit(&t->go, round, memory_order_release);
		delay(&rng);
		t->change(t, round);
		await(&t->ready, -round);
		atomic_store_explicit(&t->done, round, memory_order_release);
		finds_what_is_there(t);
	}
	return NULL;
}

static void run(void (*change)(struct test *t, int round))
{
	struct test *t = create(change);
	pthread_t threads[2];

	assert_int_equal(pthread_create(&threads[0], NULL, change_it, t), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, look_on, t), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	guest_destroy(t->guest);
	free(t);
}

/* ---- the changes ---- */

static void change_stage1(struct test *t, int round)
{
	const uint64_t target = t->targets[round % TARGETS];
	const struct tlb_match match = {
		.domain = t->guest->nested,
		.by_range = true,
		.range = {IOVA, IOVA + PAGE - 1},
	};

	__atomic_store_n(t->entry, target | X86_ALL, __ATOMIC_RELEASE);
	iommu_tlb_invalidate(t->guest->device, &match);
	t->expected = guest_at(t->guest, target);
}

static void change_stage2(struct test *t, int round)
{
	char *target = guest_at(t->guest, t->targets[round % TARGETS]);

	assert_int_equal(iommu_domain_unmap(t->guest->parent, t->targets[0], PAGE), PAGE);
	assert_int_equal(iommu_domain_map(t->guest->parent, t->targets[0], (uintptr_t)target, PAGE,
					  GUEST_RW, 0),
			 0);
	t->expected = target;
}

/* Without a change of tables: the next domain may have the address of the one before. */
static void change_domain(struct test *t, int round)
{
	struct nested_config config = {.format = NESTED_VTD, .vtd.addr_width = 48};
	const uint64_t target = t->targets[round % TARGETS];

	config.vtd.pgtbl_addr = t->root;
	guest_detach(t->guest);
	__atomic_store_n(t->entry, target | X86_ALL, __ATOMIC_RELEASE);
	guest_attach(t->guest, &config);
	t->expected = guest_at(t->guest, target);
}

static void an_invalidation_reaches_what_threads_remember(void **state)
{
	(void)state;
	run(change_stage1);
}

static void an_unmap_reaches_what_threads_remember(void **state)
{
	(void)state;
	run(change_stage2);
}

static void another_domain_has_nothing_that_threads_remember(void **state)
{
	(void)state;
	run(change_domain);
}

/* The same thread, in step with itself. */
static void another_guest_has_nothing_that_threads_remember(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct test *t = create(NULL);

		/* An endpoint, an IOTLB and a domain with the addresses of those before. */
		change_stage1(t, i);
		finds_what_is_there(t);
		guest_destroy(t->guest);
		free(t);
	}
}

/* ---- rights and devices ---- */

static int translate(struct iommu_endpoint *device, unsigned int prot)
{
	uint64_t len;
	void *bus;

	return iommu_translate(device, NO_PASID, IOVA, prot, &bus, &len);
}

static void a_right_is_remembered_that_was_asked_for(void **state)
{
	struct test *t = create(NULL);

	(void)state;
	*t->entry = t->targets[0] | X86_P | X86_US;
	for (int i = 0; i < 3; i++)
		assert_int_equal(translate(t->guest->device, IOPT_READ), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(translate(t->guest->device, IOPT_WRITE), -EPERM);
	guest_destroy(t->guest);
	free(t);
}

/* Two devices behind one domain: each has an IOTLB of its own, and is stale by itself. */
static void a_device_does_not_use_what_another_one_was_told(void **state)
{
	const struct tlb_match match = {.by_range = false};
	struct test *t = create(NULL);
	struct iommu_endpoint *second;

	(void)state;
	assert_int_equal(iommu_endpoint_create(t->guest->iommu, "second", &second), 0);
	assert_int_equal(iommu_endpoint_set_domain(second, NO_PASID, t->guest->nested), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(translate(second, IOPT_READ), 0);
	finds_what_is_there(t);
	*t->entry = 0;
	iommu_tlb_invalidate(second, &match);
	finds_what_is_there(t);
	assert_int_equal(translate(second, IOPT_READ), -ENOENT);
	assert_int_equal(iommu_endpoint_set_domain(second, NO_PASID, NULL), 0);
	iommu_endpoint_destroy(second);
	guest_destroy(t->guest);
	free(t);
}

/* A device that comes later has an IOTLB of the same age, and perhaps at the same address. */
static void a_device_does_not_use_what_one_that_has_gone_was_told(void **state)
{
	struct test *t = create(NULL);

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct iommu_endpoint *second;

		*t->entry = i % 2 ? 0 : t->targets[0] | X86_ALL;
		assert_int_equal(iommu_endpoint_create(t->guest->iommu, "second", &second), 0);
		assert_int_equal(iommu_endpoint_set_domain(second, NO_PASID, t->guest->nested), 0);
		for (int look = 0; look < 3; look++)
			assert_int_equal(translate(second, IOPT_READ), i % 2 ? -ENOENT : 0);
		assert_int_equal(iommu_endpoint_set_domain(second, NO_PASID, NULL), 0);
		iommu_endpoint_destroy(second);
	}
	guest_destroy(t->guest);
	free(t);
}

/* Without memory for what it remembers, a thread asks the IOTLB each time. */
static void a_thread_without_memory_remembers_nothing(void **state)
{
	struct test *t = create(NULL);
	unsigned int failures = 0;

	(void)state;
	assert_int_equal(gate_enter(t), 0); /* which gives it a slot */
	gate_leave();
	assert_null(gate_cache);
	assert_ptr_equal(look(t, IOVA), t->expected);
	for (uint64_t n = 1, left = 0; !left; n++, failures += !left) {
		failure_arm(n);
		assert_ptr_equal(look(t, IOVA), t->expected);
		left = failure_disarm();
	}
	assert_int_equal(failures, 2); /* the lookaside cache, and what is nested */
	assert_non_null(((struct lookaside *)gate_cache)->recent);
	guest_destroy(t->guest);
	free(t);
}

static uint64_t dirty;

static void count_dirty(struct iova_range range, void *arg)
{
	(void)arg;
	dirty += range.last - range.start + 1;
}

/* Of all pages, which are clean afterwards. */
static uint64_t dirty_bytes(struct test *t)
{
	dirty = 0;
	iopt_read_dirty(iommu_domain_table(t->guest->parent), IOVA_RANGE_ALL, true, count_dirty,
			NULL);
	return dirty;
}

/* Gives the guest a parent that can track writes. */
static void replace_parent(struct test *t)
{
	struct nested_config config = {.format = NESTED_VTD, .vtd.addr_width = 48};
	struct guest *guest = t->guest;

	guest_detach(guest);
	iommu_domain_destroy(guest->parent);
	assert_int_equal(iommu_domain_create(guest->iommu, DOMAIN_NEST_PARENT | DOMAIN_DIRTY, NULL,
					     &guest->parent),
			 0);
	for (size_t n = 0; n < PAGES; n++)
		guest_map_page(guest, n, GUEST_RW);
	config.vtd.pgtbl_addr = t->root;
	guest_attach(guest, &config);
}

static void a_write_that_is_remembered_is_marked_once_writes_are_tracked(void **state)
{
	struct test *t = create(NULL);

	(void)state;
	replace_parent(t);
	for (uint64_t i = 0; i < 3; i++)
		assert_int_equal(guest_write(t->guest, NO_PASID, IOVA, i), 0);
	iommu_domain_set_dirty_tracking(t->guest->parent, true);
	(void)dirty_bytes(t);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(guest_write(t->guest, NO_PASID, IOVA, i), 0);
		assert_int_equal(dirty_bytes(t), PAGE);
	}
	guest_destroy(t->guest);
	free(t);
}

/* What the guest changed without an invalidation is looked for in the first DMAs of each start. */
static void dma_of_a_started_device_is_looked_at(void **state)
{
	struct report_settings settings;
	struct device_record *record;
	struct test *t;

	(void)state;
	report_settings_init(&settings);
	settings.quiet = true;
	report_start(&settings, NULL);
	t = create(NULL);
	record = iommu_endpoint_record(t->guest->device);
	assert_non_null(record);
	for (int i = 0; i < 3; i++)
		guest_reads(t->guest, NO_PASID, IOVA, 0);
	device_record_write(record, 0, 0, 4, 1);
	for (int i = 0; i < 100; i++)
		guest_reads(t->guest, NO_PASID, IOVA, 0);
	assert_false(device_record_take_check(record));
	guest_destroy(t->guest);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* The first: the thread has remembered nothing yet. */
		cmocka_unit_test(a_thread_without_memory_remembers_nothing),
		cmocka_unit_test(an_invalidation_reaches_what_threads_remember),
		cmocka_unit_test(an_unmap_reaches_what_threads_remember),
		cmocka_unit_test(another_domain_has_nothing_that_threads_remember),
		cmocka_unit_test(another_guest_has_nothing_that_threads_remember),
		cmocka_unit_test(a_right_is_remembered_that_was_asked_for),
		cmocka_unit_test(a_device_does_not_use_what_another_one_was_told),
		cmocka_unit_test(a_device_does_not_use_what_one_that_has_gone_was_told),
		cmocka_unit_test(a_write_that_is_remembered_is_marked_once_writes_are_tracked),
		/* The last: what happens is recorded from there on. */
		cmocka_unit_test(dma_of_a_started_device_is_looked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
