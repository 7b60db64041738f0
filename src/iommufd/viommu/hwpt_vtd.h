/* SPDX-License-Identifier: MIT */
/* The driver of nested HWPTs on VT-d IOMMUs. */
#ifndef IOMMUFD_HWPT_VTD_H
#define IOMMUFD_HWPT_VTD_H

#include "iommufd/viommu/hwpt_nested.h"

extern const struct nested_driver nested_vtd_driver;

#endif
