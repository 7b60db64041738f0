/* SPDX-License-Identifier: MIT */
/* What the files of iommu/ share. */
#ifndef IOMMU_INTERNAL_H
#define IOMMU_INTERNAL_H

#include <errno.h>
#include <stdatomic.h>

#include <urcu/list.h>

#include "iommu/kind.h"
#include "iommu/nested_domain.h"

struct dma_log;
struct stage1_ops;
struct tlb;

struct iommu {
	const struct iommu_kind *kind;
	struct iommu_kind *own; /* the kind, if it is this one's only; NULL */
	bool uncached;		/* its endpoints have no IOTLB */
	uint32_t refs;
	char name[];
};

struct iommu_domain {
	struct iommu *iommu;
	const struct kind_variant *variant;
	unsigned int flags; /* enum domain_flags */
	struct iopt *table;
	bool dirty; /* DMA writes mark their leaves */

	/*
	 * The paging domain by which memory is reached, also the key of the gate: itself, or the
	 * parent, with which a nested domain shares variant and table.
	 */
	struct iommu_domain *memory;
	uint64_t unmaps; /* counts them; what a walk found before the last may be gone */
	const struct stage1_ops *stage1; /* NULL: none; addresses are those of @memory */
	struct nested_config config;
	uint64_t id; /* of a nested domain, never used again */
};

/* The domains of PASIDs: replaced whole, so that DMA reads it without a lock. Sorted by PASID. */
struct pasid_table {
	size_t count;
	struct {
		uint32_t pasid;
		struct iommu_domain *domain;
	} entries[];
};

struct iommu_endpoint {
	struct iommu *iommu;
	_Atomic(struct iommu_domain *) rid_domain;
	_Atomic(struct pasid_table *) pasids; /* NULL: none; freed after a grace period */
	uint64_t capabilities;
	uint32_t max_pasids;
	void *driver;
	bool caching;		       /* nested translations */
	_Atomic(struct dma_log *) log; /* NULL: off; looked at inside the gate */
	_Atomic(struct tlb *) tlb;     /* NULL: none needed yet, or no caching */
	struct cds_list_head all;      /* in the list of all endpoints */
	_Atomic(dma_fault_handler) handler;
	_Atomic(void *) handler_arg;   /* stored before the handler */
	_Atomic unsigned int handling; /* calls of the handler in progress */
	char name[];
};

/* The domain that a request with @pasid goes through, in a read-side critical section. */
struct iommu_domain *endpoint_route(const struct iommu_endpoint *endpoint, uint32_t pasid);

/* Adds a new endpoint to the list of all. */
void nested_track(struct iommu_endpoint *endpoint);

/* Before @endpoint goes through @domain: it has the cache that this needs. 0 or -ENOMEM. */
int nested_prepare(struct iommu_endpoint *endpoint, const struct iommu_domain *domain);

/* After the last DMA of @endpoint through @domain: forgets what is cached of it. */
void nested_forget(struct iommu_endpoint *endpoint, const struct iommu_domain *domain);

/* Takes it out of the list, and frees the cache. */
void nested_release(struct iommu_endpoint *endpoint);

/*
 * Whether the cache of @endpoint answers nested_translate() at once. Nothing is walked: caller is
 * in a read-side critical section, and need not be inside the gate.
 */
bool nested_hit(const struct iommu_endpoint *endpoint, const struct iommu_domain *domain,
		uint32_t pasid, uint64_t iova, unsigned int need, uint64_t *bus, uint64_t *len);

/*
 * Where @iova leads through @domain, which has a stage 1, for an access with the rights @need:
 * *@bus, and *@len bytes that are contiguous there. 0, or -EFAULT and *@fault says why, but for the
 * request. Caller is inside the gate of domain->memory and in a read-side critical section.
 */
int nested_translate(struct iommu_endpoint *endpoint, struct iommu_domain *domain, uint32_t pasid,
		     uint64_t iova, unsigned int need, uint64_t *bus, uint64_t *len,
		     struct dma_fault *fault);

/*
 * Whether DMA logging (iommu/dma_log.h) wants to know what was written with @pasid: asked inside
 * the gate, once it is.
 */
static inline bool dma_is_logged(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	return __builtin_expect(atomic_load_explicit(&endpoint->log, memory_order_relaxed) != NULL,
				0) &&
	       pasid == NO_PASID;
}
void dma_log_mark(const struct iommu_endpoint *endpoint, uint64_t iova, uint64_t len);

#endif
