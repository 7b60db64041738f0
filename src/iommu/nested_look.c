/* SPDX-License-Identifier: MIT */
/*
 * Inspection of a nested translation: the walk that DMA does (iommu/nested_translate.c), without
 * the IOTLB and without setting bits in the guest's tables. A second walk, as for a write, finds
 * out whether the page is writable, since the first one does not tell for a clean page.
 */
#include "iommu/nested_domain.h"

#include "base/check.h"
#include "base/gate.h"
#include "base/rcu.h"
#include "iommu/iommu_internal.h"
#include "iommu/stage1.h"

enum {
	MAX_WALKS = 8, /* while the guest changes the entries */
};

void stage1_note(struct stage1_walk *walk, bool context, uint64_t ipa, unsigned int level,
		 uint64_t entry)
{
	struct nested_look *look = walk->look;

	if (look->count == NESTED_MAX_STEPS)
		return;
	look->steps[look->count].context = context;
	look->steps[look->count].level = level;
	look->steps[look->count].ipa = ipa;
	look->steps[look->count].entry = entry;
	look->count++;
}

static int walk_once(struct stage1_walk *walk)
{
	int rc;

	rc = walk->domain->stage1->find_context(walk);
	if (rc || walk->context.bypass)
		return rc;
	rc = -EAGAIN;
	for (int i = 0; i < MAX_WALKS && rc == -EAGAIN; i++)
		rc = walk->domain->stage1->walk(walk);
	return rc == -EAGAIN ? stage1_fail(walk, STAGE1_UPDATE) : rc;
}

/* The result where no stage 1 takes part: a page that leads to itself. */
static void look_straight(uint64_t iova, struct nested_look *look)
{
	look->walked = false;
	look->leaf.start = align_down(iova, PAGE_SIZE);
	look->leaf.last = look->leaf.start + PAGE_SIZE - 1;
	look->ipa = iova;
	look->prot = IOPT_READ | IOPT_WRITE;
}

int nested_look_inside(struct iommu_domain *domain, uint32_t pasid, uint64_t iova,
		       struct nested_look *look)
{
	struct nested_look unused = {.count = 0};
	struct stage1_walk walk = {
		.domain = domain, .pasid = pasid, .need = IOPT_READ, .iova = iova, .look = look};
	uint64_t size;

	if (!domain->stage1) {
		look_straight(iova, look);
		return 0;
	}
	if (walk_once(&walk)) {
		stage1_describe(&walk, &look->fault);
		return -ENOENT;
	}
	if (walk.context.bypass) {
		look_straight(iova, look);
		return 0;
	}
	size = UINT64_C(1) << walk.leaf.shift;
	look->walked = true;
	look->leaf.start = align_down(iova, size);
	look->leaf.last = look->leaf.start + size - 1;
	look->ipa = walk.leaf.ipa;
	look->prot = walk.leaf.prot & (IOPT_READ | IOPT_WRITE);

	walk = (struct stage1_walk){.domain = domain,
				    .pasid = pasid,
				    .need = IOPT_WRITE,
				    .iova = iova,
				    .look = &unused};
	if (!walk_once(&walk))
		look->prot |= IOPT_WRITE;
	return 0;
}

const struct iopt_format *iommu_nested_entries(const struct iommu_domain *domain)
{
	if (!domain->stage1)
		return NULL;
	return domain->stage1 == &stage1_soft ? soft_entries(domain) : domain->stage1->entries;
}

int iommu_nested_look(struct iommu_domain *domain, uint32_t pasid, uint64_t iova,
		      struct nested_look *look)
{
	int rc;

	*look = (struct nested_look){.count = 0};
	/* Like DMA: the parent's memory must stay while it is read. */
	if (gate_enter(domain->memory))
		return -ENOMEM;
	rcu_read_lock();
	rc = nested_look_inside(domain, pasid, iova, look);
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	gate_leave();
	return rc;
}
