/* SPDX-License-Identifier: MIT */
/*
 * Nested translation: a guest's own stage-1 tables, in guest memory, on top of the stage 2 that the
 * VMM maps [NESTED-DATA], [FORMAT-VTD], [FORMAT-X86], [FORMAT-ARM].
 *
 * A nested domain has a parent, a paging domain made as nesting parent. Whatever stage 1 consists
 * of (context descriptors, GCR3 tables, page tables) lies at addresses of the parent's IOVA space,
 * and every access to it is translated by the parent. The result of stage 1 is such an address,
 * too. Rights of both stages are intersected; accessed and dirty bits of stage 1 are set in guest
 * memory where its format says.
 *
 * Each endpoint has an IOTLB of what stage 1 gave (nested domains only). A stale entry stays in use
 * until it is invalidated, as on hardware; unmapping from the parent takes effect at once.
 *
 * Requests are unprivileged. Those without a PASID: SMMUv3 as S1DSS says, AMD as GIOV says.
 */
#ifndef IOMMU_NESTED_DOMAIN_H
#define IOMMU_NESTED_DOMAIN_H

#include "iommu/iommu.h"

enum nested_format {
	NESTED_IDENTITY, /* no stage 1: mock hardware, bypass */
	NESTED_ABORT,	 /* everything faults */
	NESTED_VTD,	 /* first-stage x86-64 tables at pgtbl_addr */
	NESTED_SMMUV3,	 /* from an STE: context descriptors, then AArch64 stage 1 */
	NESTED_AMD,	 /* from a guest DTE: GCR3 table, then v2 tables */
};

struct nested_config {
	enum nested_format format;
	union {
		struct {
			uint64_t flags; /* enum iommu_hwpt_vtd_s1_flags */
			uint64_t pgtbl_addr;
			uint32_t addr_width; /* 48 or 57 */
		} vtd;
		uint64_t ste[2]; /* little-endian words as the guest has them, validated */
		uint64_t dte[4];
	};
};

/*
 * A nested domain on @parent, which must outlive it. 0 or -ENOMEM; -EINVAL: @parent is no nesting
 * parent.
 */
int iommu_nested_create(struct iommu_domain *parent, const struct nested_config *config,
			struct iommu_domain **domain);

/* The nesting parent, or NULL for a paging domain. */
struct iommu_domain *iommu_domain_parent(const struct iommu_domain *domain);

/*
 * True if requests with a PASID that has no domain of its own go through the RID's @domain: a
 * nested one, with tables by PASID.
 */
bool iommu_nested_takes_pasids(const struct iommu_domain *domain);

enum {
	NESTED_MAX_STEPS = 16
};

/* What looking at stage 1 found. */
struct nested_look {
	struct iova_range leaf; /* of stage-1 input addresses */
	uint64_t ipa;		/* where the IOVA asked for leads, in the parent's IOVA space */
	unsigned int prot;	/* enum iopt_prot, of stage 1 alone */
	bool walked;		/* false: there is no stage 1 for it, addresses stay as they are */
	struct dma_fault
		fault; /* why it led nowhere: what DMA would have run into, but for the request */

	/* What was read of guest memory, in order: also if it led nowhere. */
	unsigned int count;
	struct {
		bool context;	    /* of a context descriptor or GCR3 table, not of a page table */
		unsigned int level; /* as the format counts */
		uint64_t ipa, entry;
	} steps[NESTED_MAX_STEPS];
};

/*
 * Looks where @iova leads through stage 1 of the nested @domain, without the cache and without
 * setting accessed and dirty bits. 0; -ENOENT: nowhere, and look->fault says why; -ENOMEM. The
 * caller keeps @domain alive.
 */
int iommu_nested_look(struct iommu_domain *domain, uint32_t pasid, uint64_t iova,
		      struct nested_look *look);

/* Which cached translations and structures to forget. */
struct tlb_match {
	const struct iommu_domain *domain; /* of this nested domain; NULL: any */
	bool by_pasid, by_asid, by_range;
	uint32_t pasid;
	uint32_t asid; /* SMMUv3; global entries match only with a range, then whatever the ASID */
	struct iova_range range; /* stage-1 input addresses */
	bool leaf_only;		 /* keep what was cached of upper levels */
	bool config;		 /* instead: cached CDs and GCR3 entries (of @pasid if by_pasid) */
};

/*
 * Forgets in the IOTLB of @endpoint. When it returns, no DMA is using what was forgotten, and none
 * will find it. Thread-safe.
 */
void iommu_tlb_invalidate(struct iommu_endpoint *endpoint, const struct tlb_match *match);

/* As above, for every endpoint that goes through a nested domain on @parent. */
void iommu_tlb_invalidate_parent(struct iommu_domain *parent, const struct tlb_match *match);

/*
 * Turns caching off, for endpoints of @iommu that are created later: what the guest writes counts
 * at once.
 */
void iommu_tlb_disable(struct iommu *iommu);

#endif
