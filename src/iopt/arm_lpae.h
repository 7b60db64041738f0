/* SPDX-License-Identifier: MIT */
/*
 * Arm LPAE page tables, AArch64, 4 KiB granule (Arm DDI 0487, D8): the bits of a descriptor and the
 * numbers of levels. Stage 1 and stage 2 differ in attributes and rights.
 *
 * Three walkers use this: those of the emulated tables (iopt/arm_s1.c, iopt/arm_s2.c) and that of a
 * guest's stage 1 (iommu/stage1_arm.c).
 */
#ifndef IOPT_ARM_LPAE_H
#define IOPT_ARM_LPAE_H

#include "base/bits.h"
#include "iopt/geometry.h"

#define ARM_VALID    BIT(0)
#define ARM_TABLE    BIT(1) /* a table, or at the last level a page; otherwise a block */
#define ARM_SH_OUTER BIT(9) /* SH[1:0] = 2 is outer, 3 inner shareable */
#define ARM_SH_INNER BITS(9, 8)
#define ARM_AF	     BIT(10)	  /* access flag */
#define ARM_OA	     BITS(47, 12) /* address of the next table or of the page */

/* Stage 1. AttrIndx selects a field of the context descriptor's MAIR. */
#define ARM_S1_ATTR_CACHED (UINT64_C(1) << 2)
#define ARM_S1_ATTR_DEVICE (UINT64_C(2) << 2)
#define ARM_S1_AP_USER	   BIT(6)  /* AP[1]: unprivileged requests are permitted */
#define ARM_S1_AP_READONLY BIT(7)  /* AP[2] */
#define ARM_S1_NG	   BIT(11) /* not global: of one ASID */
#define ARM_S1_DBM	   BIT(51) /* writable, and dirty once AP[2] is clear */

/* Stage 1, descriptors of tables: restrictions on all that is below. */
#define ARM_S1_APTABLE_PRIVILEGED BIT(61)
#define ARM_S1_APTABLE_READONLY	  BIT(62)

/* Stage 2. S2AP has IOPT_READ and IOPT_WRITE in this order. */
#define ARM_S2_MEMATTR	      BITS(5, 2)
#define ARM_S2_MEMATTR_CACHED (UINT64_C(15) << 2)
#define ARM_S2_MEMATTR_DEVICE (UINT64_C(1) << 2)

enum {
	ARM_S2AP_SHIFT = 6
};

/* Levels are numbered from the top; a narrow input begins at a higher number. */
enum {
	ARM_PAGES_LEVEL = 3,
	ARM_FIRST_BLOCK_LEVEL = 1,
};

enum {
	ARM_INPUT_BITS_MIN = 25, /* TxSZ = 39 */
	ARM_BITS_MAX = 48,	 /* of the input (TxSZ = 16) and of the output */
	ARM_OUTPUT_BITS_MIN = 32,
	ARM_TABLE_BYTES_MIN = 64, /* the first table is aligned to its size, at least to this */
};

#endif
