/* SPDX-License-Identifier: MIT */
/*
 * What leads to a guest's stage-1 tables (Arm IHI 0070, 5.2 to 5.4): the fields of a Stream Table
 * Entry that belong to a guest, and those of context descriptors, one for each substream (PASID).
 * Words of 64 bits.
 */
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

	S1FMT_LINEAR = 0,
	S1FMT_4K = 1,
	S1FMT_64K = 2,

	S1DSS_BYPASS = 1,
	S1DSS_SUBSTREAM0 = 2,

	SSID_BITS = 20,
};

/* An entry of the first level of a two-level table of context descriptors. */
#define L1CD_V	   BIT(0)
#define L1CD_L2PTR BITS(51, 12)

enum {
	CD_BYTES = 64,
	CDS_4K_BITS = 6, /* log2 of the descriptors in a second-level table */
	CDS_64K_BITS = 10,
};

#define CD0_T0SZ BITS(5, 0)
#define CD0_TG0	 BITS(7, 6)
#define CD0_EPD0 BIT(14)
#define CD0_ENDI BIT(15)
#define CD0_T1SZ BITS(21, 16)
#define CD0_TG1	 BITS(23, 22)
#define CD0_EPD1 BIT(30)
#define CD0_V	 BIT(31)
#define CD0_IPS	 BITS(34, 32)
#define CD0_AFFD BIT(35)
#define CD0_TBI0 BIT(38)
#define CD0_TBI1 BIT(39)
#define CD0_AA64 BIT(41)
#define CD0_HD	 BIT(42)
#define CD0_HA	 BIT(43)
#define CD0_R	 BIT(45)
#define CD0_ASID BITS(63, 48)
#define CD_HAD	 BIT(1)	     /* words 1 and 2 */
#define CD_TTB	 BITS(51, 4) /* words 1 and 2 */

/* TG0 and TG1 number the granules differently; one value of each is reserved. */
enum {
	TG0_4K = 0,
	TG0_64K = 1,
	TG0_16K = 2,
	TG1_16K = 1,
	TG1_4K = 2,
	TG1_64K = 3,
};

#endif
