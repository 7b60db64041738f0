/* SPDX-License-Identifier: MIT */
/*
 * What asking for windows costs: IOMMU_IOAS_IOVA_RANGES over an address space with a thousand holes
 * (the bar: 2 us), the same for a device, and the arithmetic on arrays by itself; beside reading
 * as many ranges the way that the files of /sys/kernel/iommu_groups/N/reserved_regions have a
 * program do it, with sscanf().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/ranges.h>
#include <uiommufd/uiommufd.h>

#include "bench.h"
#include "iommufd/ioas/ioas.h"

enum {
	HOLES = 1000,
	LINE = 64,
	OPS = 2000,
};

#define HOLE_SIZE  UINT64_C(0x10000)
#define HOLE_START UINT64_C(0x100000)

struct bench {
	struct uiommufd *ctx;
	uint32_t ioas;
	uint32_t dev_id;
	char (*lines)[LINE]; /* the holes as sysfs has them */
	struct iommu_iova_range holes[HOLES];
	struct iommu_iova_range permitted[HOLES + 1];
	struct iommu_iova_range out[2 * HOLES + 2];
};

static void check(int rc, const char *what)
{
	if (rc < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(-rc));
		exit(1);
	}
}

/* There is no command for so many holes: they are reserved as a device's would be. */
static void reserve(struct bench *bench)
{
	struct ioas *ioas = ioas_get((struct iommufd_ctx *)bench->ctx, bench->ioas);

	lock_acquire(&ioas->lock);
	for (unsigned int i = 0; i < HOLES; i++) {
		struct iova_range hole = {
			.start = HOLE_START + 2 * i * HOLE_SIZE,
			.last = HOLE_START + (2 * i + 1) * HOLE_SIZE - 1,
		};

		check(ioas_reserve(ioas, &hole, 1, &ioas->object), "reserve");
		bench->holes[i] = (struct iommu_iova_range){.start = hole.start, .last = hole.last};
		snprintf(bench->lines[i], LINE, "0x%016" PRIx64 " 0x%016" PRIx64 " reserved\n",
			 hole.start, hole.last);
	}
	lock_release(&ioas->lock);
	object_put(&ioas->object);
}

static void ask_ioas(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		struct iommu_ioas_iova_ranges cmd = {
			.size = sizeof(cmd),
			.ioas_id = bench->ioas,
			.num_iovas = HOLES + 1,
			.allowed_iovas = (uintptr_t)bench->permitted,
		};

		check(uiommufd_ioctl(bench->ctx, NULL, IOMMU_IOAS_IOVA_RANGES, (uintptr_t)&cmd),
		      "IOMMU_IOAS_IOVA_RANGES");
		bench_use(cmd.num_iovas);
	}
}

/* The list that the IOAS has just given. */
static void allow(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		struct iommu_ioas_allow_iovas cmd = {
			.size = sizeof(cmd),
			.ioas_id = bench->ioas,
			.num_iovas = HOLES,
			.allowed_iovas = (uintptr_t)bench->permitted,
		};

		check(uiommufd_ioctl(bench->ctx, NULL, IOMMU_IOAS_ALLOW_IOVAS, (uintptr_t)&cmd),
		      "IOMMU_IOAS_ALLOW_IOVAS");
	}
}

static void ask_device(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		struct iommu_dev_iova_ranges cmd = {
			.size = sizeof(cmd),
			.dev_id = bench->dev_id,
			.num_iovas = HOLES + 1,
			.allowed_iovas = (uintptr_t)bench->permitted,
		};

		check(uiommufd_ioctl(bench->ctx, NULL, IOMMU_DEV_IOVA_RANGES, (uintptr_t)&cmd),
		      "IOMMU_DEV_IOVA_RANGES");
		bench_use(cmd.num_iovas);
	}
}

static void ask_reserved(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		struct iommu_resv_iova_ranges cmd = {
			.size = sizeof(cmd),
			.dev_id = bench->dev_id,
			.num_iovas = HOLES + 1,
			.resv_iovas = (uintptr_t)bench->permitted,
		};

		check(uiommufd_ioctl(bench->ctx, NULL, IOMMU_RESV_IOVA_RANGES, (uintptr_t)&cmd),
		      "IOMMU_RESV_IOVA_RANGES");
		bench_use(cmd.num_iovas);
	}
}

static void read_lines(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		for (unsigned int i = 0; i < HOLES; i++) {
			uint64_t start, last;
			char type[32];

			if (sscanf(bench->lines[i], "%" SCNx64 " %" SCNx64 " %31s", &start, &last,
				   type) == 3)
				bench->out[i] = (struct iommu_iova_range){start, last};
		}
		bench_use(bench->out[HOLES - 1].last);
	}
}

static void invert(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--)
		bench_use(uiommufd_ranges_invert(bench->holes, HOLES, bench->out, HOLES + 1));
}

static void intersect(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--)
		bench_use(uiommufd_ranges_intersect(bench->permitted, HOLES + 1, bench->holes,
						    HOLES, bench->out, 2 * HOLES + 1));
}

/* Backwards, so that there is something to sort. */
static void merge(void *arg, uint64_t ops)
{
	struct bench *bench = arg;

	while (ops--) {
		for (unsigned int i = 0; i < HOLES; i++)
			bench->out[i] = bench->holes[HOLES - 1 - i];
		bench_use(uiommufd_ranges_merge(bench->out, HOLES));
	}
}

static struct bench_result run(struct bench *bench, const char *name,
			       void (*body)(void *arg, uint64_t ops), struct bench_result reference)
{
	const struct bench_result result =
		bench_run(&(struct bench_case){.body = body, .arg = bench, .ops = OPS});

	bench_row(name, result, reference);
	return result;
}

int main(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct uiommufd_endpoint *device;
	struct uiommufd_iommu *iommu;
	struct bench_result reference, ranges, windows;

	if (!bench || !(bench->lines = calloc(HOLES, LINE)))
		return 1;
	check(uiommufd_guard_memory(), "guard");
	check(uiommufd_open(NULL, &bench->ctx), "open");
	check(uiommufd_ioctl(bench->ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&ioas), "alloc");
	bench->ioas = ioas.out_ioas_id;
	check(uiommufd_iommu_create("amd", "amd0", &iommu), "iommu");
	check(uiommufd_endpoint_create(iommu, "device", &device), "endpoint");
	check(uiommufd_endpoint_bind(device, bench->ctx, &bench->dev_id), "bind");
	reserve(bench);

	bench_table("a thousand holes (one operation: all of them)");
	reference = bench_run(&(struct bench_case){.body = read_lines, .arg = bench, .ops = OPS});
	bench_row("sscanf of reserved_regions", reference, reference);
	ranges = run(bench, "IOMMU_IOAS_IOVA_RANGES", ask_ioas, reference);
	windows = run(bench, "IOMMU_IOAS_ALLOW_IOVAS", allow, reference);
	run(bench, "uiommufd_ranges_invert", invert, reference);
	run(bench, "uiommufd_ranges_intersect", intersect, reference);
	run(bench, "uiommufd_ranges_merge, backwards", merge, reference);

	bench_table("a device with two reserved ranges");
	reference = bench_run(&(struct bench_case){.body = ask_reserved, .arg = bench, .ops = OPS});
	bench_row("IOMMU_RESV_IOVA_RANGES", reference, reference);
	run(bench, "IOMMU_DEV_IOVA_RANGES", ask_device, reference);
	bench_at_most("IOMMU_IOAS_IOVA_RANGES of 1000 holes", ranges.median / 1000, 2, " us");
	bench_at_most("IOMMU_IOAS_ALLOW_IOVAS of 1000 windows", windows.median / 1000, 5, " us");

	uiommufd_endpoint_destroy(device);
	uiommufd_iommu_put(iommu);
	uiommufd_close(bench->ctx);
	free(bench->lines);
	free(bench);
	return 0;
}
