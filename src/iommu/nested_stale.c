/* SPDX-License-Identifier: MIT */
/*
 * The result of a walk is compared with the one that was used by the bus address, since stage 2 is
 * never stale. Locks: none (nested_stale.h).
 */
#include "iommu/nested_stale.h"

#include "base/check.h"
#include "iommu/iommu_internal.h"
#include "iommu/stage1.h"
#include "iommu/tlb.h"

/* The IPA that the IOTLB has for t->iova. */
static bool find_cached(const struct translation *t, struct tlb *tlb, uint64_t *ipa)
{
	struct tlb_key key = {.domain = t->domain->id, .pasid = t->pasid};
	struct stage1_context context;
	struct tlb_page page;

	if (t->domain->stage1->has_asids) {
		if (!tlb_find_context(tlb, &key, &context))
			return false;
		key.asid = context.asid;
	}
	if (!tlb_find_page(tlb, &key, t->iova, &page))
		return false;
	*ipa = page.leaf.ipa | (t->iova & PAGE_MASK);
	return true;
}

/* Whether the tables lead to t->bus, with the right that was needed. */
static bool still_gives(const struct translation *t, const struct nested_look *look)
{
	struct iopt_leaf leaf;

	return (look->prot & t->need) == t->need &&
	       iopt_translate(t->domain->memory->table, look->ipa, &leaf) && leaf.oa == t->bus;
}

void nested_check_stale(const struct translation *t)
{
	struct stale_finding *stale = t->stale;
	struct tlb *tlb = atomic_load_explicit(&t->endpoint->tlb, memory_order_acquire);

	assert_inside(t->domain);
	if (!tlb || stale->found)
		return;
	stale->generation = tlb_generation(tlb);
	stale->look = (struct nested_look){.count = 0};
	stale->error = nested_look_inside(t->domain, t->pasid, t->iova, &stale->look);
	if (!stale->error && still_gives(t, &stale->look))
		return;
	stale->found = true;
	stale->iova = t->iova;
	stale->dir = t->need & IOPT_WRITE ? DMA_WRITE : DMA_READ;
	stale->cached_known = find_cached(t, tlb, &stale->cached);
}

bool nested_stale_stands(const struct iommu_endpoint *endpoint, const struct stale_finding *stale)
{
	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_acquire);

	return tlb && tlb_generation(tlb) == stale->generation;
}
