/* SPDX-License-Identifier: MIT */
/*
 * The user API from several threads at once: mapping, copying, attaching, DMA and destroying what
 * others use. What is looked for are races (the build with ThreadSanitizer), deadlocks (the
 * timeout) and DMA that reaches memory after its UNMAP returned.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/log.h"
#include "kit.h"

enum {
	THREADS = 4,
	ROUNDS = 300,
	SLOTS = 16,
};

#define IOVA UINT64_C(0x10000000)

struct worker {
	pthread_t thread;
	struct fixture *f;
	uint32_t ioas[2];
	struct rng rng;
	int index;
	int failures;
};

static void expect(struct worker *w, int rc, int allowed1, int allowed2, int allowed3)
{
	if (rc && rc != allowed1 && rc != allowed2 && rc != allowed3)
		w->failures++;
}

/* Maps and unmaps slots that all threads fight for. */
static void churn(struct worker *w)
{
	uint32_t ioas = w->ioas[rng_below(&w->rng, 2)];
	uint64_t slot = rng_below(&w->rng, SLOTS), iova = IOVA + slot * PAGE;

	switch (rng_below(&w->rng, 4)) {
	case 0:
	case 1:
		expect(w, fixture_map(w->f, ioas, iova, slot * PAGE, PAGE, FIXTURE_RW), -EEXIST, 0,
		       0);
		break;
	case 2:
		expect(w, fixture_unmap(w->f, ioas, iova, PAGE), -ENOENT, -EBUSY, 0);
		break;
	default: {
		struct iommu_ioas_copy cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | FIXTURE_RW,
			.dst_ioas_id = w->ioas[0],
			.src_ioas_id = w->ioas[1],
			.length = PAGE,
			.dst_iova = iova,
			.src_iova = iova,
		};

		expect(w, fixture_call(w->f, IOMMU_IOAS_COPY, &cmd), -ENOENT, -EEXIST, 0);
		break;
	}
	}
}

/* Objects that come and go beside those in use. */
static void objects(struct worker *w)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	uint32_t hwpt;

	if (fixture_call(w->f, IOMMU_IOAS_ALLOC, &alloc))
		return;
	expect(w, fixture_map(w->f, alloc.out_ioas_id, IOVA, 0, 4 * PAGE, FIXTURE_RW), 0, 0, 0);
	expect(w, fixture_hwpt(w->f, 0, alloc.out_ioas_id, 0, &hwpt), 0, 0, 0);
	expect(w, fixture_object_destroy(w->f, hwpt), 0, 0, 0);
	expect(w, fixture_object_destroy(w->f, alloc.out_ioas_id), 0, 0, 0);
}

static void *mapper(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < ROUNDS; i++) {
		churn(w);
		if (i % 16 == 0)
			objects(w);
	}
	return NULL;
}

/* One device that moves between the two address spaces, and does DMA as it goes. */
static void *mover(void *arg)
{
	struct worker *w = arg;
	char bytes[64];

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t pt_id = w->ioas[i % 2];
		void *addr;

		if (i % 7 == 6)
			uiommufd_endpoint_detach(w->f->devices[w->index], UIOMMUFD_NO_PASID);
		else
			expect(w, fixture_attach(w->f, w->index, UIOMMUFD_NO_PASID, &pt_id), 0, 0,
			       0);
		for (uint64_t slot = 0; slot < SLOTS; slot++) {
			uint64_t iova = IOVA + slot * PAGE;

			if (!uiommufd_translate(w->f->devices[w->index], 0, iova,
						UIOMMUFD_PROT_READ, &addr, NULL))
				uiommufd_dma_read(w->f->devices[w->index], 0, iova, bytes,
						  sizeof(bytes));
		}
	}
	return NULL;
}

static void threads_share_one_context(void **state)
{
	struct fixture *f = fixture_create("amd", SLOTS);
	struct worker workers[THREADS];
	uint32_t a = fixture_ioas(f), b = fixture_ioas(f);

	(void)state;
	memset(f->buffer, 1, f->buffer_size);
	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.f = f,
			.ioas = {a, b},
			.rng = rng_of((uint64_t)i),
			.index = i % 2,
		};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, i < 2 ? mover : mapper,
						&workers[i]),
				 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].failures, 0);
	}
	fixture_destroy(f);
}

struct reader {
	struct fixture *f;
	atomic_bool stop;
	atomic_int torn;
};

/* Reads a page that is always filled with one value while it is mapped. */
static void *read_page(void *arg)
{
	struct reader *r = arg;
	unsigned char page[PAGE];

	while (!atomic_load(&r->stop)) {
		void *addr;

		if (uiommufd_translate(r->f->devices[0], 0, IOVA, UIOMMUFD_PROT_READ, &addr, NULL))
			continue;
		if (uiommufd_dma_read(r->f->devices[0], 0, IOVA, page, sizeof(page)))
			continue;
		for (int i = 1; i < PAGE; i++) {
			if (page[i] != page[0])
				atomic_fetch_add(&r->torn, 1);
		}
	}
	return NULL;
}

static void no_dma_reaches_memory_after_its_unmap(void **state)
{
	struct reader r = {.f = fixture_create("amd", 4)};
	uint32_t ioas = fixture_ioas(r.f), pt_id = ioas;
	pthread_t thread;

	(void)state;
	assert_int_equal(fixture_attach(r.f, 0, 0, &pt_id), 0);
	assert_int_equal(pthread_create(&thread, NULL, read_page, &r), 0);
	for (int round = 0; round < 2000; round++) {
		memset(r.f->buffer, round & 0xff, PAGE);
		assert_int_equal(fixture_map(r.f, ioas, IOVA, 0, PAGE, FIXTURE_RW), 0);
		assert_int_equal(fixture_unmap(r.f, ioas, IOVA, PAGE), 0);
	}
	atomic_store(&r.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&r.torn), 0);
	fixture_destroy(r.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_share_one_context),
		cmocka_unit_test(no_dma_reaches_memory_after_its_unmap),
	};

	/* DMA to unmapped slots is expected; its messages are not worth reading. */
	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
