/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "page.h"

static enum dma_fault_action guest_on_fault(struct iommu_endpoint *endpoint,
					    const struct dma_fault *fault, void *arg)
{
	struct guest *guest = arg;

	(void)endpoint;
	guest->faults++;
	guest->fault = *fault;
	return guest->action;
}

/*
 * The memory behind page @n of the guest: a permutation, as the number of pages is a power of two.
 */
static char *guest_backing(const struct guest *guest, size_t n)
{
	return guest->memory + ((n * 5 + 3) % guest->pages) * PAGE;
}

void guest_map_page(struct guest *guest, size_t n, unsigned int prot)
{
	assert_int_equal(iommu_domain_map(guest->parent, GUEST_BASE + n * PAGE,
					  (uintptr_t)guest_backing(guest, n), PAGE, prot, 0),
			 0);
}

size_t guest_page_of(uint64_t ipa)
{
	return (ipa - GUEST_BASE) / PAGE;
}

void guest_unmap(struct guest *guest, uint64_t ipa)
{
	assert_int_equal(iommu_domain_unmap(guest->parent, ipa & ~UINT64_C(0xfff), PAGE), PAGE);
	iommu_domain_quiesce(guest->parent);
}

struct guest *guest_create_on(struct iommu *iommu, size_t pages)
{
	struct guest *guest = calloc(1, sizeof(*guest));
	int rc;

	assert_non_null(guest);
	guest->pages = pages;
	guest->memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	assert_ptr_not_equal(guest->memory, MAP_FAILED);
	guest->iommu = iommu;
	rc = iommu_domain_create(guest->iommu, DOMAIN_NEST_PARENT, NULL, &guest->parent);
	if (rc == -EOPNOTSUPP)
		rc = iommu_domain_create(guest->iommu, 0, NULL, &guest->parent);
	assert_int_equal(rc, 0);
	for (size_t n = 0; n < pages; n++)
		guest_map_page(guest, n, GUEST_RW);
	assert_int_equal(iommu_endpoint_create(guest->iommu, "device", &guest->device), 0);
	iommu_endpoint_set_fault_handler(guest->device, guest_on_fault, guest);
	return guest;
}

struct guest *guest_create(const char *kind, size_t pages)
{
	struct iommu *iommu;

	assert_int_equal(iommu_create(iommu_kind_find(kind), "iommu0", &iommu), 0);
	return guest_create_on(iommu, pages);
}

void guest_detach(struct guest *guest)
{
	assert_int_equal(iommu_endpoint_set_domain(guest->device, NO_PASID, NULL), 0);
	if (guest->nested)
		iommu_domain_destroy(guest->nested);
	guest->nested = NULL;
}

void guest_attach(struct guest *guest, const struct nested_config *config)
{
	guest_detach(guest);
	assert_int_equal(iommu_nested_create(guest->parent, config, &guest->nested), 0);
	assert_int_equal(iommu_endpoint_set_domain(guest->device, NO_PASID, guest->nested), 0);
}

void guest_destroy(struct guest *guest)
{
	guest_detach(guest);
	iommu_endpoint_destroy(guest->device);
	iommu_domain_destroy(guest->parent);
	iommu_put(guest->iommu);
	munmap(guest->memory, guest->pages * PAGE);
	free(guest);
}

uint64_t guest_alloc(struct guest *guest, size_t count)
{
	uint64_t ipa = GUEST_BASE + guest->used * PAGE;

	guest->used += count;
	assert_true(guest->used <= guest->pages);
	return ipa;
}

void *guest_at(const struct guest *guest, uint64_t ipa)
{
	return guest_backing(guest, guest_page_of(ipa)) + ipa % PAGE;
}

uint64_t *guest_word(const struct guest *guest, uint64_t ipa)
{
	return guest_at(guest, ipa);
}

uint64_t *guest_entry(struct guest *guest, uint64_t root, unsigned int levels, uint64_t iova,
		      unsigned int level, uint64_t table)
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

uint64_t *guest_map_x86(struct guest *guest, uint64_t root, uint64_t iova, unsigned int level,
			uint64_t value)
{
	uint64_t *entry = guest_entry(guest, root, 4, iova, level, X86_ALL);

	*entry = value;
	return entry;
}

uint64_t *guest_map_arm(struct guest *guest, uint64_t root, uint64_t iova, unsigned int level,
			uint64_t value)
{
	uint64_t *entry = guest_entry(guest, root, 4, iova, level, ARM_TABLE);

	*entry = value;
	return entry;
}

int guest_read(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t *value)
{
	return iommu_dma(guest->device, pasid, iova, value, sizeof(*value), DMA_READ);
}

int guest_write(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value)
{
	return iommu_dma(guest->device, pasid, iova, &value, sizeof(value), DMA_WRITE);
}

void guest_reads(struct guest *guest, uint32_t pasid, uint64_t iova, uint64_t value)
{
	uint64_t found = 0;

	assert_int_equal(guest_read(guest, pasid, iova, &found), 0);
	assert_int_equal(found, value);
}

void guest_faults(struct guest *guest, uint32_t pasid, uint64_t iova, bool write,
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
