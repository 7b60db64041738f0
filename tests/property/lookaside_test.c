/* SPDX-License-Identifier: MIT */
/*
 * Translations of two threads, which each remember what they translated, against a naive list of
 * mappings: after every change of a table, of an attachment or of dirty tracking, and after domains
 * are gone and others have their addresses, both threads find what is mapped now.
 */
#include <semaphore.h>

#include "iommu/iommu.h"
#include "kit.h"
#include "random.h"

enum {
	DOMAINS = 3,
	ENDPOINTS = 2,
	MAPPINGS = 24, /* of a domain */
	STEPS = 8000,
	LOOK_UPS = 24, /* after each step, by each thread */
};

/* Where most is mapped; blocks of 1 GiB follow. */
#define SPACE (UINT64_C(4) << 30)
#define BUS   (UINT64_C(1) << 40)

struct mapping {
	uint64_t start, len, bus; /* len 0: none */
	unsigned int prot;
};

struct space {
	struct iommu_domain *domain;
	struct mapping mappings[MAPPINGS];
};

static struct iommu *iommu;
static struct space spaces[DOMAINS];
static struct {
	struct iommu_endpoint *endpoint;
	int space; /* -1: none */
} devices[ENDPOINTS];

static const struct mapping *find(const struct space *space, uint64_t iova)
{
	for (size_t i = 0; i < MAPPINGS; i++)
		if (iova - space->mappings[i].start < space->mappings[i].len)
			return &space->mappings[i];
	return NULL;
}

/* ---- the look-ups ---- */

/* An address near something that is, or was, mapped; @rng belongs to the thread. */
static uint64_t interesting_address(struct rng *rng)
{
	const struct mapping *m =
		&spaces[rng_below(rng, DOMAINS)].mappings[rng_below(rng, MAPPINGS)];
	const uint64_t page = UINT64_C(1) << 12;

	switch (rng_below(rng, 4)) {
	case 0:
		return m->start + rng_below(rng, 3) * page - page;
	case 1:
		return m->start + m->len + rng_below(rng, 2) * page - page;
	case 2:
		return m->len ? m->start + rng_below(rng, m->len) : rng_below(rng, SPACE);
	default:
		return rng_below(rng, SPACE);
	}
}

static void look_up(struct rng *rng)
{
	const size_t device = rng_below(rng, ENDPOINTS);
	const uint64_t iova = interesting_address(rng);
	const unsigned int prot = (unsigned int)rng_below(rng, 4);
	const struct mapping *m =
		devices[device].space < 0 ? NULL : find(&spaces[devices[device].space], iova);
	void *at = NULL;
	uint64_t bus, len = 0;
	const int rc = iommu_translate(devices[device].endpoint, NO_PASID, iova, prot, &at, &len);

	bus = (uintptr_t)at;
	if (!m) {
		assert_int_equal(rc, -ENOENT);
	} else if ((m->prot & prot) != prot) {
		assert_int_equal(rc, -EPERM);
	} else {
		assert_int_equal(rc, 0);
		assert_int_equal(bus, m->bus + (iova - m->start));
		/* Neighbours may continue it; then all of them do. */
		for (uint64_t end = iova + len - 1; end > iova; end -= (end - iova + 1) / 2) {
			const struct mapping *there = find(&spaces[devices[device].space], end);

			assert_non_null(there);
			assert_int_equal(there->bus + (end - there->start), bus + (end - iova));
		}
	}
}

static sem_t go, gone;
static bool ended;

static void *second_thread(void *unused)
{
	struct rng rng = rng_of(1);

	(void)unused;
	for (;;) {
		sem_wait(&go);
		if (ended)
			return NULL;
		for (unsigned int i = 0; i < LOOK_UPS; i++)
			look_up(&rng);
		sem_post(&gone);
	}
}

/* ---- the changes ---- */

static uint64_t random_len(void)
{
	static const uint64_t units[] = {1 << 12, 1 << 12, 1 << 16, 1 << 21, 1 << 30};
	const size_t i = random_below(5);

	return units[i] * (i < 4 ? 1 + random_below(9) : 1);
}

static bool is_free(const struct space *space, uint64_t start, uint64_t len)
{
	for (size_t i = 0; i < MAPPINGS; i++) {
		const struct mapping *other = &space->mappings[i];

		if (other->len && start < other->start + other->len && other->start < start + len)
			return false;
	}
	return true;
}

static void map_at(struct space *space, size_t slot, const struct mapping *m)
{
	if (!is_free(space, m->start, m->len))
		return;
	assert_int_equal(iommu_domain_map(space->domain, m->start, m->bus, m->len, m->prot, 0), 0);
	space->mappings[slot] = *m;
}

static void map(struct space *space, size_t slot)
{
	struct mapping m = {.len = random_len(), .prot = 3};
	const uint64_t align = m.len & -m.len;

	if (!random_below(4))
		m.prot = 1 + (unsigned int)random_below(2);
	m.start = random_below(SPACE - m.len) & ~(align - 1);
	/* Often as contiguous as the IOVA is, so that there are large leaves. */
	m.bus = BUS + (random_below(2) ? m.start : random_below(64) << 12);
	map_at(space, slot, &m);
}

/* One block of two mappings: the small one goes without the other. */
static void map_block(struct space *space)
{
	const uint64_t small = 1 << 21, size = 1 << 30, start = SPACE + random_below(4) * size;
	const struct mapping first = {start, size - small, BUS + start, 3};
	const struct mapping second = {start + size - small, small, BUS + start + size - small, 3};
	size_t slot = 0;

	while (slot + 1 < MAPPINGS && (space->mappings[slot].len || space->mappings[slot + 1].len))
		slot++;
	if (slot + 1 == MAPPINGS || !is_free(space, start, size))
		return;
	map_at(space, slot, &first);
	map_at(space, slot + 1, &second);
}

static void map_or_unmap(struct space *space)
{
	const size_t slot = random_below(MAPPINGS);
	struct mapping *m = &space->mappings[slot];

	if (!m->len) {
		map(space, slot);
		return;
	}
	assert_int_equal(iommu_domain_unmap(space->domain, m->start, m->len), m->len);
	iommu_domain_quiesce(space->domain);
	m->len = 0;
	if (random_below(2))
		map(space, slot);
}

static void attach(size_t device, int space)
{
	assert_int_equal(iommu_endpoint_set_domain(devices[device].endpoint, NO_PASID,
						   space < 0 ? NULL : spaces[space].domain),
			 0);
	devices[device].space = space;
}

static void create_space(struct space *space)
{
	memset(space, 0, sizeof(*space));
	assert_int_equal(iommu_domain_create(iommu, DOMAIN_DIRTY, NULL, &space->domain), 0);
}

static void destroy_space(int space)
{
	struct space *s = &spaces[space];

	for (size_t i = 0; i < ENDPOINTS; i++)
		if (devices[i].space == space)
			attach(i, -1);
	/* With what is mapped: nothing but the destruction says that it is gone. */
	iommu_domain_destroy(s->domain);
}

static void change(void)
{
	const int space = (int)random_below(DOMAINS);

	switch (random_below(20)) {
	case 0:
		destroy_space(space);
		create_space(&spaces[space]);
		break;
	case 1:
	case 2:
		attach(random_below(ENDPOINTS), (int)random_below(DOMAINS + 1) - 1);
		break;
	case 3:
		iommu_domain_set_dirty_tracking(spaces[space].domain, random_below(2));
		break;
	case 4:
		map_block(&spaces[space]);
		break;
	default:
		map_or_unmap(&spaces[space]);
	}
}

static void each_thread_finds_what_is_mapped_now(void **state)
{
	struct rng rng = rng_of(0);
	pthread_t thread;

	assert_int_equal(iommu_create(iommu_kind_find(*state), "iommu0", &iommu), 0);
	ended = false;
	for (size_t i = 0; i < DOMAINS; i++)
		create_space(&spaces[i]);
	for (size_t i = 0; i < ENDPOINTS; i++) {
		assert_int_equal(iommu_endpoint_create(iommu, "0000:00:01.0", &devices[i].endpoint),
				 0);
		devices[i].space = -1;
	}
	sem_init(&go, 0, 0);
	sem_init(&gone, 0, 0);
	assert_int_equal(pthread_create(&thread, NULL, second_thread, NULL), 0);
	for (unsigned int step = 0; step < STEPS; step++) {
		change();
		sem_post(&go);
		sem_wait(&gone);
		for (unsigned int i = 0; i < LOOK_UPS; i++)
			look_up(&rng);
	}
	ended = true;
	sem_post(&go);
	pthread_join(thread, NULL);
	for (int i = 0; i < DOMAINS; i++)
		destroy_space(i);
	for (size_t i = 0; i < ENDPOINTS; i++)
		iommu_endpoint_destroy(devices[i].endpoint);
	iommu_put(iommu);
}

/* ---- tables that are used again ---- */

enum {
	REGIONS = 400, /* of 2 MiB, with a table each */
	TURNS = 60,
	READERS = 2,
};

static struct iommu_endpoint *reader_endpoint;
static atomic_bool turns_over;
static atomic_bool found; /* a reader has found something */

/* Everything that is ever mapped leads from x to BUS + x, so another table's leaf is noticed. */
static void *reader(void *number)
{
	struct rng rng = rng_of((uintptr_t)number);

	while (!atomic_load(&turns_over)) {
		const uint64_t iova = rng_below(&rng, (uint64_t)REGIONS << 21);
		uint64_t len;
		void *bus;
		const int rc =
			iommu_translate(reader_endpoint, NO_PASID, iova, IOPT_READ, &bus, &len);

		assert_true(!rc || rc == -ENOENT);
		if (rc)
			continue;
		assert_int_equal((uintptr_t)bus, BUS + iova);
		atomic_store(&found, true);
	}
	return NULL;
}

/* Maps or unmaps every second region; emptied tables serve the others, once there are many. */
static void map_half(struct iommu_domain *domain, uint64_t first, bool map)
{
	for (uint64_t i = first; i < REGIONS; i += 2)
		if (map)
			assert_int_equal(iommu_domain_map(domain, i << 21, BUS + (i << 21), 1 << 21,
							  3, 1 << 12),
					 0);
		else
			assert_int_equal(iommu_domain_unmap(domain, i << 21, 1 << 21), 1 << 21);
}

static void no_thread_translates_by_a_table_that_serves_another(void **state)
{
	struct iommu_domain *domain;
	pthread_t threads[READERS];

	assert_int_equal(iommu_create(iommu_kind_find(*state), "iommu0", &iommu), 0);
	assert_int_equal(iommu_endpoint_create(iommu, "0000:00:01.0", &reader_endpoint), 0);
	assert_int_equal(iommu_domain_create(iommu, 0, NULL, &domain), 0);
	assert_int_equal(iommu_endpoint_set_domain(reader_endpoint, NO_PASID, domain), 0);
	atomic_store(&turns_over, false);
	atomic_store(&found, false);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, reader, (void *)i), 0);
	map_half(domain, 0, true);
	/* On a busy machine all turns may be over before a reader runs. */
	for (uint64_t turn = 0; turn < TURNS || !atomic_load(&found); turn++) {
		map_half(domain, turn % 2, false);
		map_half(domain, (turn + 1) % 2, true);
	}
	atomic_store(&turns_over, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(iommu_endpoint_set_domain(reader_endpoint, NO_PASID, NULL), 0);
	iommu_domain_destroy(domain);
	iommu_endpoint_destroy(reader_endpoint);
	iommu_put(iommu);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* Leaves of every power of two; and few sizes, of which many make a block. */
		cmocka_unit_test_prestate(each_thread_finds_what_is_mapped_now, "amd"),
		cmocka_unit_test_prestate(each_thread_finds_what_is_mapped_now, "intel"),
		cmocka_unit_test_prestate(no_thread_translates_by_a_table_that_serves_another,
					  "intel"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
