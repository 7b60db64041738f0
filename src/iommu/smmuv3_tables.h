/* SPDX-License-Identifier: MIT */
/* Arm SMMUv3, 5.2: the fields of a Stream Table Entry that are a guest's; words of 64 bits. */
#ifndef IOMMU_SMMUV3_TABLES_H
#define IOMMU_SMMUV3_TABLES_H

#include "base/bits.h"

#define STE0_V		  BIT(0)
#define STE0_CONFIG	  BITS(3, 1)
#define STE0_S1FMT	  BITS(5, 4)
#define STE0_S1CONTEXTPTR BITS(51, 6)
#define STE0_S1CDMAX	  BITS(63, 59)
#define STE1_S1DSS	  BITS(1, 0)
#define STE1_S1CIR	  BITS(3, 2)
#define STE1_S1COR	  BITS(5, 4)
#define STE1_S1CSH	  BITS(7, 6)
#define STE1_S1STALLD	  BIT(27)
#define STE1_EATS	  BITS(29, 28)

enum {
	CONFIG_ABORT = 0,
	CONFIG_BYPASS = 4,
	CONFIG_S1 = 5,
};

#endif
