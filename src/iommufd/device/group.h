/* SPDX-License-Identifier: MIT */
/* IOMMU groups, and the attachments of their devices to given HWPTs. */
#ifndef IOMMUFD_GROUP_H
#define IOMMUFD_GROUP_H

#include "base/lock.h"
#include "iommu/pasids.h"
#include "iommufd/device/device.h"
#include "iommufd/device/hwpt.h"

struct iommufd_group {
	unsigned int number;
	struct ref refs;
	struct lock lock;	   /* guards the rest */
	struct iommufd_ctx *owner; /* of the bound devices; NULL while none is bound */
	unsigned int bound;
	struct cds_list_head attachments;
	struct attachment *rid;	     /* the one of NO_PASID; NULL: none */
	struct pasid_node *by_pasid; /* the others; NULL: there never were any */
};

/*
 * Creates an IOMMU group: devices that share one attachment per PASID. It outlives its devices. 0
 * or -ENOMEM.
 */
int iommufd_group_create(unsigned int number, struct iommufd_group **group);
void iommufd_group_destroy(struct iommufd_group *group);
unsigned int iommufd_group_number(const struct iommufd_group *group);

/* The context that its devices are bound to, for comparison only; NULL: none is bound. */
const struct iommufd_ctx *iommufd_group_owner(struct iommufd_group *group);

/* Takes a reference, which iommufd_group_destroy() puts: its lock may outlive its devices. */
struct iommufd_group *group_get(struct iommufd_group *group);

/*
 * Counts one more device of @group bound to @ctx, and one less. -EPERM: the others are bound to
 * another context.
 */
int group_claim(struct iommufd_group *group, struct iommufd_ctx *ctx);
void group_release(struct iommufd_group *group);

/* Attaches @device for @pasid to @hwpt, and takes a user of it. Errors: [ATTACH.3..6]. */
int group_attach(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt);

/*
 * Detaches @device for @pasid and returns the HWPT with the attachment's user, which the caller
 * drops. NULL: it was not attached.
 */
struct hwpt *group_detach(struct iommufd_device *device, uint32_t pasid);

/*
 * Moves all devices of the group that are attached for @pasid to @hwpt. *@old is the HWPT that they
 * left, NULL if it is @hwpt. The caller drops *@lost users of it. Errors: [REPLACE.2..6].
 */
int group_replace(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt,
		  struct hwpt **old, unsigned int *lost);

/* True if the group has an attachment for any PASID. */
bool group_has_pasids(struct iommufd_group *group) REQUIRES(group->lock);

/* True if @device is attached for @pasid. */
bool group_attached(struct iommufd_device *device, uint32_t pasid);

/* True if @device is attached for @pasid to @hwpt. */
bool group_attached_to(struct iommufd_device *device, uint32_t pasid, const struct hwpt *hwpt);

/* The HWPT that the RID of @device is attached to, without a user; NULL: not attached. */
const struct hwpt *group_find_rid_hwpt(const struct iommufd_device *device)
	REQUIRES(device->group->lock);

/* Calls @visit for the RID and each PASID that @device is attached for, with group->lock held. */
void group_for_each_attachment(struct iommufd_device *device,
			       void (*visit)(uint32_t pasid, const struct hwpt *hwpt, void *arg),
			       void *arg);

/* *@pasid becomes a PASID (NO_PASID: the RID) that @device is attached for; false: none. */
bool group_any_pasid(struct iommufd_device *device, uint32_t *pasid);

#endif
