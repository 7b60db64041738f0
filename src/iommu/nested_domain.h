/* SPDX-License-Identifier: MIT */
/*
 * Nested translation: a guest's own stage-1 tables, in guest memory, on top of the stage 2 that the
 * VMM maps [NESTED-DATA], [FORMATS].
 *
 * A nested domain has a parent: a paging domain created with DOMAIN_NEST_PARENT, or for software
 * nesting [EXT-SOFT-NESTING] any paging domain. All that stage 1
 * consists of (context descriptors, GCR3 tables, page tables) lies in the parent's IOVA space, and
 * every access to it is translated by the parent. The output of stage 1 is an address in that space
 * as well. A request needs its right in both stages. Accessed and dirty bits of stage 1 are set in
 * guest memory, as its format specifies.
 *
 * Each endpoint has an IOTLB for nested domains. A stale entry of stage 1 stays in use until it is
 * invalidated, as on hardware; an unmap from the parent takes effect at once.
 *
 * Requests are unprivileged. S1DSS (SMMUv3) or GIOV (AMD) decides about those without a PASID.
 */
#ifndef IOMMU_NESTED_DOMAIN_H
#define IOMMU_NESTED_DOMAIN_H

#include "iommu/iommu.h"

enum nested_format {
	NESTED_IDENTITY, /* no stage 1: mock hardware, bypass */
	NESTED_ABORT,	 /* every request fails */
	NESTED_VTD,	 /* first-stage x86-64 tables at pgtbl_addr */
	NESTED_SMMUV3,	 /* from an STE: context descriptors, then AArch64 stage 1 */
	NESTED_AMD,	 /* from a guest DTE: GCR3 table, then v2 tables */
	NESTED_SOFT,	 /* a table of any format, whatever the hardware: nested_soft_config() */
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
		struct {
			uint32_t format; /* enum iommu_soft_s1_format */
			bool marks;	 /* accessed and dirty bits are set */
			uint64_t root;
			uint32_t width; /* of input addresses */
		} soft;
	};
};

/*
 * Fills in *@config for software nesting: a table of @format (enum iommu_soft_s1_format) at @root,
 * with input addresses of @width bits (0: the format's greatest). 0; -EOPNOTSUPP: there is no such
 * format; -EINVAL: it has no such root or width.
 */
int nested_soft_config(uint32_t format, uint64_t root, uint32_t width, bool marks,
		       struct nested_config *config);

/*
 * Creates a nested domain on @parent, which must outlive it. The caller owns it
 * (iommu_domain_destroy()). NESTED_SOFT takes any paging domain as parent. 0; -ENOMEM; -EINVAL:
 * @parent is not a nesting parent.
 */
int iommu_nested_create(struct iommu_domain *parent, const struct nested_config *config,
			struct iommu_domain **domain);

/* The nesting parent, or NULL for a paging domain. */
struct iommu_domain *iommu_domain_parent(const struct iommu_domain *domain);

/* The name of the format of software nesting; NULL: @domain has a format of its kind. */
const char *iommu_soft_format_name(const struct iommu_domain *domain);

/*
 * Whether requests with a PASID that has no domain of its own go through the RID's @domain: it is
 * nested, and finds its tables by PASID.
 */
bool iommu_nested_takes_pasids(const struct iommu_domain *domain);

enum {
	NESTED_MAX_STEPS = 16
};

/* What iommu_nested_look() found. */
struct nested_look {
	struct iova_range leaf; /* input addresses of the stage-1 leaf */
	uint64_t ipa;		/* output of stage 1: in the parent's IOVA space */
	unsigned int prot;	/* enum iopt_prot, of stage 1 alone */
	bool walked;		/* false: no stage 1 takes part, addresses do not change */
	struct dma_fault fault; /* if it failed: that of a DMA, without the request */

	/* What was read from guest memory, in order; also if the walk failed. */
	unsigned int count;
	struct {
		bool context;	    /* a word of a context descriptor or GCR3 table */
		unsigned int level; /* in the format's numbering */
		uint64_t ipa, entry;
	} steps[NESTED_MAX_STEPS];
};

/*
 * Translates @iova through stage 1 of the nested @domain for inspection: without the IOTLB, and
 * without setting accessed and dirty bits. 0; -ENOENT: look->fault says why; -ENOMEM. The caller
 * keeps @domain alive.
 */
int iommu_nested_look(struct iommu_domain *domain, uint32_t pasid, uint64_t iova,
		      struct nested_look *look);

/* The format of the tables of stage 1; NULL: it has none. */
const struct iopt_format *iommu_nested_entries(const struct iommu_domain *domain);

/* Which cached translations and structures to forget: those that match all that is given. */
struct tlb_match {
	const struct iommu_domain *domain; /* nested; NULL: any */
	bool by_pasid, by_asid, by_range;
	uint32_t pasid;
	uint32_t asid; /* SMMUv3; with by_range, global entries match any ASID, otherwise none */
	struct iova_range range; /* stage-1 input addresses */
	bool leaf_only;		 /* keep cached tables */
	bool config;		 /* forget context descriptors and GCR3 entries instead */
};

/*
 * Forgets what matches in the IOTLB of @endpoint. When it returns, no DMA uses what was forgotten,
 * and none will find it. Context: any thread; waits for the DMA in flight.
 */
void iommu_tlb_invalidate(struct iommu_endpoint *endpoint, const struct tlb_match *match);

/* The same for every endpoint that goes through a nested domain on @parent. */
void iommu_tlb_invalidate_parent(struct iommu_domain *parent, const struct tlb_match *match);

/*
 * Turns caching off for endpoints of @iommu that are created later: what the guest writes takes
 * effect at once.
 */
void iommu_tlb_disable(struct iommu *iommu);

#endif
