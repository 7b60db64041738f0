/* SPDX-License-Identifier: MIT */
/*
 * No DMA reaches memory after the UNMAP of it has returned, and none reaches other memory than its
 * IOVA is mapped to. Threads read and write by DMA, at random, in two IO address spaces, while one
 * maps and unmaps: areas lie in page tables of their own, which are retired and used again, and a
 * MAP takes whatever memory is free.
 *
 * Memory that is mapped holds a word that names its place, and is read to be that; beside it, one
 * that DMA writes. Memory that is free holds a canary in both, which is looked at before the memory
 * is used again.
 *
 * 	canary [DMAS [THREADS [KIND]]]
 *
 * Prints one line. A violation is told, and ends the program.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "../lib/page.h"
#include "../lib/random.h"
#include "iommu/iommu.h"

enum {
	SPACES = 2,
	PLACES = 64,	/* in a space, where something may be mapped */
	AREA_PAGES = 4, /* of each mapping */
	AREAS = 160,	/* of memory: more than there are places */
	MOST_THREADS = 16,
	BATCH = 1024, /* DMAs between two looks at whether it is enough */
	WRITE_OF = 4, /* one DMA of so many writes */
	AREA_OF = 16, /* one of so many others reads a whole area, leaf by leaf */
};

#define CANARY UINT64_C(0xdeadbeefdeadbeef)

/* The head of a page that is mapped, or free. */
struct page_words {
	uint64_t name;	  /* of the place; read by DMA */
	uint64_t written; /* by DMA: 0, or the name inverted */
};

static struct uiommufd *ctx;
static struct uiommufd_endpoint *devices[SPACES];
static uint32_t spaces[SPACES];
static char *memory;		    /* AREAS * AREA_PAGES pages */
static int area_of[SPACES][PLACES]; /* what is mapped; -1: nothing */
static bool in_use[AREAS];
static atomic_bool enough;
static _Atomic uint64_t dmas, reached;
static uint64_t wanted = 200000;

static void die(const char *what, uint64_t found, uint64_t expected)
{
	fprintf(stderr, "canary: %s: 0x%" PRIx64 " instead of 0x%" PRIx64 "\n", what, found,
		expected);
	_Exit(1);
}

static void check(int rc, const char *what)
{
	if (rc)
		die(what, (uint64_t)-rc, 0);
}

/* Each place is in a page table of its own, not at the same offset. */
static uint64_t iova_of(unsigned int place, unsigned int page)
{
	return UINT64_C(0x40000000) + place * UINT64_C(0x200000) +
	       (place % 3 * (AREA_PAGES + 1) + page) * PAGE;
}

static uint64_t name_of(unsigned int space, unsigned int place, unsigned int page)
{
	return UINT64_C(0x1111) << 48 | (uint64_t)space << 40 | place << 16 | page;
}

static struct page_words *words_of(int area, unsigned int page)
{
	return (void *)(memory + ((size_t)area * AREA_PAGES + page) * PAGE);
}

/* ---- DMA ---- */

/* A read that fails has read what it could. */
static bool read_area(unsigned int space, unsigned int place)
{
	static __thread char area[AREA_PAGES * PAGE];
	int rc;

	for (unsigned int page = 0; page < AREA_PAGES; page++)
		memset(area + page * PAGE, 0, sizeof(uint64_t));
	rc = uiommufd_dma_read(devices[space], UIOMMUFD_NO_PASID, iova_of(place, 0), area,
			       sizeof(area));
	for (unsigned int page = 0; page < AREA_PAGES; page++) {
		const uint64_t name = name_of(space, place, page);
		uint64_t word;

		memcpy(&word, area + page * PAGE, sizeof(word));
		if (word != name && (!rc || word))
			die("a read of an area by DMA", word, name);
	}
	return !rc;
}

static bool dma_once(struct rng *rng)
{
	const unsigned int space = (unsigned int)rng_below(rng, SPACES);
	const unsigned int place = (unsigned int)rng_below(rng, PLACES);
	const unsigned int page = (unsigned int)rng_below(rng, AREA_PAGES);
	const uint64_t iova = iova_of(place, page), name = name_of(space, place, page);
	uint64_t word = ~name;

	if (rng_below(rng, WRITE_OF) == 0)
		return !uiommufd_dma_write(devices[space], UIOMMUFD_NO_PASID,
					   iova + offsetof(struct page_words, written), &word,
					   sizeof(word));
	if (rng_below(rng, AREA_OF) == 0)
		return read_area(space, place);
	if (uiommufd_dma_read(devices[space], UIOMMUFD_NO_PASID, iova, &word, sizeof(word)))
		return false;
	if (word != name)
		die("a read by DMA", word, name);
	return true;
}

static void *do_dma(void *arg)
{
	struct rng rng = rng_of((uint64_t)(uintptr_t)arg);

	while (!atomic_load_explicit(&enough, memory_order_relaxed)) {
		uint64_t hits = 0;

		for (int i = 0; i < BATCH; i++)
			hits += dma_once(&rng);
		atomic_fetch_add(&reached, hits);
		if (atomic_fetch_add(&dmas, BATCH) + BATCH >= wanted)
			atomic_store(&enough, true);
	}
	return NULL;
}

/* ---- mapping ---- */

static void look_for_canaries(int area)
{
	for (unsigned int page = 0; page < AREA_PAGES; page++) {
		const volatile struct page_words *words = words_of(area, page);

		if (words->name != CANARY)
			die("memory that is free", words->name, CANARY);
		if (words->written != CANARY)
			die("memory that is free was written", words->written, CANARY);
	}
}

static void set_canaries(int area)
{
	for (unsigned int page = 0; page < AREA_PAGES; page++)
		*(volatile struct page_words *)words_of(area, page) =
			(struct page_words){CANARY, CANARY};
}

static void map(unsigned int space, unsigned int place, int area)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = spaces[space],
		.user_va = (uintptr_t)words_of(area, 0),
		.length = AREA_PAGES * PAGE,
		.iova = iova_of(place, 0),
	};

	look_for_canaries(area);
	for (unsigned int page = 0; page < AREA_PAGES; page++)
		*words_of(area, page) = (struct page_words){name_of(space, place, page), 0};
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&cmd), "MAP");
	area_of[space][place] = area;
	in_use[area] = true;
}

static void unmap(unsigned int space, unsigned int place)
{
	const int area = area_of[space][place];
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = spaces[space],
		.iova = iova_of(place, 0),
		.length = AREA_PAGES * PAGE,
	};

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_UNMAP, (uintptr_t)&cmd), "UNMAP");
	for (unsigned int page = 0; page < AREA_PAGES; page++) {
		const uint64_t written = words_of(area, page)->written;
		const uint64_t expected = ~name_of(space, place, page);

		if (written && written != expected)
			die("what DMA wrote", written, expected);
	}
	set_canaries(area);
	area_of[space][place] = -1;
	in_use[area] = false;
}

static int free_area(struct rng *rng)
{
	int area;

	do
		area = (int)rng_below(rng, AREAS);
	while (in_use[area]);
	return area;
}

/* Returns how many MAPs and UNMAPs there were. */
static uint64_t map_and_unmap(void)
{
	struct rng rng = rng_of(0);
	uint64_t calls = 0;

	for (; !atomic_load_explicit(&enough, memory_order_relaxed); calls++) {
		const unsigned int space = (unsigned int)rng_below(&rng, SPACES);
		const unsigned int place = (unsigned int)rng_below(&rng, PLACES);

		if (area_of[space][place] >= 0)
			unmap(space, place);
		else
			map(space, place, free_area(&rng));
	}
	return calls;
}

/* ---- setting up ---- */

/* Half of the DMAs find nothing mapped, which is no news. */
static void ignore_fault(struct iommu_endpoint *endpoint, const struct dma_fault *fault)
{
	(void)endpoint;
	(void)fault;
}

static void set_up(const char *kind)
{
	struct uiommufd_iommu *iommu;

	memory = mmap(NULL, (size_t)AREAS * AREA_PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(memory == MAP_FAILED ? -12 : 0, "memory");
	for (int area = 0; area < AREAS; area++)
		set_canaries(area);
	memset(area_of, -1, sizeof(area_of));
	iommu_set_fault_reporter(ignore_fault);
	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create(kind, "iommu", &iommu), "IOMMU");
	for (int i = 0; i < SPACES; i++) {
		struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};
		uint32_t id, pt_id;

		check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&cmd), "IOAS_ALLOC");
		spaces[i] = pt_id = cmd.out_ioas_id;
		check(uiommufd_endpoint_create(iommu, i ? "second" : "first", &devices[i]),
		      "endpoint");
		check(uiommufd_endpoint_bind(devices[i], ctx, &id), "bind");
		check(uiommufd_endpoint_attach(devices[i], UIOMMUFD_NO_PASID, &pt_id), "attach");
	}
	uiommufd_iommu_put(iommu);
}

int main(int argc, char **argv)
{
	pthread_t threads[MOST_THREADS];
	unsigned long count = 2;
	uint64_t calls;

	if (argc > 1)
		wanted = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		count = strtoul(argv[2], NULL, 0);
	if (!wanted || !count || count > MOST_THREADS) {
		fprintf(stderr, "usage: canary [DMAS [THREADS, at most %d [KIND]]]\n",
			MOST_THREADS);
		return 2;
	}
	set_up(argc > 3 ? argv[3] : "intel");
	for (unsigned long i = 0; i < count; i++)
		check(-pthread_create(&threads[i], NULL, do_dma, (void *)(i + 1)), "thread");
	calls = map_and_unmap();
	for (unsigned long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (int area = 0; area < AREAS; area++)
		if (!in_use[area])
			look_for_canaries(area);
	printf("%" PRIu64 " DMAs, %" PRIu64 " of which reached memory, beside %" PRIu64
	       " MAPs and UNMAPs: no violation\n",
	       atomic_load(&dmas), atomic_load(&reached), calls);
	for (int i = 0; i < SPACES; i++)
		uiommufd_endpoint_destroy(devices[i]);
	uiommufd_close(ctx);
	munmap(memory, (size_t)AREAS * AREA_PAGES * PAGE);
	return 0;
}
