/* SPDX-License-Identifier: MIT */
/*
 * What is done to whole page tables, through the user API: a second HWPT of an IOAS with a million
 * mappings of 4 KiB, into which all of them go; reading the dirty pages of 1 GiB in 4 KiB pages;
 * and devices that come to an IOAS, and go, beside many others.
 *
 * The references: memset() of as many bytes as the new leaves take, memcpy() of as many as the
 * tables that are read, and the same with few devices.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/caller.h>
#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "../tests/lib/page.h"
#include "bench.h"

enum {
	MAPPINGS = 1000000,
	BUFFER_PAGES = 65536, /* mapped over and over */
	ENTRY = 8,	      /* bytes of a table that a page takes */
	DIRTY_EVERY = 16,
	FEW_DEVICES = 500,
	MANY_DEVICES = 8000,
	ATTACH_RUNS = 7,
};

#define IOVA_BASE   UINT64_C(0x100000000000)
#define TRACKED_LEN (UINT64_C(1) << 30)

struct rig {
	struct uiommufd *ctx;
	struct uiommufd_iommu *iommu;
	struct uiommufd_endpoint *device;
	uint32_t dev_id;
	uint32_t ioas;
	uint32_t hwpt; /* the second one; or the one that tracks */
	char *buffer;
	uint64_t *bitmap;
};

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "tables_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static void call(struct rig *rig, unsigned int cmd, void *arg, const char *what)
{
	check(uiommufd_ioctl(rig->ctx, NULL, cmd, (uintptr_t)arg), what);
}

static void map(struct rig *rig, uint64_t iova, uint64_t page, uint64_t len)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = rig->ioas,
		.user_va = (uintptr_t)rig->buffer + page * PAGE,
		.length = len,
		.iova = iova,
	};

	call(rig, IOMMU_IOAS_MAP, &cmd, "IOAS_MAP");
}

static void open_rig(struct rig *rig, const char *kind)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};

	*rig = (struct rig){.ctx = NULL};
	rig->buffer = mmap(NULL, (size_t)BUFFER_PAGES * PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(rig->buffer == MAP_FAILED ? -12 : 0, "memory");
	check(uiommufd_open(NULL, &rig->ctx), "open");
	call(rig, IOMMU_IOAS_ALLOC, &ioas, "IOAS_ALLOC");
	rig->ioas = ioas.out_ioas_id;
	check(uiommufd_iommu_create(kind, "iommu", &rig->iommu), "IOMMU");
	check(uiommufd_endpoint_create(rig->iommu, "bench", &rig->device), "endpoint");
	check(uiommufd_endpoint_bind(rig->device, rig->ctx, &rig->dev_id), "bind");
}

static void close_rig(struct rig *rig)
{
	uiommufd_endpoint_destroy(rig->device);
	uiommufd_close(rig->ctx);
	uiommufd_iommu_put(rig->iommu);
	munmap(rig->buffer, (size_t)BUFFER_PAGES * PAGE);
}

static void alloc_hwpt(struct rig *rig, uint32_t flags)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd), .flags = flags, .dev_id = rig->dev_id, .pt_id = rig->ioas};

	call(rig, IOMMU_HWPT_ALLOC, &cmd, "HWPT_ALLOC");
	rig->hwpt = cmd.out_hwpt_id;
}

/* ---- a second table ---- */

static void add_table(void *arg, uint64_t ops)
{
	(void)ops;
	alloc_hwpt(arg, 0);
}

static void remove_table(void *arg)
{
	struct rig *rig = arg;
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = rig->hwpt};

	call(rig, IOMMU_DESTROY, &cmd, "DESTROY");
}

static void set_bytes(void *arg, uint64_t ops)
{
	memset(arg, (int)ops, ops * ENTRY);
	bench_use(*(const uint64_t *)arg);
}

static void bench_attach(void)
{
	const struct bench_case fresh = {
		.body = set_bytes, .arg = malloc((size_t)MAPPINGS * ENTRY), .ops = MAPPINGS};
	struct rig rig;
	const struct bench_case add = {.body = add_table,
				       .teardown = remove_table,
				       .arg = &rig,
				       .ops = MAPPINGS,
				       .runs = ATTACH_RUNS};
	struct bench_result reference, result;
	uint32_t pt_id;

	check(fresh.arg ? 0 : -12, "memory");
	open_rig(&rig, "amd");
	pt_id = rig.ioas;
	check(uiommufd_endpoint_attach(rig.device, UIOMMUFD_NO_PASID, &pt_id), "attach");
	for (uint64_t i = 0; i < MAPPINGS; i++)
		map(&rig, IOVA_BASE + i * 2 * PAGE, i % BUFFER_PAGES, PAGE);
	bench_table("a second HWPT of an IOAS, per mapping of 4 KiB");
	reference = bench_run(&fresh);
	result = bench_run(&add);
	bench_row("memset() of as many entries", reference, reference);
	bench_row("IOMMU_HWPT_ALLOC with 1M mappings", result, reference);
	bench_at_most("a HWPT of an IOAS with 1M mappings, per mapping", result.median, 30, " ns");
	close_rig(&rig);
	free(fresh.arg);
}

/* ---- dirty pages ---- */

static void read_dirty(void *arg, uint64_t ops)
{
	struct rig *rig = arg;
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.hwpt_id = rig->hwpt,
		.flags = IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR,
		.iova = IOVA_BASE,
		.length = TRACKED_LEN,
		.page_size = PAGE,
		.data = (uintptr_t)rig->bitmap,
	};

	(void)ops;
	call(rig, IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd, "GET_DIRTY_BITMAP");
	bench_use(rig->bitmap[0]);
}

static void copy_bytes(void *arg, uint64_t ops)
{
	char *from = arg;

	memcpy(from, from + ops, ops);
	bench_use(*(const uint64_t *)arg);
}

static void track(struct rig *rig)
{
	struct iommu_option small = {
		.size = sizeof(small),
		.option_id = IOMMU_OPTION_HUGE_PAGES,
		.op = IOMMU_OPTION_OP_SET,
		.object_id = rig->ioas,
	};
	struct iommu_hwpt_set_dirty_tracking cmd = {.size = sizeof(cmd),
						    .flags = IOMMU_HWPT_DIRTY_TRACKING_ENABLE};

	call(rig, IOMMU_OPTION, &small, "OPTION");
	alloc_hwpt(rig, IOMMU_HWPT_ALLOC_DIRTY_TRACKING);
	cmd.hwpt_id = rig->hwpt;
	call(rig, IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd, "SET_DIRTY_TRACKING");
	check(uiommufd_endpoint_attach(rig->device, UIOMMUFD_NO_PASID, &rig->hwpt), "attach");
	for (uint64_t at = 0; at < TRACKED_LEN; at += (uint64_t)BUFFER_PAGES * PAGE)
		map(rig, IOVA_BASE + at, 0, (uint64_t)BUFFER_PAGES * PAGE);
	for (uint64_t at = 0; at < TRACKED_LEN; at += DIRTY_EVERY * PAGE)
		check(uiommufd_dma_write(rig->device, UIOMMUFD_NO_PASID, IOVA_BASE + at, "x", 1),
		      "DMA");
}

static void bench_dirty(void)
{
	const uint64_t bytes = TRACKED_LEN / PAGE * ENTRY;
	struct rig rig;
	const struct bench_case copy = {.body = copy_bytes, .arg = calloc(2, bytes), .ops = bytes};
	const struct bench_case dirty = {.body = read_dirty, .arg = &rig, .ops = bytes};
	struct bench_pair pair;

	open_rig(&rig, "intel");
	rig.bitmap = calloc(TRACKED_LEN / PAGE / 64, sizeof(*rig.bitmap));
	check(rig.bitmap && copy.arg ? 0 : -12, "memory");
	track(&rig);
	bench_table("dirty pages of 1 GiB, one of 16, per byte of tables");
	pair = bench_pair(&copy, &dirty);
	bench_row("memcpy() of the tables", pair.first, pair.first);
	bench_row("IOMMU_HWPT_GET_DIRTY_BITMAP", pair.second, pair.first);
	bench_at_least("reading dirty pages", 1 / pair.second.median, 10, " GB/s of tables");
	free(rig.bitmap);
	free(copy.arg);
	close_rig(&rig);
}

/* ---- devices beside others ---- */

/* @count devices of one IOAS. */
struct fleet {
	struct rig *rig;
	uint32_t count;
	struct uiommufd_endpoint *devices[MANY_DEVICES];
};

static void arrive(void *arg)
{
	struct fleet *fleet = arg;
	struct rig *rig = fleet->rig;

	for (uint32_t i = 0; i < fleet->count; i++) {
		uint32_t id, pt_id = rig->ioas;

		check(uiommufd_endpoint_create(rig->iommu, "one of many", &fleet->devices[i]),
		      "endpoint");
		check(uiommufd_endpoint_bind(fleet->devices[i], rig->ctx, &id), "bind");
		check(uiommufd_endpoint_attach(fleet->devices[i], UIOMMUFD_NO_PASID, &pt_id),
		      "attach");
	}
}

static void leave(void *arg, uint64_t ops)
{
	struct fleet *fleet = arg;

	for (uint64_t i = 0; i < ops; i++)
		uiommufd_endpoint_destroy(fleet->devices[i]);
}

static struct bench_case leaving(struct fleet *fleet)
{
	return (struct bench_case){
		.setup = arrive, .body = leave, .arg = fleet, .ops = fleet->count, .runs = 5};
}

static void bench_fleet(void)
{
	static struct fleet few = {.count = FEW_DEVICES}, many = {.count = MANY_DEVICES};
	struct bench_case at_few = leaving(&few), at_many = leaving(&many);
	struct bench_pair pair;
	struct rig rig;

	open_rig(&rig, "intel");
	few.rig = many.rig = &rig;
	bench_table("devices of one IOAS");
	pair = bench_pair(&at_few, &at_many);
	bench_row("one of 500 is destroyed", pair.first, pair.first);
	bench_row("one of 8000 is destroyed", pair.second, pair.first);
	bench_at_most("destroying one of 8000 devices, over one of 500", pair.ratio, 2, "x");
	close_rig(&rig);
}

/* ---- PASIDs beside others ---- */

/* PASIDs 1 to @count of the rig's device. */
struct pasids {
	struct rig *rig;
	uint32_t count;
};

static void attach_pasids(void *arg, uint64_t ops)
{
	struct pasids *pasids = arg;

	for (uint32_t pasid = 1; pasid <= ops; pasid++) {
		uint32_t pt_id = pasids->rig->hwpt;

		check(uiommufd_endpoint_attach(pasids->rig->device, pasid, &pt_id), "attach");
	}
}

static void detach_pasids(void *arg)
{
	struct pasids *pasids = arg;

	for (uint32_t pasid = 1; pasid <= pasids->count; pasid++)
		uiommufd_endpoint_detach(pasids->rig->device, pasid);
}

static struct bench_case attaching(struct pasids *pasids)
{
	return (struct bench_case){.body = attach_pasids,
				   .teardown = detach_pasids,
				   .arg = pasids,
				   .ops = pasids->count,
				   .runs = ATTACH_RUNS};
}

static void bench_pasids(void)
{
	struct rig rig;
	struct pasids few = {&rig, FEW_DEVICES}, many = {&rig, MANY_DEVICES};
	struct bench_case at_few = attaching(&few), at_many = attaching(&many);
	struct iommu_hwpt_alloc hwpt = {.size = sizeof(hwpt), .flags = IOMMU_HWPT_ALLOC_PASID};
	struct bench_pair pair;

	open_rig(&rig, "intel");
	hwpt.dev_id = rig.dev_id;
	hwpt.pt_id = rig.ioas;
	call(&rig, IOMMU_HWPT_ALLOC, &hwpt, "HWPT_ALLOC");
	rig.hwpt = hwpt.out_hwpt_id;
	bench_table("PASIDs of one device");
	pair = bench_pair(&at_few, &at_many);
	bench_row("one of 500 is attached", pair.first, pair.first);
	bench_row("one of 8000 is attached", pair.second, pair.first);
	bench_at_most("attaching one of 8000 PASIDs, over one of 500", pair.ratio, 2, "x");
	close_rig(&rig);
}

int main(void)
{
	check(uiommufd_guard_memory(), "guard");
	uiommufd_caller_rights_changed();
	bench_attach();
	bench_dirty();
	bench_fleet();
	bench_pasids();
	return 0;
}
