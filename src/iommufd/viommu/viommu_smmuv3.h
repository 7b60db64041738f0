/* SPDX-License-Identifier: MIT */
/* The driver of vIOMMUs on SMMUv3s. */
#ifndef IOMMUFD_VIOMMU_SMMUV3_H
#define IOMMUFD_VIOMMU_SMMUV3_H

#include "iommufd/viommu/viommu.h"

extern const struct viommu_driver viommu_smmuv3_driver;

#endif
