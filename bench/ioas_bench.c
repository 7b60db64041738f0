/* SPDX-License-Identifier: MIT */
/*
 * The user API at 1,000 and 1,000,000 mappings of 4 KiB: MAP, UNMAP, COPY and translation through
 * uiommufd_ioctl() as a program calls it, with a device attached, so that every mapping is pinned
 * and in its page table.
 *
 * Compared within the run, in turns: the larger count with the smaller, which is the bar; and
 * populating the memory alone (the system call that a MAP cannot do without). Ascending order is
 * what most programs do. Random order is the hard case: at the larger count every line of memory
 * that is touched comes from beyond the caches, and the mapping's own record can be fetched only
 * when the index that says where it is has arrived. How long one such fetch takes here is in the
 * table, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <uiommufd/caller.h>
#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "../tests/lib/page.h"
#include "../tests/lib/random.h"
#include "base/sys.h"
#include "bench.h"

enum {
	BUFFER_PAGES = 65536, /* mapped over and over: each MAP is a source of its own */
	MANY = 1000000,
	FEW = 1000,
	BATCH = 500, /* operations between two kinds, at most FEW */
	CHASES = 100000,
	LINE = 64,
	HUGE_PAGE = 2 << 20,
	CHAIN_SIZE = 128 << 20,
};

#define IOVA_BASE UINT64_C(0x100000000000)

/* The gap between two mappings is large enough for the COPY of one. */
#define IOVA_STEP UINT64_C(0x2000)

struct space {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *device;
	uint32_t ioas;
	char *buffer;
	uint32_t *order; /* a permutation of [0, count) */
	uint32_t count;
	uint32_t position;
	size_t resident; /* bytes that the mappings made the process grow by */
};

static void die(const char *what, int rc)
{
	fprintf(stderr, "ioas_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void call(struct space *space, unsigned int cmd, void *arg, const char *what)
{
	int rc = uiommufd_ioctl(space->ctx, NULL, cmd, (uintptr_t)arg);

	if (rc)
		die(what, rc);
}

static uint32_t new_ioas(struct space *space)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	call(space, IOMMU_IOAS_ALLOC, &cmd, "IOAS_ALLOC");
	return cmd.out_ioas_id;
}

static uint64_t iova_of(uint32_t slot)
{
	return IOVA_BASE + slot * IOVA_STEP;
}

static void map_at(struct space *space, uint32_t slot)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = space->ioas,
		.user_va = (uintptr_t)space->buffer + (uint64_t)(slot % BUFFER_PAGES) * PAGE,
		.length = PAGE,
		.iova = iova_of(slot),
	};

	call(space, IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
}

static void unmap_at(struct space *space, uint64_t iova)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = space->ioas,
		.iova = iova,
		.length = PAGE,
	};

	call(space, IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
}

static void ascend(uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
}

/* Permutes the current order; always the same permutation. */
static void shuffle_again(uint32_t *order, uint32_t count)
{
	struct rng rng = {.state = 1};

	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(rng_below(&rng, i + 1)), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
}

static void shuffle(uint32_t *order, uint32_t count)
{
	ascend(order, count);
	shuffle_again(order, count);
}

/* Memory that the process has: its page tables for devices, its pools, its heap. */
static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	if (!file || fscanf(file, "%*u %zu", &pages) != 1)
		die("/proc/self/statm", -5);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void attach(struct space *space)
{
	uint32_t dev_id, pt_id = space->ioas;
	int rc;

	rc = uiommufd_iommu_create("amd", "amd0", &space->iommu);
	if (!rc)
		rc = uiommufd_endpoint_create(space->iommu, "bench", &space->device);
	if (!rc)
		rc = uiommufd_endpoint_bind(space->device, space->ctx, &dev_id);
	if (!rc)
		rc = uiommufd_endpoint_attach(space->device, UIOMMUFD_NO_PASID, &pt_id);
	if (rc)
		die("attach", rc);
}

static void space_open(struct space *space, uint32_t count,
		       void (*arrange)(uint32_t *order, uint32_t count))
{
	int rc;

	memset(space, 0, sizeof(*space));
	space->count = count;
	space->order = malloc(count * sizeof(space->order[0]));
	space->buffer = mmap(NULL, (size_t)BUFFER_PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (!space->order || space->buffer == MAP_FAILED)
		die("memory", -12);
	rc = uiommufd_open(NULL, &space->ctx);
	if (rc)
		die("open", rc);
	space->ioas = new_ioas(space);
	attach(space);
	arrange(space->order, count);
	space->resident = resident_bytes();
	for (uint32_t i = 0; i < count; i++)
		map_at(space, space->order[i]);
	space->resident = resident_bytes() - space->resident;
}

static void space_close(struct space *space)
{
	uiommufd_endpoint_destroy(space->device);
	uiommufd_close(space->ctx);
	uiommufd_iommu_put(space->iommu);
	munmap(space->buffer, (size_t)BUFFER_PAGES * PAGE);
	free(space->order);
}

static uint32_t next_slot(struct space *space, uint64_t offset)
{
	return space->order[(space->position + offset) % space->count];
}

static void do_unmap(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		unmap_at(space, iova_of(next_slot(space, i)));
}

static void do_map(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++)
		map_at(space, next_slot(space, i));
}

static void do_map_auto(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++) {
		struct iommu_ioas_map cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_READABLE,
			.ioas_id = space->ioas,
			.user_va = (uintptr_t)space->buffer + (i % BUFFER_PAGES) * PAGE,
			.length = PAGE,
		};

		call(space, IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
		bench_use(cmd.iova);
	}
}

static void do_copy(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++) {
		uint64_t iova = iova_of(next_slot(space, i));
		struct iommu_ioas_copy cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.dst_ioas_id = space->ioas,
			.src_ioas_id = space->ioas,
			.length = PAGE,
			.dst_iova = iova + PAGE,
			.src_iova = iova,
		};

		call(space, IOMMU_IOAS_COPY, &cmd, "IOAS_COPY");
	}
}

static void do_translate(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++) {
		void *addr;

		if (uiommufd_translate(space->device, UIOMMUFD_NO_PASID,
				       iova_of(next_slot(space, i)), UIOMMUFD_PROT_READ, &addr,
				       NULL))
			die("translate", -2);
		bench_use((uintptr_t)addr);
	}
}

static void do_populate(void *arg, uint64_t ops)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < ops; i++) {
		uint64_t page = next_slot(space, i) % BUFFER_PAGES;

		if (madvise(space->buffer + page * PAGE, PAGE, MADV_POPULATE_WRITE))
			die("madvise", -22);
	}
}

static void undo_map_auto(void *arg)
{
	struct space *space = arg;
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = space->ioas,
		.length = IOVA_BASE,
	};

	call(space, IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
}

static void undo_copy(void *arg)
{
	struct space *space = arg;

	for (uint64_t i = 0; i < BATCH; i++)
		unmap_at(space, iova_of(next_slot(space, i)) + PAGE);
	space->position += BATCH;
}

static void redo_map(void *arg)
{
	struct space *space = arg;

	do_map(arg, BATCH);
	space->position += BATCH;
}

static void setup_map(void *arg)
{
	do_unmap(arg, BATCH);
}

static void advance(void *arg)
{
	struct space *space = arg;

	space->position += BATCH;
}

struct operation {
	const char *name;
	struct bench_case bench;
	double bar; /* times its cost at the smaller count; 0: none */
};

static const struct operation operations[] = {
	{"populate one page (madvise)", {.body = do_populate, .teardown = advance}, 0},
	{"MAP 4K, fixed IOVA", {.setup = setup_map, .body = do_map, .teardown = advance}, 2},
	{"UNMAP 4K", {.body = do_unmap, .teardown = redo_map}, 2},
	{"MAP 4K, automatic IOVA", {.body = do_map_auto, .teardown = undo_map_auto}, 2},
	{"COPY 4K, fixed IOVA", {.body = do_copy, .teardown = undo_copy}, 2},
	{"translate", {.body = do_translate, .teardown = advance}, 0},
};

enum {
	OPERATIONS = sizeof(operations) / sizeof(operations[0])
};

static struct bench_case case_of(const struct operation *operation, struct space *space)
{
	struct bench_case bench = operation->bench;

	bench.arg = space;
	bench.ops = BATCH;
	return bench;
}

static void compare_operation(const struct operation *operation, const char *order,
			      struct space *few, struct space *many)
{
	const struct bench_case at_few = case_of(operation, few),
				at_many = case_of(operation, many);
	struct bench_pair pair = bench_pair(&at_few, &at_many);
	char name[80];

	snprintf(name, sizeof(name), "%s, 1k mappings", operation->name);
	bench_row(name, pair.first, pair.first);
	snprintf(name, sizeof(name), "%s, 1M mappings", operation->name);
	bench_row(name, pair.second, pair.first);
	snprintf(name, sizeof(name), "%s, %s order: cost at 1M mappings over cost at 1k",
		 operation->name, order);
	if (operation->bar > 0)
		bench_at_most(name, pair.ratio, operation->bar, "x");
}

/* A chain of lines through as much memory as a million mappings take. */
struct chain {
	char *memory;
	uint64_t at;
};

static void do_chase(void *arg, uint64_t ops)
{
	struct chain *chain = arg;

	while (ops--)
		chain->at = *(const uint64_t *)(chain->memory + chain->at * LINE);
	bench_use(chain->at);
}

static void measure_memory(void)
{
	const uint32_t lines = CHAIN_SIZE / LINE;
	struct chain chain = {.memory = aligned_alloc(HUGE_PAGE, CHAIN_SIZE)};
	uint32_t *order = malloc(lines * sizeof(order[0]));
	struct bench_result result;

	if (!chain.memory || !order)
		die("memory", -12);
	(void)madvise(chain.memory, CHAIN_SIZE, MADV_HUGEPAGE);
	shuffle(order, lines);
	for (uint32_t i = 0; i < lines; i++)
		*(uint64_t *)(chain.memory + (size_t)order[i] * LINE) = order[(i + 1) % lines];
	result = bench_run(&(struct bench_case){.body = do_chase, .arg = &chain, .ops = CHASES});
	bench_row("a fetch from beyond the caches, for comparison", result, result);
	free(order);
	free(chain.memory);
}

/* Maps and measures in the same order. */
static void compare_counts(const char *order, void (*arrange)(uint32_t *order, uint32_t count))
{
	struct space few, many;
	char text[64];

	space_open(&many, MANY, arrange);
	space_open(&few, FEW, arrange);
	/* Not the very order in which they were mapped: another one of its kind. */
	if (arrange == shuffle) {
		shuffle_again(few.order, FEW);
		shuffle_again(many.order, MANY);
	}
	snprintf(text, sizeof(text), "an IOAS with a device, %s order", order);
	bench_table(text);
	for (size_t i = 0; i < OPERATIONS; i++)
		compare_operation(&operations[i], order, &few, &many);
	if (arrange == shuffle)
		measure_memory();
	snprintf(text, sizeof(text), "memory per 4K mapping at 1M, all included, %s order", order);
	bench_at_most(text, (double)many.resident / MANY, 256, " bytes");
	space_close(&few);
	space_close(&many);
}

int main(void)
{
	int rc = uiommufd_guard_memory();

	if (rc)
		die("guard", rc);
	uiommufd_caller_rights_changed();
	compare_counts("ascending", ascend);
	compare_counts("random", shuffle);
	return 0;
}
