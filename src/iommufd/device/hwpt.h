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

/* What HWPTs of a kind do beyond translating, for the group of the devices attached to them. */
struct hwpt_ops {
	/*
	 * 0 if @device may be attached to @hwpt by @pasid, or a negative errno. NULL: it may. The
	 * caller holds the lock of the device's group.
	 */
	int (*check_attach)(const struct hwpt *hwpt, struct iommufd_device *device, uint32_t pasid);

	/*
	 * Tells the guest of a stage-1 fault of @device, which is attached to @hwpt. False, or
	 * NULL: nothing listens. The caller holds the lock of the device's group.
	 */
	bool (*report_fault)(const struct hwpt *hwpt, const struct iommufd_device *device,
			     const struct dma_fault *fault);
};

/* What devices are attached to: the part that paging and nested HWPTs have in common. */
struct hwpt {
	struct iommufd_object object;
	const struct hwpt_ops *ops; /* NULL: none of them */
	struct ioas *ioas;	    /* paging: a user of it; nested: that of the parent */
	struct iommu_domain *domain;
	struct fault_queue *fault; /* where its page faults go, a user of it; or NULL */
	bool pasid;		   /* can be used with PASIDs, and with a RID beside them */
};

/* A paging HWPT: an IO page table that mirrors its IOAS. */
struct hwpt_paging {
	struct hwpt base;
	struct ioas_table table; /* on the list of the IOAS after hwpt_add() */
};

/* Finds a paging HWPT by its ID and takes a user; NULL: none such. */
static inline struct hwpt_paging *hwpt_paging_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct hwpt_paging *)object_get(ctx, id, OBJECT_HWPT);
}

/*
 * A HWPT on @ioas for devices behind @iommu (@flags: enum domain_flags; @data: the user's, or
 * NULL), not yet filled, nor published. 0 or a negative errno.
 */
int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags,
		const struct user_data *data, struct hwpt_paging **out);

/* An automatic one is there for its attachments, and goes with the last [DESTROY]. */
static inline bool hwpt_is_automatic(const struct hwpt *hwpt)
{
	return object_is_transient(&hwpt->object);
}

/* Adds it to its IOAS: alignment, aperture, contents [HWPT-ALLOC-IOAS.7..9]. */
int hwpt_add(struct hwpt_paging *hwpt);

/*
 * Undoes hwpt_create(), and hwpt_add() if it was done. The object is neither published nor found
 * any more.
 */
void hwpt_remove(struct hwpt_paging *hwpt);

/*
 * The end of HWPT_ALLOC: takes the fault queue that the command names, writes the command back and
 * publishes. On failure the HWPT is still the caller's.
 */
int hwpt_finish(struct ucmd *ucmd, struct hwpt *hwpt);

/* Gives up the fault queue, if there is one. */
void hwpt_drop_fault(struct hwpt *hwpt);

#endif
