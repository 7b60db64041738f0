/* SPDX-License-Identifier: MIT */
/* vEVENTQs: queues from which user space reads the events of a vIOMMU, one for each type. */
#ifndef IOMMUFD_VEVENTQ_H
#define IOMMUFD_VEVENTQ_H

#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu.h"

/*
 * Reports an event of @type with @len bytes of @data (borrowed) on @viommu. 0, also if the queue is
 * full and the event is lost; -EOPNOTSUPP: @viommu has no vEVENTQ of this type.
 */
int viommu_report_event(struct viommu *viommu, uint32_t type, const void *data, size_t len);

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_veventq_alloc(struct ucmd *ucmd);

#endif
