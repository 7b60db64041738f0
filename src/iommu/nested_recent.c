/* SPDX-License-Identifier: MIT */
/* See nested_recent.h. */
#include "iommu/nested_recent.h"

#include "base/alloc.h"
#include "iommu/iommu_internal.h"

_Atomic uint64_t recent_counters[RECENT_COUNTERS];

/* ---- counters ---- */

struct recent_stamp recent_stamp_of(const struct tlb *tlb, const struct iommu_domain *memory)
{
	_Atomic uint64_t *counter = recent_counter(memory);
	uint64_t changes = atomic_load_explicit(counter, memory_order_acquire);

	if (!(changes & RECENT_TAKEN)) {
		changes = atomic_fetch_or(counter, RECENT_TAKEN) | RECENT_TAKEN;
		/* The parent's count of unmaps is read after this, for all. */
		fence_after_atomic();
	}
	return (struct recent_stamp){.changes = changes, .forgotten = tlb_forgotten(tlb)};
}

static void change(_Atomic uint64_t *counter)
{
	uint64_t now = atomic_load_explicit(counter, memory_order_acquire);

	/* If it is not taken, or not any more, a thread that takes it later finds the change. */
	if (now & RECENT_TAKEN)
		(void)atomic_compare_exchange_strong(counter, &now, now + 1);
}

void recent_unmapped(const struct iommu_domain *memory)
{
	change(recent_counter(memory));
}

void recent_forget_all(void)
{
	for (size_t i = 0; i < RECENT_COUNTERS; i++)
		change(&recent_counters[i]);
}

/* ---- the entries of a thread ---- */

void recent_add(const struct translation *t, const struct tlb *tlb,
		const struct recent_stamp *stamp, uint64_t bus, uint64_t len)
{
	struct nested_recent *recent = lookaside_recent();
	const uint64_t page = t->iova & ~PAGE_MASK, offset = t->iova & PAGE_MASK;
	const uint64_t key = (uintptr_t)t->domain + LOOKASIDE_USED;
	/* The smallest block that ends where what is contiguous ends, and contains the page. */
	const uint64_t word = page | (log2_floor(len + offset - 1) + 1);
	struct recent_entry *entry;
	unsigned int rights = t->need;

	assert(rcu_read_ongoing());
	if (!recent)
		return;
	entry = &recent->entries[recent_index(t->domain, tlb, page)];
	/* The same answer for other rights. */
	if ((entry->domain & ~(uint64_t)LOOKASIDE_RIGHTS) == key && entry->tlb == tlb &&
	    entry->page == word && entry->bus == bus - offset &&
	    entry->stamp.changes == stamp->changes && entry->stamp.forgotten == stamp->forgotten)
		rights |= (unsigned int)(entry->domain & LOOKASIDE_RIGHTS);
	*entry = (struct recent_entry){
		.domain = key + rights,
		.tlb = tlb,
		.page = word,
		.bus = bus - offset,
		.memory = t->domain->memory,
		.stamp = *stamp,
	};
}
