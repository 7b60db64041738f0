/* SPDX-License-Identifier: MIT */
/*
 * The user API at 1,000 and 1,000,000 mappings of 4 KiB: MAP, UNMAP, COPY and translation through uiommufd_ioctl() as a program
 * calls it, in random order, with a device attached so that every mapping is pinned and in its page table.
 *
 * Compared within the run: the larger count with the smaller, and populating the memory alone (the system call that a MAP
 * cannot do without).
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "bench.h"

enum {
	PAGE = 4096,
	BUFFER_PAGES = 65536, /* mapped over and over: each MAP is a source of its own */
	MANY = 1000000,
	FEW = 1000,
	BATCH = 500, /* operations between two kinds, at most FEW */
};

#define IOVA_BASE UINT64_C(0x100000000000)

struct space {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *device;
	uint32_t ioas, copy_ioas;
	char *buffer;
	uint32_t *order; /* a random permutation of [0, count) */
	uint32_t count;
	uint32_t position;
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

static void map_at(struct space *space, uint32_t slot)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = space->ioas,
		.user_va = (uintptr_t)space->buffer + (uint64_t)(slot % BUFFER_PAGES) * PAGE,
		.length = PAGE,
		.iova = IOVA_BASE + (uint64_t)slot * PAGE,
	};

	call(space, IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
}

static void unmap_at(struct space *space, uint32_t ioas, uint64_t iova)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.iova = iova,
		.length = PAGE,
	};

	call(space, IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void shuffle(uint32_t *order, uint32_t count)
{
	uint64_t state = 0x9e3779b97f4a7c15;

	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(random_next(&state) % (i + 1)), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
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

static void space_open(struct space *space, uint32_t count)
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
	space->copy_ioas = new_ioas(space);
	attach(space);
	shuffle(space->order, count);
	for (uint32_t i = 0; i < count; i++)
		map_at(space, space->order[i]);
	shuffle(space->order, count);
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
		unmap_at(space, space->ioas, IOVA_BASE + (uint64_t)next_slot(space, i) * PAGE);
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
		uint64_t iova = IOVA_BASE + (uint64_t)next_slot(space, i) * PAGE;
		struct iommu_ioas_copy cmd = {
			.size = sizeof(cmd),
			.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
			.dst_ioas_id = space->ioas,
			.src_ioas_id = space->ioas,
			.length = PAGE,
			.dst_iova = iova + (UINT64_C(1) << 40),
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
				       IOVA_BASE + (uint64_t)next_slot(space, i) * PAGE,
				       UIOMMUFD_PROT_READ, &addr, NULL))
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
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = space->ioas,
		.iova = IOVA_BASE + (UINT64_C(1) << 40),
		.length = UINT64_C(1) << 40,
	};

	call(space, IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
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
};

static const struct operation operations[] = {
	{"populate one page (madvise)", {.body = do_populate, .teardown = advance}},
	{"MAP 4K, fixed IOVA", {.setup = setup_map, .body = do_map, .teardown = advance}},
	{"UNMAP 4K", {.body = do_unmap, .teardown = redo_map}},
	{"MAP 4K, automatic IOVA", {.body = do_map_auto, .teardown = undo_map_auto}},
	{"COPY 4K, fixed IOVA", {.body = do_copy, .teardown = undo_copy}},
	{"translate", {.body = do_translate, .teardown = advance}},
};

enum {
	OPERATIONS = sizeof(operations) / sizeof(operations[0])
};

static void measure(struct space *space, struct bench_result *results)
{
	for (size_t i = 0; i < OPERATIONS; i++) {
		struct bench_case bench = operations[i].bench;

		bench.arg = space;
		bench.ops = BATCH;
		results[i] = bench_run(&bench);
	}
}

static size_t heap_bytes(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

int main(void)
{
	struct bench_result few[OPERATIONS], many[OPERATIONS];
	struct space space;
	size_t before, bytes;
	char name[80];

	space_open(&space, FEW);
	measure(&space, few);
	space_close(&space);

	before = heap_bytes();
	space_open(&space, MANY);
	bytes = heap_bytes() - before - MANY * sizeof(space.order[0]);
	measure(&space, many);
	space_close(&space);

	bench_table("one IOAS with a device attached (amd), in random order; the reference is "
		    "1,000 mappings");
	for (size_t i = 0; i < OPERATIONS; i++) {
		snprintf(name, sizeof(name), "%s, 1k mappings", operations[i].name);
		bench_row(name, few[i], few[i]);
		snprintf(name, sizeof(name), "%s, 1M mappings", operations[i].name);
		bench_row(name, many[i], few[i]);
	}
	printf("heap per 4K mapping at 1M, page tables apart: %zu bytes\n", bytes / MANY);
	return 0;
}
