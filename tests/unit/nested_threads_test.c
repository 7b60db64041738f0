/* SPDX-License-Identifier: MIT */
/*
 * DMA through both stages while the guest changes its tables and invalidates, the VMM maps and
 * unmaps, and the device moves from one table to another: once an invalidation, an unmap or a
 * detach has returned, no DMA reaches what was there.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>
#include <urcu-bp.h>

#include "base/gate.h"
#include "kit.h"

enum {
	PAGES = 64,
	READERS = 2,
	ROUNDS = 400,
	FORKS = 20,
	GOOD = 0x600d,
	POISON = 0xbad,
};

#define IOVA UINT64_C(0x7f0000000000)

struct test {
	struct guest *guest;
	uint64_t root;
	uint64_t pages[2];
	uint64_t *entry;
	atomic_bool stop;
	atomic_uint hits, misses;
	unsigned int forks;
};

static enum dma_fault_action ignore(struct iommu_endpoint *endpoint, const struct dma_fault *fault,
				    void *arg)
{
	(void)endpoint;
	(void)fault;
	(void)arg;
	return DMA_FAULT_FAIL;
}

static uint64_t leaf_of(const struct test *t, int i)
{
	return t->pages[i] | X86_ALL;
}

static struct test *create(void)
{
	struct test *t = calloc(1, sizeof(*t));
	struct nested_config config = {.format = NESTED_VTD, .vtd.addr_width = 48};

	assert_non_null(t);
	t->guest = guest_create("intel", PAGES);
	iommu_endpoint_set_fault_handler(t->guest->device, ignore, NULL);
	t->root = guest_alloc(t->guest, 1);
	for (int i = 0; i < 2; i++) {
		t->pages[i] = guest_alloc(t->guest, 1);
		*guest_word(t->guest, t->pages[i]) = GOOD;
	}
	t->entry = guest_map_x86(t->guest, t->root, IOVA, 0, leaf_of(t, 0));
	config.vtd.pgtbl_addr = t->root;
	guest_attach(t->guest, &config);
	return t;
}

static void destroy(struct test *t)
{
	guest_destroy(t->guest);
	free(t);
}

static void *reader(void *arg)
{
	struct test *t = arg;

	while (!atomic_load(&t->stop)) {
		uint64_t value = GOOD;

		if (guest_read(t->guest, 0, IOVA, &value))
			atomic_fetch_add(&t->misses, 1);
		else
			atomic_fetch_add(&t->hits, 1);
		if (value != GOOD)
			abort();
	}
	return NULL;
}

static void *writer(void *arg)
{
	struct test *t = arg;

	while (!atomic_load(&t->stop))
		(void)guest_write(t->guest, 0, IOVA + 8, GOOD);
	return NULL;
}

/* Memory that no DMA may reach any more must keep its content. */
static void poison(struct test *t, int i)
{
	volatile uint64_t *page = guest_word(t->guest, t->pages[i]);

	page[0] = POISON;
	page[1] = POISON;
	sched_yield();
	assert_int_equal(page[1], POISON);
	page[0] = GOOD;
	page[1] = GOOD;
}

static void run(void (*round)(struct test *t, int i))
{
	struct test *t = create();
	pthread_t threads[READERS + 1];

	for (int i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, t), 0);
	assert_int_equal(pthread_create(&threads[READERS], NULL, writer, t), 0);
	for (int i = 0; i < ROUNDS || !atomic_load(&t->hits); i++)
		round(t, i & 1);
	atomic_store(&t->stop, true);
	for (int i = 0; i <= READERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	destroy(t);
}

static void change_table(struct test *t, int i)
{
	const struct tlb_match match = {
		.domain = t->guest->nested,
		.by_range = true,
		.range = {IOVA, IOVA + PAGE - 1},
	};

	__atomic_store_n(t->entry, leaf_of(t, !i), __ATOMIC_RELEASE);
	if (i)
		iommu_tlb_invalidate(t->guest->device, &match);
	else
		iommu_tlb_invalidate_parent(t->guest->parent, &match);
	poison(t, i);
}

static void change_parent(struct test *t, int i)
{
	(void)i;
	guest_unmap(t->guest, t->pages[0]);
	poison(t, 0);
	guest_map_page(t->guest, guest_page_of(t->pages[0]), GUEST_RW);
}

static void change_domain(struct test *t, int i)
{
	struct nested_config config = {.format = NESTED_VTD, .vtd.addr_width = 48};

	(void)i;
	config.vtd.pgtbl_addr = t->root;
	guest_detach(t->guest);
	poison(t, 0);
	guest_attach(t->guest, &config);
}

static void no_dma_reaches_what_was_invalidated(void **state)
{
	(void)state;
	run(change_table);
}

static void no_dma_reaches_what_was_unmapped_from_the_parent(void **state)
{
	(void)state;
	run(change_parent);
}

static void no_dma_reaches_what_was_detached(void **state)
{
	(void)state;
	run(change_domain);
}

static void fork_once(struct test *t, int i)
{
	const struct tlb_match match = {.domain = t->guest->nested};
	int status;
	pid_t child;

	if (i || t->forks++ >= FORKS)
		return;
	urcu_bp_before_fork();
	child = fork();
	if (!child) {
		urcu_bp_after_fork_child();
		gate_after_fork();
		iommu_after_fork();
		alarm(10);
		/* Would wait for ever for a thread that was storing an entry. */
		iommu_tlb_invalidate(t->guest->device, &match);
		iommu_endpoint_set_fault_handler(t->guest->device, NULL, NULL);
		_exit(0);
	}
	urcu_bp_after_fork_parent();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void a_child_does_not_wait_for_threads_that_it_does_not_have(void **state)
{
	(void)state;
	run(fork_once);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_dma_reaches_what_was_invalidated),
		cmocka_unit_test(no_dma_reaches_what_was_unmapped_from_the_parent),
		cmocka_unit_test(no_dma_reaches_what_was_detached),
		cmocka_unit_test(a_child_does_not_wait_for_threads_that_it_does_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
