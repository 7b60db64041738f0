/* SPDX-License-Identifier: MIT */
/* HWPTs: IO page tables that mirror an IOAS. */
#ifndef IOMMUFD_HWPT_H
#define IOMMUFD_HWPT_H

#include "iommu/iommu.h"
#include "iommufd/ioas.h"

struct fault_queue;
struct nested_ops;
struct ucmd;
struct viommu;

/* A paging HWPT, or (OBJECT_HWPT_NESTED) a nested one: then @parent is set. */
struct hwpt {
	struct iommufd_object object;
	struct ioas *ioas;		/* paging: a user of it; nested: its parent's */
	struct cds_list_head ioas_link; /* paging: in ioas->hwpts */
	struct iommu_domain *domain;
	struct hwpt *parent;	   /* nested: the nesting parent, a user of it unless by @viommu */
	struct viommu *viommu;	   /* nested on a vIOMMU: a user of it */
	struct fault_queue *fault; /* where its page faults go, a user of it; or NULL */
	bool pasid;		   /* can be used with PASIDs, and with a RID beside them */

	/* Nested ones only. */
	const struct nested_ops *nested_ops;
	void *state; /* the driver's */
};

/*
 * A HWPT on @ioas for devices behind @iommu (@flags: enum domain_flags; @data: the user's, or
 * NULL), not yet filled, nor published. 0 or a negative errno.
 */
int hwpt_create(struct ioas *ioas, struct iommu *iommu, unsigned int flags,
		const struct user_data *data, struct hwpt **out);

/* An automatic one is there for its attachments, and goes with the last (spec 00-model, 6). */
static inline bool hwpt_is_automatic(const struct hwpt *hwpt)
{
	return object_is_transient(&hwpt->object);
}

/* Adds it to its IOAS: alignment, aperture, contents (spec 20-hwpt-device, 7 rows 7 to 9). */
int hwpt_add(struct hwpt *hwpt);

/*
 * Undoes hwpt_create(), and hwpt_add() if it was done. The object is neither published nor found
 * any more.
 */
void hwpt_remove(struct hwpt *hwpt);

/*
 * The end of HWPT_ALLOC: takes the fault queue that the command names, writes the command back and
 * publishes. On failure the HWPT is still the caller's.
 */
int hwpt_finish(struct ucmd *ucmd, struct hwpt *hwpt);

/* Gives up the fault queue, if there is one. */
void hwpt_drop_fault(struct hwpt *hwpt);

#endif
