/* SPDX-License-Identifier: MIT */
/* Devices that are bound to a context. */
#ifndef IOMMUFD_DEVICE_H
#define IOMMUFD_DEVICE_H

#include "iommufd/object.h"

struct iommufd_device {
	struct iommufd_object object;
	struct iommufd_group *group;
	struct iommu_endpoint *endpoint;
};

#endif
