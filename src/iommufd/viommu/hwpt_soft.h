/* SPDX-License-Identifier: MIT */
/* Nested HWPTs by software: a user's table of any format, on any kind of IOMMU. */
#ifndef IOMMUFD_HWPT_SOFT_H
#define IOMMUFD_HWPT_SOFT_H

#include "iommufd/viommu/hwpt_nested.h"

/* Of HWPTs with data type IOMMU_HWPT_DATA_SOFT_S1, on a HWPT or on a vIOMMU. */
int nested_soft_alloc(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data);

#endif
