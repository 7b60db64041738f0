/* SPDX-License-Identifier: MIT */
/*
 * Nested translation, one request at a time over the pages of a buffer: through the parent alone,
 * and through a guest's tables with the page in the IOTLB, with only its table there, and without a
 * cache. As the device model's look-up, and as DMA of 8 bytes.
 *
 * Compared within the run, in turns: each with the parent alone. The bar is that a hit costs no
 * more than twice that.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../tests/lib/page.h"
#include "bench.h"
#include "iommu/nested_domain.h"

enum {
	TABLE_PAGES = 64,
	BUFFER_PAGES = 512, /* they fit in the IOTLB */
	PAGES = TABLE_PAGES + BUFFER_PAGES,
	OPS = 200000,
};

/* Stage 1 of a kind: bits of its entries, beside the address. All have four levels of 512. */
struct format {
	const char *kind, *title;
	uint64_t table, leaf;
	bool arm;
};

static const struct format formats[] = {
	/* P, RW, US, A, D. The same guest tables on the shallowest and the deepest of parents. */
	{"intel", "first-stage tables on a parent of 4K pages (intel)", 0x67, 0x67, false},
	{"amd", "the same on AMD v1 tables (amd)", 0x67, 0x67, false},
	/* Valid, table or page, unprivileged, accessed, not global. */
	{"smmuv3", "AArch64 stage 1 by a context descriptor (smmuv3)", 0x3, 0xc43, true},
};

#define GUEST_BASE UINT64_C(0x40000000)
/* Below the half of every format. */
#define IOVA	   UINT64_C(0x7f0000000000)

struct guest {
	const struct format *format;
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
			*entry = new_table(guest) | guest->format->table;
		table = *entry & ~UINT64_C(0xfff);
	}
	*entry_at(guest, table + (iova >> 12 & 511) * 8) = ipa | guest->format->leaf;
}

/* The parent's pages are small, as for memory that is scattered. */
static void open_guest(struct guest *guest, const struct format *format, bool cached)
{
	memset(guest, 0, sizeof(*guest));
	guest->format = format;
	guest->memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	check(guest->memory == MAP_FAILED ? -12 : 0, "memory");
	check(iommu_create(iommu_kind_find(format->kind), "iommu0", &guest->iommu), "IOMMU");
	if (!cached)
		iommu_tlb_disable(guest->iommu);
	check(iommu_domain_create(guest->iommu, DOMAIN_NEST_PARENT, NULL, &guest->parent),
	      "parent");
	check(iommu_domain_map(guest->parent, GUEST_BASE, (uintptr_t)guest->memory,
			       (uint64_t)PAGES * PAGE, IOPT_READ | IOPT_WRITE, PAGE),
	      "map");
	check(iommu_endpoint_create(guest->iommu, "bench", &guest->device), "device");
	check(iommu_endpoint_set_domain(guest->device, 0, guest->parent), "attach");
	guest->base = GUEST_BASE + (uint64_t)TABLE_PAGES * PAGE;
}

/* For 48 bits at @root: T0SZ, EPD1, V, IPS, AA64, R, ASID. */
static uint64_t context_descriptor(struct guest *guest, uint64_t root)
{
	const uint64_t ipa = new_table(guest);

	entry_at(guest, ipa)[0] = 16 | UINT64_C(1) << 30 | UINT64_C(1) << 31 | UINT64_C(5) << 32 |
				  UINT64_C(1) << 41 | UINT64_C(1) << 45 | UINT64_C(1) << 48;
	entry_at(guest, ipa)[1] = root;
	return ipa;
}

static void nest(struct guest *guest)
{
	const uint64_t root = new_table(guest);
	struct nested_config config = {
		.format = NESTED_VTD,
		.vtd = {.pgtbl_addr = root, .addr_width = 48},
	};

	for (uint64_t i = 0; i < BUFFER_PAGES; i++)
		map(guest, root, IOVA + i * PAGE, guest->base + i * PAGE);
	if (guest->format->arm)
		config = (struct nested_config){
			.format = NESTED_SMMUV3,
			/* Valid, stage 1; one descriptor. */
			.ste = {1 | 5 << 1 | context_descriptor(guest, root), 0},
		};
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
		uint64_t len;
		void *bus;

		check(iommu_translate(((struct guest *)arg)->device, 0, next_iova(arg), IOPT_READ,
				      &bus, &len),
		      "translate");
		bench_use((uintptr_t)bus);
	}
}

static void dma(void *arg, uint64_t ops)
{
	for (uint64_t i = 0; i < ops; i++) {
		uint64_t value;

		check(iommu_dma(((struct guest *)arg)->device, 0, next_iova(arg), &value,
				sizeof(value), DMA_READ),
		      "DMA");
		bench_use(value);
	}
}

/* Each batch begins with the leaves forgotten, and asks once for each page. */
static void forget_leaves(void *arg)
{
	const struct tlb_match match = {.leaf_only = true};

	iommu_tlb_invalidate(((struct guest *)arg)->device, &match);
}

struct row {
	const char *name;
	const char *bar; /* of a nested one over the parent alone; NULL: none */
	bool cached;
	struct bench_case bench;
};

/* What the parent alone costs, then what is compared with that. */
static const struct row translations[] = {
	{"translate: parent alone", NULL, true, {.body = translate, .ops = OPS}},
	{"translate: nested, IOTLB hit",
	 "a translation that hits the IOTLB",
	 true,
	 {.body = translate, .ops = OPS}},
	{"translate: nested, table cached",
	 NULL,
	 true,
	 {.setup = forget_leaves, .body = translate, .ops = BUFFER_PAGES}},
	{"translate: nested, no cache", NULL, false, {.body = translate, .ops = OPS}},
};
static const struct row transfers[] = {
	{"DMA of 8 bytes: parent alone", NULL, true, {.body = dma, .ops = OPS}},
	{"DMA of 8 bytes: nested, IOTLB hit",
	 "DMA that hits the IOTLB",
	 true,
	 {.body = dma, .ops = OPS}},
	{"DMA of 8 bytes: nested, no cache", NULL, false, {.body = dma, .ops = OPS}},
};

/* @row nested, in turns with @plain, which is not. */
static void measure_nested(const struct format *format, const struct row *plain,
			   const struct row *row, bool first)
{
	struct bench_case bench = row->bench, reference = plain->bench;
	struct guest alone, guest;
	struct bench_pair pair;
	char name[96];

	open_guest(&alone, format, true);
	open_guest(&guest, format, row->cached);
	nest(&guest);
	reference.arg = &alone;
	bench.arg = &guest;
	pair = bench_pair(&reference, &bench);
	if (first)
		bench_row(plain->name, pair.first, pair.first);
	bench_row(row->name, pair.second, pair.first);
	if (row->bar) {
		snprintf(name, sizeof(name), "%s: %s, nested over the parent alone", format->kind,
			 row->bar);
		bench_at_most(name, pair.ratio, 2, "x");
	}
	close_guest(&alone);
	close_guest(&guest);
}

static void measure(const struct format *format)
{
	bench_table(format->title);
	for (size_t i = 1; i < sizeof(translations) / sizeof(translations[0]); i++)
		measure_nested(format, &translations[0], &translations[i], i == 1);
	for (size_t i = 1; i < sizeof(transfers) / sizeof(transfers[0]); i++)
		measure_nested(format, &transfers[0], &transfers[i], i == 1);
}

int main(void)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		measure(&formats[i]);
	return 0;
}
