/* SPDX-License-Identifier: MIT */
/* The driver of vIOMMUs on AMD IOMMUs. */
#ifndef IOMMUFD_VIOMMU_AMD_H
#define IOMMUFD_VIOMMU_AMD_H

#include "iommufd/viommu/viommu.h"

extern const struct viommu_driver viommu_amd_driver;

#endif
