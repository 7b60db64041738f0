/* SPDX-License-Identifier: MIT */
/*
 * AMD IOMMU host page tables, "v1" (AMD I/O Virtualization 3.08, 2.2.3): the bits of an entry.
 *
 * Every power of two from 4 KiB on is a page size: a page larger than what one entry of its level
 * covers is stored in each of the entries that it covers, with next level 7; the lowest zero bit of
 * its address then encodes the size.
 */
#ifndef IOPT_AMDV1_H
#define IOPT_AMDV1_H

#include "base/bits.h"

#define AMDV1_PR	 BIT(0)	      /* present */
#define AMDV1_D		 BIT(6)	      /* dirty; of leaves */
#define AMDV1_NEXT_LEVEL BITS(11, 9)  /* 0: a leaf of its level's size */
#define AMDV1_OA	 BITS(51, 12) /* address of the next table or of the page */
#define AMDV1_FC	 BIT(60)      /* coherent whatever the request asks for; of leaves */
#define AMDV1_IR	 BIT(61)      /* IOPT_READ */
#define AMDV1_IW	 BIT(62)      /* IOPT_WRITE */

enum {
	AMDV1_OA_SHIFT = 12,
	AMDV1_NEXT_LEVEL_SHIFT = 9,
	AMDV1_PROT_SHIFT = 61, /* of IR and IW */
	AMDV1_LEVEL_ENCODED = 7,
};

#endif
