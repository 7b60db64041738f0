/* SPDX-License-Identifier: MIT */
/* vEVENTQs: events of one type on a vIOMMU, for user space to read. */
#ifndef IOMMUFD_VEVENTQ_H
#define IOMMUFD_VEVENTQ_H

#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

/*
 * Reports an event of @type with @len bytes of data on @viommu. 0, also if it was lost for want of
 * room; -EOPNOTSUPP: nobody has a vEVENTQ of this type.
 */
int viommu_report_event(struct viommu *viommu, uint32_t type, const void *data, size_t len);

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_veventq_alloc(struct ucmd *ucmd);

#endif
