/* SPDX-License-Identifier: MIT */
/*
 * x86-64 page tables, with 4 KiB pages (VT-d 5.0, 3.6: first stage; AMD I/O Virtualization 3.08,
 * 2.2.6: v2 tables): the bits of an entry and the numbers of levels.
 *
 * Two walkers use this: that of the emulated tables (iopt/x86_64.c) and that of a guest's stage 1
 * (iommu/stage1_x86.c).
 */
#ifndef IOPT_X86_64_H
#define IOPT_X86_64_H

#include "base/bits.h"
#include "iopt/geometry.h"

#define X86_P  BIT(0)	    /* present */
#define X86_RW BIT(1)	    /* writes are permitted; at each level */
#define X86_US BIT(2)	    /* user requests are permitted; at each level */
#define X86_A  BIT(5)	    /* accessed */
#define X86_D  BIT(6)	    /* dirty; of leaves */
#define X86_PS BIT(7)	    /* above level 1: a leaf */
#define X86_EA BIT(10)	    /* VT-d: extended accessed flag, if the PASID entry enables it */
#define X86_OA BITS(51, 12) /* address of the next table or of the page */

/* In a leaf above level 1, bit 12 is PAT; the bits from 13 up to the page's size are reserved. */
enum {
	X86_LARGE_RESERVED_START = 13
};

enum {
	X86_OA_BITS = 52,
	X86_PAGES_LEVEL = 1, /* the specifications' number of the level that has 4 KiB pages */
	X86_LARGEST_LEAF_LEVEL = 3, /* 1 GiB */
	X86_4_LEVELS = 4,
	X86_5_LEVELS = 5,
};

#endif
