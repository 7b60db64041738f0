/* SPDX-License-Identifier: MIT */
/* HWPTs: IO page tables that mirror an IOAS. */
#ifndef IOMMUFD_HWPT_H
#define IOMMUFD_HWPT_H

#include "iommu/iommu.h"
#include "iommufd/ioas/ioas.h"

struct fault_queue;
struct hwpt;
struct iommufd_device;
struct ucmd;

/* What a kind of HWPT does beyond translating. Called with the lock of the device's group held. */
struct hwpt_ops {
	/*
	 * 0 if @device may be attached to @hwpt for @pasid, or a negative errno. NULL: it always
	 * may.
	 */
	int (*check_attach)(const struct hwpt *hwpt, struct iommufd_device *device, uint32_t pasid);

	/*
	 * Reports a stage-1 fault of @device, which is attached to @hwpt, to the guest. False, or
	 * NULL: it has no queue for such events.
	 */
	bool (*report_fault)(const struct hwpt *hwpt, const struct iommufd_device *device,
			     const struct dma_fault *fault);
};

/* The part that paging and nested HWPTs have in common: what devices are attached to. */
struct hwpt {
	struct iommufd_object object;
	const struct hwpt_ops *ops; /* NULL: none */
	struct ioas *ioas;	    /* paging: a user of it; nested: that of the parent */
	struct iommu_domain *domain;
	struct fault_queue *fault; /* for its page faults, a user of it; NULL: none */
	bool pasid;		   /* can be attached for PASIDs, and for a RID beside them */
};

/* A paging HWPT: an IO page table that mirrors its IOAS. */
struct hwpt_paging {
	struct hwpt base;
	struct ioas_table table; /* on the list of the IOAS after hwpt_add() */
};

/* Finds a paging HWPT by its ID and takes a user; NULL: none. */
static inline struct hwpt_paging *hwpt_paging_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct hwpt_paging *)object_get(ctx, id, OBJECT_HWPT);
}

/*
 * Creates a HWPT on @ioas for devices behind @iommu (@flags: enum domain_flags; @data: the user's,
 * or NULL), not filled and not published yet. 0 or a negative errno.
 */
int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags,
		const struct user_data *data, struct hwpt_paging **out);

/* An automatic HWPT exists for its attachments, and is destroyed with the last [DESTROY]. */
static inline bool hwpt_is_automatic(const struct hwpt *hwpt)
{
	return object_is_transient(&hwpt->object);
}

/* Adds @hwpt to its IOAS: alignment, aperture, contents [HWPT-ALLOC-IOAS.7..9]. */
int hwpt_add(struct hwpt_paging *hwpt);

/* Undoes hwpt_create() and, if it was called, hwpt_add(). @hwpt is not published. */
void hwpt_remove(struct hwpt_paging *hwpt);

/*
 * Completes HWPT_ALLOC: takes a user of the fault queue that the command names, writes the command
 * back and publishes @hwpt. On failure @hwpt is still the caller's.
 */
int hwpt_finish(struct ucmd *ucmd, struct hwpt *hwpt);

/* Drops the user of the fault queue, if there is one. */
void hwpt_drop_fault(struct hwpt *hwpt);

#endif
