/* SPDX-License-Identifier: MIT */
/*
 * AMD I/O Virtualization, 2.2.2.1: the fields of a Device Table Entry that say what guest tables a
 * device has; words of 64 bits.
 */
#ifndef IOMMU_AMD_TABLES_H
#define IOMMU_AMD_TABLES_H

#include "base/bits.h"

#define DTE0_V		  BIT(0)
#define DTE0_MODE	  BITS(11, 9)
#define DTE0_HOST_TRP	  BITS(51, 12)
#define DTE0_GIOV	  BIT(54)
#define DTE0_GV		  BIT(55)
#define DTE0_GLX	  BITS(57, 56)
#define DTE0_GCR3_14_12	  BITS(60, 58)
#define DTE1_GCR3_30_15	  BITS(31, 16)
#define DTE1_GCR3_51_31	  BITS(63, 43)
#define DTE2_GUEST_PAGING BITS(55, 54)

enum {
	GUEST_PAGING_4_LEVEL,
	GUEST_PAGING_5_LEVEL,
};

#endif
