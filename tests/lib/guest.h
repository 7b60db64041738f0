/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of nested translation: memory that a nesting parent maps page by page, in
 * another order than it lies in, tables that are built in it, and a device that goes through a
 * nested domain. Uses the engine's own interfaces.
 */
#ifndef TESTS_LIB_GUEST_H
#define TESTS_LIB_GUEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/bits.h"
#include "iommu/nested_domain.h"

enum {
	GUEST_PAGE = 4096,
	GUEST_RW = IOPT_READ | IOPT_WRITE,
};

/* Where the parent maps the guest's memory. */
#define GUEST_BASE UINT64_C(0x40000000)

/* x86-64 entries. */
#define X86_P  BIT(0)
#define X86_RW BIT(1)
#define X86_US BIT(2)
#define X86_A  BIT(5)
#define X86_D  BIT(6)
#define X86_PS BIT(7)
#define X86_EA BIT(10)

#define X86_ALL (X86_P | X86_RW | X86_US)

/* AArch64 descriptors. */
#define ARM_BLOCK 1
#define ARM_TABLE 3
#define ARM_PAGE  3
#define ARM_USER  BIT(6)
#define ARM_RO	  BIT(7)
#define ARM_AF	  BIT(10)
#define ARM_NG	  BIT(11)
#define ARM_DBM	  BIT(51)

#define ARM_LEAF (ARM_USER | ARM_AF | ARM_NG)

struct guest {
	struct iommu *iommu;
	struct iommu_domain *parent;
	struct iommu_domain *nested;
	struct iommu_endpoint *device;
	char *memory;
	size_t pages;
	size_t used; /* pages given out */

	unsigned int faults;	/* how many there were */
	struct dma_fault fault; /* the last one */
	enum dma_fault_action action;
};

static inline enum dma_fault_action guest_on_fault(struct iommu_endpoint *endpoint,
						   const struct dma_fault *fault, void *arg)
{
	struct guest *guest = arg;

	(void)endpoint;
	guest->faults++;
	guest->fault = *fault;
	return guest->action;
}

/*
 * The page of memory behind page @n of the guest: another one, each once. @pages is a power of two.
 */
static inline char *guest_backing(const struct guest *guest, size_t n)
{
	return guest->memory + ((n * 5 + 3) % guest->pages) * GUEST_PAGE;
}

static inline void guest_map_page(struct guest *guest, size_t n, unsigned int prot)
{
	assert_int_equal(iommu_domain_map(guest->parent, GUEST_BASE + n * GUEST_PAGE,
					  (uintptr_t)guest_backing(guest, n), GUEST_PAGE, prot, 0),
			 0);
}

static inline size_t guest_page_of(uint64_t ipa)
{
	return (ipa - GUEST_BASE) / GUEST_PAGE;
}

static inline void guest_unmap(struct guest *guest, uint64_t ipa)
{
	assert_int_equal(iommu_domain_unmap(guest->parent, ipa & ~UINT64_C(0xfff), GUEST_PAGE),
			 GUEST_PAGE);
	iommu_domain_quiesce(guest->parent);
}

/* A guest of @pages (a power of two) behind @iommu, which it takes. */
static inline struct guest *guest_create_on(struct iommu *iommu, size_t pages)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	assert_non_null(guest);
	guest->pages = pages;
	guest->memory = mmap(NULL, pages * GUEST_PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(guest->memory, MAP_FAILED);
	guest->iommu = iommu;
	assert_int_equal(
		iommu_domain_create(guest->iommu, DOMAIN_NEST_PARENT, NULL, &guest->parent), 0);
	for (size_t n = 0; n < pages; n++)
		guest_map_page(guest, n, GUEST_RW);
	assert_int_equal(iommu_endpoint_create(guest->iommu, "device", &guest->device), 0);
	iommu_endpoint_set_fault_handler(guest->device, guest_on_fault, guest);
	return guest;
}

/* Behind an IOMMU of @kind. */
static inline struct guest *guest_create(const char *kind, size_t pages)
{
	struct iommu *iommu;

	assert_int_equal(iommu_create(iommu_kind_find(kind), "iommu0", &iommu), 0);
	return guest_create_on(iommu, pages);
}

static inline void guest_detach(struct guest *guest)
{
	assert_int_equal(iommu_endpoint_set_domain(guest->device, NO_PASID, NULL), 0);
	if (guest->nested)
		iommu_domain_destroy(guest->nested);
	guest->nested = NULL;
}

static inline void guest_attach(struct guest *guest, const struct nested_config *config)
{
	guest_detach(guest);
	assert_int_equal(iommu_nested_create(guest->parent, config, &guest->nested), 0);
	assert_int_equal(iommu_endpoint_set_domain(guest->device, NO_PASID, guest->nested), 0);
}

static inline void guest_destroy(struct guest *guest)
{
	guest_detach(guest);
	iommu_endpoint_destroy(guest->device);
	iommu_domain_destroy(guest->parent);
	iommu_put(guest->iommu);
	munmap(guest->memory, guest->pages * GUEST_PAGE);
	free(guest);
}

/* @count fresh pages, all zero: their address. */
static inline uint64_t guest_alloc(struct guest *guest, size_t count)
{
	uint64_t ipa = GUEST_BASE + guest->used * GUEST_PAGE;

	guest->used += count;
	assert_true(guest->used <= guest->pages);
	return ipa;
}

static inline void *guest_at(const struct guest *guest, uint64_t ipa)
{
	return guest_backing(guest, guest_page_of(ipa)) + ipa % GUEST_PAGE;
}

static inline uint64_t *guest_word(const struct guest *guest, uint64_t ipa)
{
	return guest_at(guest, ipa);
}

/*
 * The entry for @iova at @level (from the bottom, 0: pages) of the table of @levels at @root;
 * tables on the way that are missing are made, by entries with the bits @table. Both formats have
 * the same geometry.
 */
static inline uint64_t *guest_entry(struct guest *guest, uint64_t root, unsigned int levels,
				    uint64_t iova, unsigned int level, uint64_t table)
{
	for (unsigned int at = levels - 1;; at--) {
		uint64_t *entry = guest_word(guest, root + (iova >> (12 + 9 * at) & 511) * 8);

		if (at == level)
			return entry;
		if (!*entry)
			*entry = guest_alloc(guest, 1) | table;
		root = *entry & BITS(47, 12);
	}
}

static inline uint64_t *guest_map_x86(struct guest *guest, uint64_t root, uint64_t iova,
				      unsigned int level, uint64_t value)
{
	uint64_t *entry = guest_entry(guest, root, 4, iova, level, X86_ALL);

	*entry = value;
	return entry;
}

static inline uint64_t *guest_map_arm(struct guest *guest, uint64_t root, uint64_t iova,
				      unsigned int level, uint64_t value)
{
	uint64_t *entry = guest_entry(guest, root, 4, iova, level, ARM_TABLE);

	*entry = value;
	return entry;
}

/* DMA of 8 bytes with a PASID (0: none): what was read, or -EFAULT. */
static inline int guest_read(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t *value)
{
	return iommu_dma(guest->device, pasid, iova, value, sizeof(*value), DMA_READ);
}

static inline int guest_write(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value)
{
	return iommu_dma(guest->device, pasid, iova, &value, sizeof(value), DMA_WRITE);
}

/* The device reads @value at @iova. */
static inline void guest_reads(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value)
{
	uint64_t found = 0;

	assert_int_equal(guest_read(guest, pasid, iova, &found), 0);
	assert_int_equal(found, value);
}

/* The device's read, or write, fails: by one fault of @stage, called @name. */
static inline void guest_faults(struct guest *guest, uint32_t pasid, uint64_t iova, bool write,
				unsigned int stage, const char *name)
{
	unsigned int before = guest->faults;
	uint64_t value = 0;

	if (write)
		assert_int_equal(guest_write(guest, pasid, iova, value), -EFAULT);
	else
		assert_int_equal(guest_read(guest, pasid, iova, &value), -EFAULT);
	assert_int_equal(guest->faults, before + 1);
	assert_int_equal(guest->fault.iova, iova);
	assert_int_equal(guest->fault.pasid, pasid);
	assert_int_equal(guest->fault.dir, write ? DMA_WRITE : DMA_READ);
	assert_int_equal(guest->fault.stage, stage);
	assert_string_equal(guest->fault.name, name);
}

#endif
