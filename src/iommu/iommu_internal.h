/* SPDX-License-Identifier: MIT */
/* What the files of iommu/ share. */
#ifndef IOMMU_INTERNAL_H
#define IOMMU_INTERNAL_H

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

#include <urcu/list.h>

#include "base/gate.h"
#include "base/rcu.h"
#include "base/ref.h"
#include "iommu/ats.h"
#include "iommu/kind.h"
#include "iommu/nested_domain.h"
#include "iommu/pasids.h"

struct device_record;
struct dma_log;
struct stage1_ops;
struct stale_finding;
struct tlb;

struct iommu {
	const struct iommu_kind *kind;
	struct iommu_kind *own; /* @kind, if only this instance has it; otherwise NULL */
	bool uncached;		/* its endpoints have no IOTLB */
	uint64_t pgsizes;	/* atomic; of its domains without flags; 0: there was none */
	struct ref refs;
	char name[];
};

struct iommu_domain {
	struct iommu *iommu;
	const struct kind_variant *variant;
	unsigned int flags; /* enum domain_flags */
	struct iopt *table;
	bool dirty; /* atomic; DMA writes mark their leaves */

	/*
	 * The domain whose table leads to memory, and the key of the gate: itself, or the parent of
	 * a nested domain, which shares the parent's variant and table.
	 */
	struct iommu_domain *memory;
	uint64_t unmaps; /* atomic; how many there were: makes older results of walks invalid */
	const struct stage1_ops *stage1; /* NULL: none; its output is an IOVA of @memory */
	struct nested_config config;
	uint64_t id; /* of a nested domain; never reused */
};

struct iommu_endpoint {
	struct iommu *iommu;
	struct iommu_domain *rid_domain; /* RCU; NULL: none */
	struct pasid_node *pasids;	 /* RCU; NULL: there never were any */
	uint64_t capabilities;
	uint32_t max_pasids;
	void *driver;
	ats_handler ats_handler; /* NULL: keeps no translations */
	void *ats_arg;
	struct device_record *record;  /* NULL: nothing is recorded */
	unsigned int counted;	       /* for count_device() */
	bool caching;		       /* has an IOTLB for nested translations */
	_Atomic(struct dma_log *) log; /* NULL: off; read inside the gate */
	_Atomic(struct tlb *) tlb;     /* NULL: not needed yet, or no caching */
	struct cds_list_head all;      /* in the list of all endpoints */
	_Atomic(dma_fault_handler) handler;
	_Atomic(void *) handler_arg;   /* stored before @handler */
	_Atomic unsigned int handling; /* calls of @handler in progress */
#ifndef NDEBUG
	bool changing; /* atomic: iommu_endpoint_set_domain() is under way */
#endif
	char name[];
};

/*
 * The domain that a request with @pasid goes through, or NULL. Context: in a read-side critical
 * section.
 */
struct iommu_domain *endpoint_route(const struct iommu_endpoint *endpoint, uint32_t pasid);

/* Adds a new endpoint to the list of all endpoints. */
void nested_track(struct iommu_endpoint *endpoint);

/* Before @endpoint goes through @domain: creates the IOTLB that this needs. 0 or -ENOMEM. */
int nested_prepare(struct iommu_endpoint *endpoint, const struct iommu_domain *domain);

/* After the last DMA of @endpoint through @domain: forgets what is cached for it. */
void nested_forget(struct iommu_endpoint *endpoint, const struct iommu_domain *domain);

/* Removes @endpoint from the list, and frees its IOTLB. */
void nested_release(struct iommu_endpoint *endpoint);

/* How many endpoints keep translations (iommu/ats.h). */
extern atomic_uint ats_endpoints;

/* @endpoint is about to be destroyed. */
void ats_release(struct iommu_endpoint *endpoint);

/*
 * Has @endpoint forget the translations it keeps: those of @range with @pasid; all with @pasid,
 * which went through @domain; those that lead to @range of @memory, a domain without stage 1.
 */
void ats_forget(const struct iommu_endpoint *endpoint, uint32_t pasid, struct iova_range range);
void ats_forget_domain(const struct iommu_endpoint *endpoint, uint32_t pasid,
		       const struct iommu_domain *domain);
void ats_forget_memory(const struct iommu_endpoint *endpoint, const struct iommu_domain *memory,
		       struct iova_range range);

/* ats_forget_memory() for all endpoints. */
void nested_forget_memory(const struct iommu_domain *memory, struct iova_range range);

/*
 * One translation: what a request needs, and what was found. It is made by the thread that
 * translates, and handed down.
 */
struct translation {
	struct iommu_endpoint *endpoint;
	struct iommu_domain *domain; /* that @pasid goes through */
	uint32_t pasid;
	unsigned int need; /* enum iopt_prot */
	uint64_t iova;
	uint64_t want; /* bytes from @iova on that are of interest, at least 1 */

	uint64_t bus; /* result: where @iova leads */
	uint64_t len; /* result: bytes that are contiguous there; may be more or less than @want */
	struct dma_fault *fault;     /* borrowed; result of -EFAULT, without the request */
	struct stale_finding *stale; /* borrowed; NULL: stale translations are not looked for */
};

/* Stands for what read-side critical sections use: domains, and tables of PASIDs (base/rcu.h). */
extern char iommu_domain_readers;

/*
 * Asserts that the calling thread may walk the tables of @domain and of the guest behind it: it is
 * inside the gate of the memory, and in a read-side critical section.
 */
static inline void assert_inside(const struct iommu_domain *domain)
{
	assert(gate_self);
	assert(atomic_load_explicit(&gate_self->key, memory_order_relaxed) == domain->memory);
	assert(rcu_read_ongoing());
	(void)domain;
}

/*
 * Whether the IOTLB of t->endpoint answers nested_translate() at once: then sets *@bus and *@len.
 * Context: in a read-side critical section; need not be inside the gate, since nothing is walked.
 */
bool nested_hit(const struct translation *t, uint64_t *bus, uint64_t *len);

/*
 * Translates through t->domain, which has a stage 1: sets t->bus and t->len. 0, or -EFAULT and
 * *t->fault. Context: inside the gate of domain->memory, in a read-side critical section.
 */
int nested_translate(struct translation *t);

/* iommu_domain_dirty_tracking(), inline. */
static inline bool domain_is_tracked(const struct iommu_domain *domain)
{
	return __atomic_load_n(&domain->memory->dirty, __ATOMIC_ACQUIRE);
}

/*
 * iommu_nested_look() of a nested @domain for a caller that is inside the gate and in a read-side
 * critical section. @look is empty before.
 */
int nested_look_inside(struct iommu_domain *domain, uint32_t pasid, uint64_t iova,
		       struct nested_look *look);

/*
 * Whether DMA logging (iommu/dma_log.h) records a write with @pasid. Context: inside the gate,
 * after the write.
 */
static inline bool dma_is_logged(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	return __builtin_expect(atomic_load_explicit(&endpoint->log, memory_order_relaxed) != NULL,
				0) &&
	       pasid == NO_PASID;
}

/* Records that [@iova, @iova + @len) was written. Context: inside the gate. */
void dma_log_mark(const struct iommu_endpoint *endpoint, uint64_t iova, uint64_t len);

#endif
