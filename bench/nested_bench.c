/* SPDX-License-Identifier: MIT */
/*
 * Nested translation, one request at a time over the pages of a buffer: through the parent alone, and through a guest's tables with the
 * page in the IOTLB, with only its table there, and without a cache. As the device model's look-up, and as DMA of 8 bytes.
 *
 * Compared within the run: each with the parent alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bench.h"
#include "iommu/nested.h"

enum {
	PAGE = 4096,
	TABLE_PAGES = 64,
	BUFFER_PAGES = 512, /* they fit in the IOTLB */
	PAGES = TABLE_PAGES + BUFFER_PAGES,
	OPS = 200000,
	ENTRY_BITS = 0x67, /* P, RW, US, A, D */
};

#define GUEST_BASE UINT64_C(0x40000000)
#define IOVA	   UINT64_C(0x7f0000000000)

struct guest {
	struct iommu *iommu;
	struct iommu_domain *parent, *nested;
	struct iommu_endpoint *device;
	char *memory;
	uint64_t used;
	uint64_t base; /* of the buffer, as the device sees it */
	unsigned int position;
};

static void check(int rc, const char *what)
{
	if (!rc)
		return;
	fprintf(stderr, "nested_bench: %s: %s\n", what, strerror(-rc));
	exit(1);
}

static uint64_t *entry_at(struct guest *guest, uint64_t ipa)
{
	return (uint64_t *)(void *)(guest->memory + (ipa - GUEST_BASE));
}

static uint64_t new_table(struct guest *guest)
{
	return GUEST_BASE + guest->used++ * PAGE;
}

static void map(struct guest *guest, uint64_t root, uint64_t iova, uint64_t ipa)
{
	uint64_t table = root;

	for (unsigned int level = 3; level; level--) {
		uint64_t *entry = entry_at(guest, table + (iova >> (12 + 9 * level) & 511) * 8);

		if (!*entry)
			*entry = new_table(guest) | ENTRY_BITS;
		table = *entry & ~UINT64_C(0xfff);
	}
	*entry_at(guest, table + (iova >> 12 & 511) * 8) = ipa | ENTRY_BITS;
}

/* The parent's pages are small, as for memory that is scattered. */
static void open_guest(struct guest *guest, const char *kind, bool cached)
{
	memset(guest, 0, sizeof(*guest));
	guest->memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(guest->memory == MAP_FAILED ? -12 : 0, "memory");
	iommu_tlb_enable(cached);
	check(iommu_create(iommu_kind_find(kind), "iommu0", &guest->iommu), "IOMMU");
	check(iommu_domain_create(guest->iommu, IOMMU_DOMAIN_NEST_PARENT, NULL, &guest->parent),
	      "parent");
	check(iommu_domain_map(guest->parent, GUEST_BASE, (uintptr_t)guest->memory,
			       (uint64_t)PAGES * PAGE, IOPT_READ | IOPT_WRITE, PAGE),
	      "map");
	check(iommu_endpoint_create(guest->iommu, "bench", &guest->device), "device");
	check(iommu_endpoint_set_domain(guest->device, 0, guest->parent), "attach");
	guest->base = GUEST_BASE + (uint64_t)TABLE_PAGES * PAGE;
}

static void nest(struct guest *guest)
{
	struct iommu_nested_config config = {.format = IOMMU_NESTED_VTD, .vtd.addr_width = 48};

	config.vtd.pgtbl_addr = new_table(guest);
	for (uint64_t i = 0; i < BUFFER_PAGES; i++)
		map(guest, config.vtd.pgtbl_addr, IOVA + i * PAGE, guest->base + i * PAGE);
	check(iommu_nested_create(guest->parent, &config, &guest->nested), "nest");
	check(iommu_endpoint_set_domain(guest->device, 0, guest->nested), "attach");
	guest->base = IOVA;
}

static void close_guest(struct guest *guest)
{
	check(iommu_endpoint_set_domain(guest->device, 0, NULL), "detach");
	iommu_endpoint_destroy(guest->device);
	if (guest->nested)
		iommu_domain_destroy(guest->nested);
	iommu_domain_destroy(guest->parent);
	iommu_put(guest->iommu);
	munmap(guest->memory, (size_t)PAGES * PAGE);
}

static uint64_t next_iova(struct guest *guest)
{
	/* Odd: each page in turn, none after its neighbour. */
	guest->position += 211;
	return guest->base + (uint64_t)(guest->position % BUFFER_PAGES) * PAGE;
}

static void translate(void *arg, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t bus, len;

		check(iommu_translate(((struct guest *)arg)->device, 0, next_iova(arg), IOPT_READ,
				      &bus, &len),
		      "translate");
		bench_use(bus);
	}
}

static void dma(void *arg, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t value;

		check(iommu_dma(((struct guest *)arg)->device, 0, next_iova(arg), &value,
				sizeof(value), IOMMU_DMA_READ),
		      "DMA");
		bench_use(value);
	}
}

/* Each batch begins with the leaves forgotten, and asks once for each page. */
static void forget_leaves(void *arg)
{
	const struct iommu_tlb_match match = {.leaf_only = true};

	iommu_tlb_invalidate(((struct guest *)arg)->device, &match);
}

struct row {
	const char *name;
	bool nested, cached;
	struct bench_case bench;
};

static const struct row rows[] = {
	{"translate: parent alone", false, true, {.body = translate, .ops = OPS}},
	{"translate: nested, IOTLB hit", true, true, {.body = translate, .ops = OPS}},
	{"translate: nested, table cached",
	 true,
	 true,
	 {.setup = forget_leaves, .body = translate, .ops = BUFFER_PAGES}},
	{"translate: nested, no cache", true, false, {.body = translate, .ops = OPS}},
	{"DMA of 8 bytes: parent alone", false, true, {.body = dma, .ops = OPS}},
	{"DMA of 8 bytes: nested, IOTLB hit", true, true, {.body = dma, .ops = OPS}},
	{"DMA of 8 bytes: nested, no cache", true, false, {.body = dma, .ops = OPS}},
};

static void measure(const char *kind)
{
	struct bench_result reference = {0};
	char title[80];

	snprintf(title, sizeof(title), "first-stage tables on a parent of 4K pages (%s)", kind);
	bench_table(title);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bench_case bench = rows[i].bench;
		struct bench_result result;
		struct guest guest;

		open_guest(&guest, kind, rows[i].cached);
		if (rows[i].nested)
			nest(&guest);
		bench.arg = &guest;
		result = bench_run(&bench);
		if (!rows[i].nested)
			reference = result;
		bench_row(rows[i].name, result, reference);
		close_guest(&guest);
	}
}

int main(void)
{
	/* The same guest tables on the shallowest and the deepest of parents. */
	measure("intel");
	measure("amd");
	return 0;
}
