/* SPDX-License-Identifier: MIT */
/*
 * Translations that a device keeps: see iommu/ats.h.
 *
 * Cost: nothing for an unmap while no endpoint keeps translations; else a walk of all endpoints.
 */
#include "iommu/ats.h"

#include <assert.h>

#include <uiommufd/iommufd.h>

#include "base/check.h"
#include "base/msan.h"
#include "iommu/iommu_internal.h"
#include "mem/displace.h"
#include "mem/view.h"
#include "trace/events.h"

atomic_uint ats_endpoints;

/* The key of the gate for accesses that go through no domain. */
static const char translated;

void ats_enable(struct iommu_endpoint *endpoint, ats_handler handler, void *arg)
{
	assert(!endpoint->ats_handler);
	endpoint->ats_arg = arg;
	endpoint->ats_handler = handler;
	endpoint->capabilities &= ~(uint64_t)IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	atomic_fetch_add(&ats_endpoints, 1);
}

void ats_release(struct iommu_endpoint *endpoint)
{
	if (endpoint->ats_handler)
		atomic_fetch_sub(&ats_endpoints, 1);
}

/* ---- invalidation ---- */

void ats_forget(const struct iommu_endpoint *endpoint, uint32_t pasid, struct iova_range range)
{
	if (endpoint->ats_handler)
		endpoint->ats_handler(endpoint->ats_arg, pasid, range);
}

void ats_forget_domain(const struct iommu_endpoint *endpoint, uint32_t pasid,
		       const struct iommu_domain *domain)
{
	ats_forget(endpoint, domain->stage1 && pasid == NO_PASID ? ATS_ALL_PASIDS : pasid,
		   IOVA_RANGE_ALL);
}

/*
 * Finds the first PASID from *@pasid on that reaches memory through @memory; @stage1: behind a
 * guest's tables. False: there is none.
 */
static bool find_pasid(const struct iommu_endpoint *endpoint, const struct iommu_domain *memory,
		       uint32_t *pasid, bool *stage1)
{
	const struct iommu_domain *domain;
	bool found = false;

	rcu_read_lock();
	domain = *pasid == NO_PASID ? rcu_load(&endpoint->rid_domain) : NULL;
	found = domain && domain->memory == memory;
	for (; !found && (domain = pasids_next(rcu_load(&endpoint->pasids), pasid));
	     *pasid += !found)
		found = domain->memory == memory;
	*stage1 = found && domain->stage1;
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return found;
}

void ats_forget_memory(const struct iommu_endpoint *endpoint, const struct iommu_domain *memory,
		       struct iova_range range)
{
	uint32_t pasid = NO_PASID;
	bool stage1;

	if (!endpoint->ats_handler)
		return;
	/* What a guest's tables make of the range is not known: everything goes. */
	for (; find_pasid(endpoint, memory, &pasid, &stage1); pasid++)
		ats_forget(endpoint, stage1 && pasid == NO_PASID ? ATS_ALL_PASIDS : pasid,
			   stage1 ? IOVA_RANGE_ALL : range);
}

/* ---- requests ---- */

static bool is_tracked(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	const struct iommu_domain *domain;
	bool tracked;

	rcu_read_lock();
	domain = endpoint_route(endpoint, pasid);
	tracked = domain && domain_is_tracked(domain);
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return tracked;
}

int ats_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, unsigned int prot,
		  struct ats_entry *entry)
{
	void *bus;
	int rc;

	*entry = (struct ats_entry){.iova = iova, .prot = prot};
	if ((prot & IOPT_WRITE) && is_tracked(endpoint, pasid))
		return -EPERM;
	rc = iommu_translate(endpoint, pasid, iova, prot, &bus, &entry->len);
	if (rc)
		return rc;
	entry->bus = (uintptr_t)bus;
	entry->len = min_u64(entry->len - 1, UINT64_MAX - iova) + 1;
	return 0;
}

static int copy(const struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t bus, uint64_t iova,
		void *buf, size_t len, enum dma_dir dir)
{
	void *memory = (void *)(uintptr_t)bus;
	void *dst = dir == DMA_WRITE ? memory : buf;
	int rc = 0;

	if (gate_enter(&translated))
		return -EAGAIN;
	/* Pages that are being moved: their invalidation may be waiting for the device's lock. */
	if (displace_in_progress() || view_copy(dst, dir == DMA_WRITE ? buf : memory, len))
		rc = -EAGAIN;
	else
		msan_written(dst, len);
	if (!rc && dir == DMA_WRITE && dma_is_logged(endpoint, pasid))
		dma_log_mark(endpoint, iova, len);
	gate_leave();
	return rc;
}

int ats_copy(struct iommu_endpoint *endpoint, uint32_t pasid, const struct ats_entry *entry,
	     uint64_t iova, void *buf, size_t len, enum dma_dir dir)
{
	struct event_dma event = {
		.device = endpoint->name,
		.iova = iova,
		.len = len,
		.pasid = pasid,
		.write = dir == DMA_WRITE,
	};
	const bool seen = observed();
	int rc;

	assert(iova >= entry->iova && len <= entry->len && iova - entry->iova <= entry->len - len);
	if (seen)
		event_dma_begin(&event);
	rc = copy(endpoint, pasid, entry->bus + (iova - entry->iova), iova, buf, len, dir);
	if (seen)
		event_dma_end(&event, rc);
	return rc;
}
