/* SPDX-License-Identifier: MIT */
/*
 * What leads to a guest's v2 tables (AMD I/O Virtualization 3.08, 2.2.2.1 and 2.2.6): the fields of
 * a Device Table Entry that describe them, and the entries of the GCR3 table, which is indexed by
 * PASID. Words of 64 bits.
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

/* A GCR3 table has DTE0_GLX + 1 levels of 4 KiB. */
#define GCR3_VALID   BIT(0)
#define GCR3_ADDRESS BITS(51, 12)

enum {
	GCR3_INDEX_BITS = 9
};

#endif
