/* SPDX-License-Identifier: MIT */
/*
 * Nested domains and the IOTLBs of their endpoints: creation, and invalidation. The translation
 * itself is in nested_translate.c.
 *
 * Locks: endpoints_lock guards the list of endpoints, which an invalidation for a parent goes
 * through. What an endpoint goes through is read under RCU.
 *
 * Cost: an invalidation looks at each entry of the cache concerned (tlb_forget()) and waits for the
 * DMA in flight through the parent.
 */
#include "iommu/nested_domain.h"

#include "base/alloc.h"
#include "base/gate.h"
#include "base/lock.h"
#include "iommu/iommu_internal.h"
#include "iommu/nested_recent.h"
#include "iommu/stage1.h"
#include "iommu/tlb.h"
#include "trace/events.h"

static struct lock endpoints_lock = LOCK_INIT(LOCK_ENDPOINTS);
static struct cds_list_head endpoints GUARDED_BY(endpoints_lock) = CDS_LIST_HEAD_INIT(endpoints);
static uint64_t last_id; /* of nested domains; atomic */

/* ---- domains ---- */

static const struct stage1_ops *stage1_of(enum nested_format format)
{
	switch (format) {
	case NESTED_IDENTITY:
		return NULL;
	case NESTED_ABORT:
		return &stage1_abort;
	case NESTED_VTD:
		return &stage1_vtd;
	case NESTED_SMMUV3:
		return &stage1_smmuv3;
	case NESTED_AMD:
		return &stage1_amd;
	case NESTED_SOFT:
		return &stage1_soft;
	}
	return &stage1_abort;
}

int iommu_nested_create(struct iommu_domain *parent, const struct nested_config *config,
			struct iommu_domain **out)
{
	struct iommu_domain *domain;

	if (parent->memory != parent ||
	    (!(parent->flags & DOMAIN_NEST_PARENT) && config->format != NESTED_SOFT))
		return -EINVAL;
	domain = alloc_zeroed(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->iommu = iommu_get(parent->iommu);
	domain->variant = parent->variant;
	domain->table = parent->table;
	domain->memory = parent;
	domain->stage1 = stage1_of(config->format);
	domain->config = *config;
	domain->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	*out = domain;
	return 0;
}

struct iommu_domain *iommu_domain_parent(const struct iommu_domain *domain)
{
	return domain->memory == domain ? NULL : domain->memory;
}

bool iommu_nested_takes_pasids(const struct iommu_domain *domain)
{
	return domain->memory != domain && (!domain->stage1 || domain->stage1->by_pasid);
}

/* ---- invalidation ---- */

void iommu_tlb_disable(struct iommu *iommu)
{
	iommu->uncached = true;
}

void nested_track(struct iommu_endpoint *endpoint)
{
	lock_acquire(&endpoints_lock);
	cds_list_add(&endpoint->all, &endpoints);
	lock_release(&endpoints_lock);
}

int nested_prepare(struct iommu_endpoint *endpoint, const struct iommu_domain *domain)
{
	struct tlb *tlb;

	if (!domain || !domain->stage1 || !endpoint->caching ||
	    atomic_load_explicit(&endpoint->tlb, memory_order_relaxed))
		return 0;
	tlb = tlb_create();
	if (!tlb)
		return -ENOMEM;
	atomic_store_explicit(&endpoint->tlb, tlb, memory_order_release);
	return 0;
}

void nested_forget(struct iommu_endpoint *endpoint, const struct iommu_domain *domain)
{
	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_relaxed);
	const struct tlb_match translations = {0}, contexts = {.config = true};

	if (!tlb || !domain->stage1)
		return;
	tlb_forget(tlb, &translations, domain->id);
	tlb_forget(tlb, &contexts, domain->id);
}

void nested_release(struct iommu_endpoint *endpoint)
{
	lock_acquire(&endpoints_lock);
	cds_list_del(&endpoint->all);
	lock_release(&endpoints_lock);
	ats_release(endpoint);
	recent_forget_all(); /* another IOTLB may have the same address */
	tlb_destroy(atomic_load_explicit(&endpoint->tlb, memory_order_relaxed));
}

static void observe_forget(const struct iommu_endpoint *endpoint, const struct tlb_match *match)
{
	const struct iommu_domain *domain = match->domain;
	struct event_table table;

	if (!domain)
		domain = rcu_load(&endpoint->rid_domain);
	if (!domain || match->config)
		return;
	table = (struct event_table){
		.domain = domain,
		.iommu = endpoint->iommu->name,
		.kind = endpoint->iommu->kind->name,
	};
	event_invalidate(&table, match->by_range ? match->range : IOVA_RANGE_ALL);
}

static bool forget(struct iommu_endpoint *endpoint, const struct tlb_match *match)
{
	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_acquire);

	if (tlb)
		tlb_forget(tlb, match, match->domain ? match->domain->id : 0);
	if (observed())
		observe_forget(endpoint, match);
	return tlb;
}

/*
 * Calls @visit for each domain that @endpoint goes through, until it returns true; says whether it
 * did.
 */
static bool any_domain(struct iommu_endpoint *endpoint,
		       bool (*visit)(struct iommu_domain *domain, void *arg), void *arg)
{
	struct iommu_domain *domain;
	uint32_t pasid = NO_PASID;
	bool stop;

	rcu_read_lock();
	domain = rcu_load(&endpoint->rid_domain);
	stop = domain && visit(domain, arg);
	for (; !stop && (domain = pasids_next(rcu_load(&endpoint->pasids), &pasid)); pasid++)
		stop = visit(domain, arg);
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return stop;
}

/*
 * Waits for the DMA through @domain that is in flight, unless the domain visited before (*@arg) has
 * the same parent.
 */
static bool wait_for(struct iommu_domain *domain, void *arg)
{
	const struct iommu_domain **last = arg;

	if (domain->stage1 && domain->memory != *last)
		gate_wait(domain->memory);
	*last = domain->memory;
	return false;
}

void iommu_tlb_invalidate(struct iommu_endpoint *endpoint, const struct tlb_match *match)
{
	const struct iommu_domain *last = NULL;

	/*
	 * Only domains that it goes through now: iommu_endpoint_set_domain() waits for the others.
	 */
	if (forget(endpoint, match))
		(void)any_domain(endpoint, wait_for, &last);
	ats_forget(endpoint, ATS_ALL_PASIDS, IOVA_RANGE_ALL);
}

void nested_forget_memory(const struct iommu_domain *memory, struct iova_range range)
{
	struct iommu_endpoint *endpoint;

	lock_acquire(&endpoints_lock);
	cds_list_for_each_entry (endpoint, &endpoints, all)
		ats_forget_memory(endpoint, memory, range);
	lock_release(&endpoints_lock);
}

static bool is_on(struct iommu_domain *domain, void *parent)
{
	return domain->stage1 && domain->memory == parent;
}

void iommu_tlb_invalidate_parent(struct iommu_domain *parent, const struct tlb_match *match)
{
	struct iommu_endpoint *endpoint;
	bool forgot = false;

	lock_acquire(&endpoints_lock);
	cds_list_for_each_entry (endpoint, &endpoints, all) {
		if (!any_domain(endpoint, is_on, parent))
			continue;
		forgot |= forget(endpoint, match);
		ats_forget(endpoint, ATS_ALL_PASIDS, IOVA_RANGE_ALL);
	}
	lock_release(&endpoints_lock);
	if (forgot)
		gate_wait(parent);
}

/* The child has one thread, and no lock is held: fork waited for that (base/world.h). */
void iommu_after_fork(void) NO_LOCK_ANALYSIS
{
	struct iommu_endpoint *endpoint;

	cds_list_for_each_entry (endpoint, &endpoints, all) {
		struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_relaxed);

		atomic_store(&endpoint->handling, 0);
		if (tlb)
			tlb_after_fork(tlb);
	}
}

/* ---- NESTED_ABORT: no tables, every request fails ---- */

static int abort_context(struct stage1_walk *walk)
{
	return stage1_fail(walk, STAGE1_ABORT);
}

/* Hardware aborts such a request without an event. */
static void abort_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	(void)walk;
	fault->name = "abort";
}

const struct stage1_ops stage1_abort = {
	.find_context = abort_context,
	.describe = abort_describe,
	.by_pasid = true,
};
