/* SPDX-License-Identifier: MIT */
/*
 * uiommufd_translate() through the shared library that users link, beside structures that only
 * translate: a flat array of two levels (the least that a look-up can cost), a sorted array with
 * binary search, and a hash of pages. They know no rights, no second address space and no unmap
 * beside them.
 *
 * Three working sets: 1,000 mappings of 4 KiB in order, 1,000,000 at random, and the memory of a
 * virtual machine (64 mappings of 1 GiB) at random. All mappings of 4 KiB lead to one page, and all
 * of 1 GiB to one GiB, which the tables do not notice.
 *
 * Each is measured in two ways. "In a chain" the address of a look-up depends on the result of the
 * one before: the time until an answer is there, which is what a request waits for. "Side by side"
 * the addresses are known in advance: the processor works on as many look-ups at once as fit in its
 * window, which shows how many instructions they have.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "../tests/lib/random.h"
#include "bench.h"

#define PAGE	  UINT64_C(4096)
#define GIB	  (UINT64_C(1) << 30)
#define IOVA_BASE (UINT64_C(1) << 32)
#define NEVER_SET (UINT64_C(1) << 63) /* in an address of memory */

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
	INNER_BITS = 9, /* as a page table: the entries of one table */
	OPERATIONS = 1000000,
	EMPTY = -1,
};

/* A working set: @count mappings of @size bytes, side by side from IOVA_BASE on. */
struct set {
	const char *name;
	uint64_t count, size;
	double bar;	 /* over the flat array */
	double most_ns;	 /* side by side; 0: no bar */
	uint64_t *order; /* OPERATIONS addresses to look up */
	struct uiommufd_endpoint *device;
	uint64_t **flat;
	uint64_t *starts, *buses; /* sorted */
	struct {
		uint64_t page, bus;
	} * slots; /* open addressing, half full */
	uint64_t mask;
	char *memory;
};

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "translate_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void *must(void *memory)
{
	if (!memory)
		check(-12, "allocate");
	return memory;
}

/* ---- the others ---- */

static void build_flat(struct set *s)
{
	const uint64_t inner = UINT64_C(1) << INNER_BITS;

	s->flat = must(calloc(s->count / inner + 1, sizeof(*s->flat)));
	for (uint64_t i = 0; i < s->count; i++) {
		uint64_t **table = &s->flat[i / inner];

		if (!*table)
			*table = must(calloc(inner, sizeof(**table)));
		(*table)[i % inner] = (uintptr_t)s->memory;
	}
}

static void build_sorted(struct set *s)
{
	s->starts = must(calloc(s->count, sizeof(*s->starts)));
	s->buses = must(calloc(s->count, sizeof(*s->buses)));
	for (uint64_t i = 0; i < s->count; i++) {
		s->starts[i] = IOVA_BASE + i * s->size;
		s->buses[i] = (uintptr_t)s->memory;
	}
}

static uint64_t hash(uint64_t number)
{
	return number * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static void build_hash(struct set *s)
{
	s->mask = 1;
	while (s->mask < s->count * 2)
		s->mask *= 2;
	s->mask--;
	s->slots = must(malloc((s->mask + 1) * sizeof(*s->slots)));
	memset(s->slots, EMPTY, (s->mask + 1) * sizeof(*s->slots));
	for (uint64_t i = 0; i < s->count; i++) {
		const uint64_t number = (IOVA_BASE + i * s->size) / s->size;
		uint64_t at = hash(number) & s->mask;

		while (s->slots[at].page != (uint64_t)EMPTY)
			at = (at + 1) & s->mask;
		s->slots[at].page = number;
		s->slots[at].bus = (uintptr_t)s->memory;
	}
}

/*
 * The @i-th address to look up, after @bus was found. In a chain it needs a bit of @bus, which is
 * always 0, but the processor has to wait for it.
 */
static ALWAYS_INLINE uint64_t next_iova(const struct set *s, uint64_t i, uint64_t bus, bool chain)
{
	return s->order[i] + (chain ? bus & NEVER_SET : 0);
}

static ALWAYS_INLINE void look_up_flat(const struct set *s, uint64_t ops, bool chain)
{
	const unsigned int shift = (unsigned int)__builtin_ctzll(s->size);
	uint64_t bus = 0;

	for (uint64_t i = 0; i < ops; i++) {
		const uint64_t iova = next_iova(s, i, bus, chain) - IOVA_BASE;

		bus = s->flat[iova >> shift >> INNER_BITS][(iova >> shift) % (1 << INNER_BITS)] +
		      (iova & (s->size - 1));
		bench_use(bus);
	}
}

static ALWAYS_INLINE void look_up_sorted(const struct set *s, uint64_t ops, bool chain)
{
	uint64_t bus = 0;

	for (uint64_t i = 0; i < ops; i++) {
		const uint64_t iova = next_iova(s, i, bus, chain);
		uint64_t low = 0, high = s->count;

		while (high - low > 1) {
			const uint64_t middle = (low + high) / 2;

			if (s->starts[middle] <= iova)
				low = middle;
			else
				high = middle;
		}
		bus = s->buses[low] + (iova - s->starts[low]);
		bench_use(bus);
	}
}

static ALWAYS_INLINE void look_up_hash(const struct set *s, uint64_t ops, bool chain)
{
	const unsigned int shift = (unsigned int)__builtin_ctzll(s->size);
	uint64_t bus = 0;

	for (uint64_t i = 0; i < ops; i++) {
		const uint64_t iova = next_iova(s, i, bus, chain), number = iova >> shift;
		uint64_t at = hash(number) & s->mask;

		while (s->slots[at].page != number)
			at = (at + 1) & s->mask;
		bus = s->slots[at].bus + (iova & (s->size - 1));
		bench_use(bus);
	}
}

/* ---- ours ---- */

static ALWAYS_INLINE void look_up(const struct set *s, uint64_t ops, bool chain)
{
	void *addr = NULL;

	for (uint64_t i = 0; i < ops; i++) {
		check(uiommufd_translate(s->device, UIOMMUFD_NO_PASID,
					 next_iova(s, i, (uintptr_t)addr, chain),
					 UIOMMUFD_PROT_READ, &addr, NULL),
		      "translate");
		bench_use((uintptr_t)addr);
	}
}

static void map_set(struct uiommufd *ctx, const struct set *s)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.user_va = (uintptr_t)s->memory,
		.length = s->size,
	};
	uint32_t id;

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc), "IOAS_ALLOC");
	map.ioas_id = id = alloc.out_ioas_id;
	check(uiommufd_endpoint_attach(s->device, UIOMMUFD_NO_PASID, &id), "attach");
	for (uint64_t i = 0; i < s->count; i++) {
		map.iova = IOVA_BASE + i * s->size;
		check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&map), "IOAS_MAP");
	}
}

/* ---- the two ways ---- */

enum way {
	CHAIN,
	SIDE_BY_SIDE,
	WAYS,
};

static const char *const way_names[WAYS] = {"in a chain", "side by side"};

typedef void (*look_up_fn)(void *arg, uint64_t ops);

#define BOTH_WAYS(name)                                   \
	static void name##_chain(void *arg, uint64_t ops) \
	{                                                 \
		name(arg, ops, true);                     \
	}                                                 \
	static void name##_side(void *arg, uint64_t ops)  \
	{                                                 \
		name(arg, ops, false);                    \
	}                                                 \
	static const look_up_fn name##_ways[WAYS] = {name##_chain, name##_side};

BOTH_WAYS(look_up_flat)
BOTH_WAYS(look_up_sorted)
BOTH_WAYS(look_up_hash)
BOTH_WAYS(look_up)

static struct bench_pair pair_with_flat(struct set *s, enum way way, const look_up_fn *ways)
{
	const struct bench_case first = {
		.body = look_up_flat_ways[way], .arg = s, .ops = OPERATIONS};
	const struct bench_case second = {.body = ways[way], .arg = s, .ops = OPERATIONS};

	return bench_pair(&first, &second);
}

static void compare_one_way(struct set *s, enum way way)
{
	struct bench_pair ours, other;
	char title[80], name[128];

	snprintf(title, sizeof(title), "%s, %s", s->name, way_names[way]);
	bench_table(title);
	ours = pair_with_flat(s, way, look_up_ways);
	bench_row("flat array of two levels", ours.first, ours.first);
	other = pair_with_flat(s, way, look_up_sorted_ways);
	bench_row("sorted array, binary search", other.second, ours.first);
	other = pair_with_flat(s, way, look_up_hash_ways);
	bench_row("hash of pages", other.second, ours.first);
	bench_row("uiommufd_translate()", ours.second, ours.first);
	snprintf(name, sizeof(name), "%s: over the flat array", title);
	bench_at_most(name, ours.ratio, s->bar, "x");
	if (way == SIDE_BY_SIDE && s->most_ns > 0) {
		snprintf(name, sizeof(name), "%s: translation", title);
		bench_at_most(name, ours.second.min, s->most_ns, " ns");
	}
}

static void compare(struct uiommufd *ctx, struct set *s, bool random)
{
	struct rng rng = rng_of(s->count);

	s->order = must(calloc(OPERATIONS, sizeof(*s->order)));
	for (uint64_t i = 0; i < OPERATIONS; i++) {
		const uint64_t mapping = random ? rng_below(&rng, s->count) : i % s->count;

		s->order[i] = IOVA_BASE + mapping * s->size + rng_below(&rng, s->size) / 8 * 8;
	}
	s->memory = mmap(NULL, s->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->memory == MAP_FAILED)
		check(-12, "mmap");
	(void)madvise(s->memory, s->size, MADV_HUGEPAGE);
	build_flat(s);
	build_sorted(s);
	build_hash(s);
	map_set(ctx, s);
	compare_one_way(s, CHAIN);
	compare_one_way(s, SIDE_BY_SIDE);
}

int main(void)
{
	struct set sets[] = {
		{.name = "1,000 mappings of 4 KiB, in order",
		 .count = 1000,
		 .size = PAGE,
		 .bar = 2,
		 .most_ns = 5},
		{.name = "1,000,000 mappings of 4 KiB, at random",
		 .count = 1000000,
		 .size = PAGE,
		 .bar = 1.3},
		{.name = "64 mappings of 1 GiB, at random",
		 .count = 64,
		 .size = GIB,
		 .bar = 2,
		 .most_ns = 3},
	};
	struct uiommufd_iommu *iommu;
	struct uiommufd *ctx;
	uint32_t dev_id;

	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create("intel", "vtd0", &iommu), "create an IOMMU");
	for (unsigned int i = 0; i < 3; i++) {
		char name[16];

		snprintf(name, sizeof(name), "0000:00:0%u.0", i + 1);
		check(uiommufd_endpoint_create(iommu, name, &sets[i].device), "create a device");
		check(uiommufd_endpoint_bind(sets[i].device, ctx, &dev_id), "bind");
		compare(ctx, &sets[i], i > 0);
	}
	return 0;
}
