/* SPDX-License-Identifier: MIT */
/*
 * A fixed amount of work for each operation of the library, on one thread, for a tool that counts
 * instructions: fixed_work OPERATION. What is counted is what measured() calls, ROUNDS times;
 * instructions.py divides by that.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/caller.h>
#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

enum {
	ROUNDS = 200,
	WARM = 8, /* rounds before, which bind symbols and touch what is touched once */
	PAGE = 4096,
	PAGES = 1024, /* mapped one by one, before anything is measured */
	LARGE = 2 << 20,
	WINDOWS = 1000,
	ENTRIES = 2048, /* of the gate: more than have a fence */
};

#define IOVA_BASE UINT64_C(0x100000000)
#define IOVA_FREE UINT64_C(0x200000000)

static struct uiommufd *ctx;
static struct uiommufd_endpoint *device;
static char *memory, buffer[PAGE];
static uint32_t ioas, other_ioas; /* only the first has a page table */
static uint32_t device_id;

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "fixed_work: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void call(unsigned int cmd, void *arg, const char *what)
{
	check(uiommufd_ioctl(ctx, NULL, cmd, (uintptr_t)arg), what);
}

static void map(uint32_t id, uint64_t iova, uint64_t page, uint64_t len)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = id,
		.user_va = (uintptr_t)memory + page * PAGE,
		.length = len,
		.iova = iova,
	};

	call(IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
}

static void unmap(uint32_t id, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = id, .iova = iova, .length = len};

	call(IOMMU_IOAS_UNMAP, &cmd, "IOAS_UNMAP");
}

static void copy(uint64_t iova, uint64_t from)
{
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE,
		.dst_ioas_id = ioas,
		.src_ioas_id = ioas,
		.length = PAGE,
		.dst_iova = iova,
		.src_iova = from,
	};

	call(IOMMU_IOAS_COPY, &cmd, "IOAS_COPY");
}

static uint32_t ioas_alloc(void)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	call(IOMMU_IOAS_ALLOC, &cmd, "IOAS_ALLOC");
	return cmd.out_ioas_id;
}

/* ---- operations: prepare() makes what the measured part needs ---- */

static uint64_t slot(uint64_t i)
{
	return IOVA_FREE + i * PAGE;
}

static void map_some(uint32_t id)
{
	for (uint64_t i = 0; i < WARM + ROUNDS; i++)
		map(id, slot(i), i, PAGE);
}

static void translate(uint64_t page)
{
	uint64_t len;
	void *to;

	check(uiommufd_translate(device, UIOMMUFD_NO_PASID, IOVA_BASE + page * PAGE,
				 UIOMMUFD_PROT_READ, &to, &len),
	      "translate");
}

/* The first of a thread for a page; and those after it. */
static void do_translate_first(uint64_t i)
{
	translate(i % PAGES);
}

static void do_translate(uint64_t i)
{
	translate(i % WARM);
}

/* Each by another table than the one before. */
static void do_translate_elsewhere(uint64_t i)
{
	translate(i % 2 * (PAGES / 2) + i % WARM);
}

static void dma_64(uint64_t page)
{
	check(uiommufd_dma_read(device, UIOMMUFD_NO_PASID, IOVA_BASE + page * PAGE, buffer, 64),
	      "DMA read");
}

static void do_dma_64_first(uint64_t i)
{
	dma_64(i % PAGES);
}

static void do_dma_64(uint64_t i)
{
	dma_64(i % WARM);
}

/* After some entries, a thread leaves the fence of the gate out. */
static void prepare_dma(void)
{
	for (uint64_t i = 0; i < ENTRIES; i++)
		dma_64(i % WARM);
}

static void do_dma_page(uint64_t i)
{
	check(uiommufd_dma_write(device, UIOMMUFD_NO_PASID, IOVA_BASE + i % WARM * PAGE, buffer,
				 PAGE),
	      "DMA write");
}

static void do_map(uint64_t i)
{
	map(ioas, slot(i), i, PAGE);
}

static void do_map_without_table(uint64_t i)
{
	map(other_ioas, slot(i), i, PAGE);
}

static void do_map_large(uint64_t i)
{
	map(ioas, IOVA_FREE + i * LARGE, 0, LARGE);
}

static void prepare_unmap(void)
{
	map_some(ioas);
}

static void do_unmap(uint64_t i)
{
	unmap(ioas, slot(i), PAGE);
}

static void prepare_unmap_without_table(void)
{
	map_some(other_ioas);
}

static void do_unmap_without_table(uint64_t i)
{
	unmap(other_ioas, slot(i), PAGE);
}

static void do_copy(uint64_t i)
{
	copy(slot(i), IOVA_BASE + i % PAGES * PAGE);
}

static struct iommu_iova_range windows[WINDOWS];

static void make_windows(void)
{
	for (uint64_t w = 0; w < WINDOWS; w++)
		windows[w] = (struct iommu_iova_range){w << 32, (w << 32) + LARGE};
}

static void do_allow(uint64_t i)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = other_ioas,
		.num_iovas = WINDOWS,
		.allowed_iovas = (uintptr_t)windows,
	};

	call(IOMMU_IOAS_ALLOW_IOVAS, &cmd, "IOAS_ALLOW_IOVAS");
	(void)i;
}

/* No command reserves so many ranges: an IOAS with a device has two or three. */
static void do_ranges(uint64_t i)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = WINDOWS,
		.allowed_iovas = (uintptr_t)windows,
	};

	call(IOMMU_IOAS_IOVA_RANGES, &cmd, "IOAS_IOVA_RANGES");
	(void)i;
}

static void do_device_ranges(uint64_t i)
{
	struct iommu_iova_range ranges[16];
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = device_id,
		.num_iovas = sizeof(ranges) / sizeof(ranges[0]),
		.allowed_iovas = (uintptr_t)ranges,
	};

	call(IOMMU_DEV_IOVA_RANGES, &cmd, "DEV_IOVA_RANGES");
	(void)i;
}

/* Into a table of its own go all mappings of the IOAS. */
static void do_second_table(uint64_t i)
{
	struct iommu_hwpt_alloc cmd = {.size = sizeof(cmd), .dev_id = device_id, .pt_id = ioas};
	struct iommu_destroy destroy = {.size = sizeof(destroy)};

	call(IOMMU_HWPT_ALLOC, &cmd, "HWPT_ALLOC");
	destroy.id = cmd.out_hwpt_id;
	call(IOMMU_DESTROY, &destroy, "DESTROY");
	(void)i;
}

static const struct operation {
	const char *name;
	void (*prepare)(void);
	void (*once)(uint64_t i);
} operations[] = {
	{"translate-first", NULL, do_translate_first},
	{"translate", NULL, do_translate},
	{"translate-elsewhere", NULL, do_translate_elsewhere},
	{"dma-read-64-first", NULL, do_dma_64_first},
	{"dma-read-64", prepare_dma, do_dma_64},
	{"dma-write-4k", prepare_dma, do_dma_page},
	{"map-4k", NULL, do_map},
	{"map-4k-without-table", NULL, do_map_without_table},
	{"map-2m", NULL, do_map_large},
	{"unmap-4k", prepare_unmap, do_unmap},
	{"unmap-4k-without-table", prepare_unmap_without_table, do_unmap_without_table},
	{"copy-4k", NULL, do_copy},
	{"allow-iovas-1000", make_windows, do_allow},
	{"iova-ranges", NULL, do_ranges},
	{"dev-iova-ranges", NULL, do_device_ranges},
	{"hwpt-1024-mappings", NULL, do_second_table},
};

/* The tool counts in here; instructions.py knows its name. */
__attribute__((noinline)) static void measured(const struct operation *operation)
{
	for (uint64_t i = WARM; i < WARM + ROUNDS; i++)
		operation->once(i);
}

static void set_up(void)
{
	struct uiommufd_iommu *iommu;
	uint32_t pt_id;

	memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		check(-12, "memory");
	memset(memory, 1, (size_t)PAGES * PAGE);
	/* What a program that maps often does. */
	uiommufd_caller_rights_changed();
	check(uiommufd_guard_memory(), "guard");
	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create("intel", "intel0", &iommu), "iommu");
	check(uiommufd_endpoint_create(iommu, "device", &device), "endpoint");
	check(uiommufd_endpoint_bind(device, ctx, &device_id), "bind");
	ioas = ioas_alloc();
	other_ioas = ioas_alloc();
	pt_id = ioas;
	check(uiommufd_endpoint_attach(device, UIOMMUFD_NO_PASID, &pt_id), "attach");
	for (uint64_t i = 0; i < PAGES; i++)
		map(ioas, IOVA_BASE + i * PAGE, i, PAGE);
}

int main(int argc, char **argv)
{
	const struct operation *operation = NULL;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (argc == 1)
			printf("%s %d\n", operations[i].name, ROUNDS);
		else if (strcmp(operations[i].name, argv[1]) == 0)
			operation = &operations[i];
	}
	if (argc == 1)
		return 0;
	if (!operation) {
		fprintf(stderr, "fixed_work: no operation is called %s\n", argv[1]);
		return 2;
	}
	set_up();
	if (operation->prepare)
		operation->prepare();
	for (uint64_t i = 0; i < WARM; i++)
		operation->once(i);
	measured(operation);
	return 0;
}
