/* SPDX-License-Identifier: MIT */
/*
 * What a device model pays for an access: uiommufd_translate(), uiommufd_dma_read() and
 * uiommufd_dma_write() of 64 bytes and of 4 KiB, beside the memcpy() that moves the same bytes; and
 * what of it are the parts that keep it correct: the read-side section, and the gate by which an
 * unmap knows of it.
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
#include "iopt/iopt.h"
#include "report/origin.h"

enum {
	PAGES = 256, /* 1 MiB, in the caches: what is measured is not the memory */
	OPERATIONS = 100000,
	SMALL = 64,
};

#define IOVA_BASE UINT64_C(0x100000000)

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

/* Where access @i begins: another page each time. */
static uint64_t offset_of(uint64_t i)
{
	return i % PAGES * PAGE;
}

static void do_memcpy_from(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		memcpy(device->buffer, device->memory + offset_of(i), device->len);
		__asm__ volatile("" : : "r"(device->buffer) : "memory");
	}
}

static void do_memcpy_to(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		memcpy(device->memory + offset_of(i), device->buffer, device->len);
		__asm__ volatile("" : : "r"(device->memory) : "memory");
	}
}

static void do_read(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(uiommufd_dma_read(device->endpoint, UIOMMUFD_NO_PASID,
					IOVA_BASE + offset_of(i), device->buffer, device->len),
		      "read");
}

static void do_write(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++)
		check(uiommufd_dma_write(device->endpoint, UIOMMUFD_NO_PASID,
					 IOVA_BASE + offset_of(i), device->buffer, device->len),
		      "write");
}

static void do_translate(void *arg, uint64_t ops)
{
	const struct device *device = arg;

	for (uint64_t i = 0; i < ops; i++) {
		void *addr;

		check(uiommufd_translate(device->endpoint, UIOMMUFD_NO_PASID,
					 IOVA_BASE + offset_of(i), UIOMMUFD_PROT_READ, &addr, NULL),
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

	uiommufd_endpoint_destroy(device.endpoint);
	uiommufd_close(ctx);
	uiommufd_iommu_put(iommu);
	free(device.memory);
	free(device.buffer);
	return 0;
}
