/* SPDX-License-Identifier: MIT */
/*
 * What a device model pays for an access: uiommufd_translate(), uiommufd_dma_read() and
 * uiommufd_dma_write() of 64 bytes and of 4 KiB, and DMA of 64 KiB in one piece and in pages,
 * beside the memcpy() that moves the same bytes; and what of it are the parts that keep it correct:
 * the read-side section, the gate by which an unmap knows of it, and the log of what was written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/uiommufd.h>

#include "../tests/lib/page.h"
#include "base/gate.h"
#include "bench.h"
#include "iommu/dma_log.h"
#include "iommu/iommu.h"
#include "iopt/iopt.h"
#include "report/origin.h"

enum {
	PAGES = 256, /* 1 MiB, in the caches: what is measured is not the memory */
	OPERATIONS = 100000,
	SMALL = 64,
	LINE = 64,
	LONG = 65536, /* bytes */
	LONG_OPERATIONS = 5000,
	SCATTER = 37, /* pages from one to the next; it has no factor in common with PAGES */
};

#define IOVA_BASE      UINT64_C(0x100000000)
#define IOVA_SCATTERED UINT64_C(0x200000000)

struct device {
	struct uiommufd_endpoint *endpoint;
	char *memory; /* mapped */
	char *buffer; /* the model's own */
	size_t len;   /* of an access */
};

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "dma_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

/*
 * Where access @i, of @len bytes, begins: another page each time, and in it another line, since
 * those at one offset of all pages share a few sets of the caches.
 */
static uint64_t offset_of(uint64_t i, size_t len)
{
	return i % PAGES * PAGE + i % ((PAGE - len) / LINE + 1) * LINE;
}

static void do_memcpy_from(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		memcpy(device->buffer, device->memory + offset_of(i, device->len), device->len);
		__asm__ volatile("" : : "r"(device->buffer) : "memory");
	}
}

static void do_memcpy_to(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		memcpy(device->memory + offset_of(i, device->len), device->buffer, device->len);
		__asm__ volatile("" : : "r"(device->memory) : "memory");
	}
}

static void do_read(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(uiommufd_dma_read(device->endpoint, UIOMMUFD_NO_PASID,
					IOVA_BASE + offset_of(i, device->len), device->buffer,
					device->len),
		      "read");
}

static void do_write(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(uiommufd_dma_write(device->endpoint, UIOMMUFD_NO_PASID,
					 IOVA_BASE + offset_of(i, device->len), device->buffer,
					 device->len),
		      "write");
}

static void do_translate(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		void *addr;

		check(uiommufd_translate(device->endpoint, UIOMMUFD_NO_PASID,
					 IOVA_BASE + offset_of(i, device->len), UIOMMUFD_PROT_READ,
					 &addr, NULL),
		      "translate");
		bench_use((uintptr_t)addr);
	}
}

static void do_read_section(void *arg, uint64_t ops)
{
	(void)arg;
	while (ops--) {
		rcu_read_lock();
		rcu_read_unlock();
	}
}

static void do_gate(void *arg, uint64_t ops)
{
	while (ops--) {
		check(gate_enter(arg), "gate");
		gate_leave();
	}
}

static struct bench_result measure(struct device *device, void (*body)(void *, uint64_t))
{
	return bench_run(&(struct bench_case){.body = body, .arg = device, .ops = OPERATIONS});
}

static void compare(struct device *device, const char *what, void (*copy)(void *, uint64_t),
		    void (*dma)(void *, uint64_t))
{
	const struct bench_case first = {.body = copy, .arg = device, .ops = OPERATIONS};
	const struct bench_case second = {.body = dma, .arg = device, .ops = OPERATIONS};
	struct bench_pair pair = bench_pair(&first, &second);
	char name[64];

	snprintf(name, sizeof(name), "memcpy of %zu bytes", device->len);
	bench_row(name, pair.first, pair.first);
	snprintf(name, sizeof(name), "DMA %s of %zu bytes", what, device->len);
	bench_row(name, pair.second, pair.first);
	if (device->len == SMALL)
		bench_at_most(name, pair.second.median, 15, " ns");
	else
		bench_at_least(name, 1 / pair.ratio, 0.95, "x the speed of memcpy");
}

static void record_off(void *arg)
{
	(void)arg;
	atomic_fetch_and(&observers.ours, (uint16_t)~OBSERVER_REPORTS);
}

static void record_on(void *arg)
{
	(void)arg;
	observe(OBSERVER_REPORTS);
}

/* What the reports of uiommufd run add to a DMA that is right. */
static void compare_recording(struct device *device, const char *what,
			      void (*dma)(void *, uint64_t))
{
	const struct bench_case off = {
		.setup = record_off, .body = dma, .arg = device, .ops = OPERATIONS};
	const struct bench_case on = {
		.setup = record_on, .body = dma, .arg = device, .ops = OPERATIONS};
	struct bench_pair pair = bench_pair(&off, &on);
	char name[96];

	snprintf(name, sizeof(name), "DMA %s of %zu bytes, nothing recorded", what, device->len);
	bench_row(name, pair.first, pair.first);
	bench_row("the same with reports on", pair.second, pair.first);
	snprintf(name, sizeof(name), "a DMA %s of %zu bytes with reports over one without", what,
		 device->len);
	bench_at_most(name, pair.ratio, 1.2, "");
	record_off(NULL);
}

/* ---- more than a page ---- */

/* Memory that a domain has twice: in one piece, and page by page in another order. */
struct stretch {
	struct iommu_endpoint *endpoint;
	char *memory;
	char *buffer; /* LONG bytes */
	bool scattered;
};

static uint64_t stretch_first(uint64_t i)
{
	return i * (LONG / PAGE) % PAGES;
}

static void copy_stretch(void *arg, uint64_t ops)
{
	const struct stretch *stretch = arg;
	const uint64_t pages = LONG / PAGE;

	for (uint64_t i = 0; i < ops; i++) {
		const uint64_t first = stretch_first(i);

		if (!stretch->scattered)
			memcpy(stretch->buffer, stretch->memory + first * PAGE, LONG);
		for (uint64_t page = 0; stretch->scattered && page < pages; page++)
			memcpy(stretch->buffer + page * PAGE,
			       stretch->memory + (first + page) * SCATTER % PAGES * PAGE, PAGE);
		__asm__ volatile("" : : "r"(stretch->buffer) : "memory");
	}
}

static void read_stretch(void *arg, uint64_t ops)
{
	const struct stretch *stretch = arg;
	const uint64_t base = stretch->scattered ? IOVA_SCATTERED : IOVA_BASE;

	for (uint64_t i = 0; i < ops; i++)
		check(iommu_dma(stretch->endpoint, NO_PASID, base + stretch_first(i) * PAGE,
				stretch->buffer, LONG, DMA_READ),
		      "read");
}

static void write_pages(void *arg, uint64_t ops)
{
	const struct stretch *stretch = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(iommu_dma(stretch->endpoint, NO_PASID, IOVA_BASE + i % PAGES * PAGE,
				stretch->buffer, PAGE, DMA_WRITE),
		      "write");
}

static void start_log(void *arg)
{
	const struct iova_range range = {IOVA_BASE, IOVA_BASE + PAGES * PAGE - 1};

	check(iommu_dma_log_start(((struct stretch *)arg)->endpoint, PAGE, &range, 1), "log");
}

static void stop_log(void *arg)
{
	iommu_dma_log_stop(((struct stretch *)arg)->endpoint);
}

static void compare_stretches(struct stretch *stretch, bool scattered, double bar)
{
	const struct bench_case copy = {
		.body = copy_stretch, .arg = stretch, .ops = LONG_OPERATIONS};
	const struct bench_case dma = {
		.body = read_stretch, .arg = stretch, .ops = LONG_OPERATIONS};
	const char *how = scattered ? "in pages" : "in one piece";
	struct bench_pair pair;
	char name[64];

	stretch->scattered = scattered;
	pair = bench_pair(&copy, &dma);
	snprintf(name, sizeof(name), "memcpy of 64 KiB, %s", how);
	bench_row(name, pair.first, pair.first);
	snprintf(name, sizeof(name), "DMA read of 64 KiB, %s", how);
	bench_row(name, pair.second, pair.first);
	bench_at_least(name, 1 / pair.ratio, bar, "x the speed of memcpy");
}

static void compare_logging(struct stretch *stretch)
{
	const struct bench_case off = {.body = write_pages, .arg = stretch, .ops = OPERATIONS};
	const struct bench_case on = {.setup = start_log,
				      .body = write_pages,
				      .teardown = stop_log,
				      .arg = stretch,
				      .ops = OPERATIONS};
	const struct bench_pair pair = bench_pair(&off, &on);

	bench_row("DMA write of a page", pair.first, pair.first);
	bench_row("the same, logged", pair.second, pair.first);
	bench_at_most("a DMA write of a page that is logged, over one that is not", pair.ratio,
		      1.03, "x");
}

static void measure_stretches(char *memory)
{
	struct stretch stretch = {.memory = memory, .buffer = aligned_alloc(PAGE, LONG)};
	const unsigned int prot = IOPT_READ | IOPT_WRITE;
	const uint64_t bus = (uintptr_t)memory;
	struct iommu_domain *domain;
	struct iommu *iommu;

	check(stretch.buffer ? 0 : -ENOMEM, "memory");
	memset(stretch.buffer, 1, LONG);
	check(iommu_create(iommu_kind_find("intel"), "intel1", &iommu), "IOMMU");
	check(iommu_domain_create(iommu, 0, NULL, &domain), "domain");
	check(iommu_endpoint_create(iommu, "long", &stretch.endpoint), "endpoint");
	check(iommu_domain_map(domain, IOVA_BASE, bus, PAGES * PAGE, prot, 0), "map");
	for (uint64_t page = 0; page < PAGES; page++)
		check(iommu_domain_map(domain, IOVA_SCATTERED + page * PAGE,
				       bus + page * SCATTER % PAGES * PAGE, PAGE, prot, 0),
		      "map");
	check(iommu_endpoint_set_domain(stretch.endpoint, NO_PASID, domain), "attach");
	bench_table("more than a page");
	compare_stretches(&stretch, false, 0.98);
	compare_stretches(&stretch, true, 0.9);
	compare_logging(&stretch);
	check(iommu_endpoint_set_domain(stretch.endpoint, NO_PASID, NULL), "detach");
	iommu_endpoint_destroy(stretch.endpoint);
	iommu_domain_unmap(domain, IOVA_BASE, PAGES * PAGE);
	iommu_domain_unmap(domain, IOVA_SCATTERED, PAGES * PAGE);
	iommu_domain_destroy(domain);
	iommu_put(iommu);
	free(stretch.buffer);
}

static void map_memory(struct uiommufd *ctx, uint32_t ioas, const struct device *device)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)device->memory,
		.length = PAGES * PAGE,
		.iova = IOVA_BASE,
	};

	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_MAP, (uintptr_t)&cmd), "IOAS_MAP");
}

int main(void)
{
	struct iommu_ioas_alloc ioas = {.size = sizeof(ioas)};
	struct device device = {.len = SMALL};
	struct uiommufd_iommu *iommu;
	struct uiommufd *ctx;
	uint32_t id;

	device.memory = aligned_alloc(PAGE, PAGES * PAGE);
	device.buffer = aligned_alloc(PAGE, PAGE);
	check(device.memory && device.buffer ? 0 : -ENOMEM, "memory");
	memset(device.memory, 1, PAGES * PAGE);
	memset(device.buffer, 1, PAGE);
	check(uiommufd_open(NULL, &ctx), "open");
	check(uiommufd_iommu_create("intel", "intel0", &iommu), "IOMMU");
	check(uiommufd_endpoint_create(iommu, "bench", &device.endpoint), "endpoint");
	check(uiommufd_endpoint_bind(device.endpoint, ctx, &id), "bind");
	check(uiommufd_ioctl(ctx, NULL, IOMMU_IOAS_ALLOC, (uintptr_t)&ioas), "IOAS_ALLOC");
	id = ioas.out_ioas_id;
	check(uiommufd_endpoint_attach(device.endpoint, UIOMMUFD_NO_PASID, &id), "attach");
	map_memory(ctx, ioas.out_ioas_id, &device);

	bench_table("accesses of a device");
	bench_row("read-side section", measure(&device, do_read_section),
		  measure(&device, do_read_section));
	bench_row("gate", measure(&device, do_gate), measure(&device, do_gate));
	bench_row("translate", measure(&device, do_translate), measure(&device, do_translate));
	compare(&device, "read", do_memcpy_from, do_read);
	compare(&device, "write", do_memcpy_to, do_write);
	compare_recording(&device, "read", do_read);
	device.len = PAGE;
	compare(&device, "read", do_memcpy_from, do_read);
	compare(&device, "write", do_memcpy_to, do_write);
	compare_recording(&device, "write", do_write);
	measure_stretches(device.memory);

	uiommufd_endpoint_destroy(device.endpoint);
	uiommufd_close(ctx);
	uiommufd_iommu_put(iommu);
	free(device.memory);
	free(device.buffer);
	return 0;
}
