/* SPDX-License-Identifier: MIT */
/*
 * A guest for tests of nested translation, through the engine's own interfaces: memory that a
 * nesting parent maps page by page, in an order other than that of the addresses; stage 1 tables in
 * it; and a device behind a nested domain.
 */
#ifndef TESTS_LIB_GUEST_H
#define TESTS_LIB_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bits.h"
#include "iommu/nested_domain.h"

enum {
	GUEST_RW = IOPT_READ | IOPT_WRITE,
};

/* The guest physical address (IPA) at which the guest's memory starts. */
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
	size_t used; /* pages that guest_alloc() has returned */

	unsigned int faults;	      /* how many have happened */
	struct dma_fault fault;	      /* the last one */
	enum dma_fault_action action; /* the answer to the next ones */
};

/*
 * A guest of @pages (a power of two), all mapped, behind an IOMMU of @kind, or behind @iommu, which
 * it takes; by a nesting parent, where the kind has one. The device is not attached yet. Return
 * owned.
 */
struct guest *guest_create(const char *kind, size_t pages);
struct guest *guest_create_on(struct iommu *iommu, size_t pages);
void guest_destroy(struct guest *guest);

/* Attaches the device to a new nested domain in place of the one before; detaches it. */
void guest_attach(struct guest *guest, const struct nested_config *config);
void guest_detach(struct guest *guest);

/* The number of the guest's page at @ipa; the parent maps page @n, or unmaps the page at @ipa. */
size_t guest_page_of(uint64_t ipa);
void guest_map_page(struct guest *guest, size_t n, unsigned int prot);
void guest_unmap(struct guest *guest, uint64_t ipa);

/* Returns the address of @count fresh pages, all zero. */
uint64_t guest_alloc(struct guest *guest, size_t count);

/* The memory at @ipa, up to the end of its page. */
void *guest_at(const struct guest *guest, uint64_t ipa);
uint64_t *guest_word(const struct guest *guest, uint64_t ipa);

/*
 * Returns the entry for @iova at @level (0 is that of pages) of the table of @levels at @root.
 * Missing tables on the way are created, with entries that have the bits @table. x86-64 and AArch64
 * have the same geometry.
 */
uint64_t *guest_entry(struct guest *guest, uint64_t root, unsigned int levels, uint64_t iova,
		      unsigned int level, uint64_t table);

/* Set that entry, in a table of four levels, to @value, and return it. */
uint64_t *guest_map_x86(struct guest *guest, uint64_t root, uint64_t iova, unsigned int level,
			uint64_t value);
uint64_t *guest_map_arm(struct guest *guest, uint64_t root, uint64_t iova, unsigned int level,
			uint64_t value);

/* A DMA of 8 bytes with @pasid (0: none): 0 or -EFAULT. */
int guest_read(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t *value);
int guest_write(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value);

/* Asserts that the device reads @value at @iova. */
void guest_reads(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value);

/* Asserts that a read or write of the device fails with one fault, of @stage and called @name. */
void guest_faults(struct guest *guest, uint32_t pasid, uint64_t iova, bool write,
		  unsigned int stage, const char *name);

#endif
