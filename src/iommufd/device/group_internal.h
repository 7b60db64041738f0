/* SPDX-License-Identifier: MIT */
/* The attachments of a group, for group.c and group_fault.c. */
#ifndef IOMMUFD_GROUP_INTERNAL_H
#define IOMMUFD_GROUP_INTERNAL_H

#include "iommufd/device/group.h"

/* A device of an attachment. */
struct member {
	struct cds_list_head link;
	struct iommufd_device *device;
};

/* What the group is attached to for one PASID (NO_PASID: the RID). */
struct attachment {
	struct cds_list_head link;
	uint32_t pasid;
	struct hwpt *hwpt;
	struct cds_list_head members;
};

/* The attachment of @group for @pasid; NULL: none. */
struct attachment *group_find_attachment(struct iommufd_group *group, uint32_t pasid)
	REQUIRES(group->lock);

/* The member that @device is; NULL: none, or @attachment is NULL. */
struct member *group_find_member(struct attachment *attachment, const struct iommufd_device *device)
	REQUIRES(device->group->lock);

/* Answers INVALID to the groups of faults that were reported through the attachment to @hwpt. */
void group_flush_faults(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt)
	REQUIRES(device->group->lock);

#endif
