/* SPDX-License-Identifier: MIT */
/*
 * RISC-V Sv39, Sv48 and Sv57 page tables (RISC-V privileged architecture) with the
 * extensions Svnapot and Svpbmt: the bits of an entry.
 */
#ifndef IOPT_RISCV_H
#define IOPT_RISCV_H

#include "base/bits.h"

#define RISCV_V	      BIT(0) /* valid; with none of R, W, X: a table */
#define RISCV_R	      BIT(1)
#define RISCV_W	      BIT(2)
#define RISCV_X	      BIT(3)
#define RISCV_U	      BIT(4)
#define RISCV_A	      BIT(6)
#define RISCV_D	      BIT(7)
#define RISCV_PPN     BITS(53, 10) /* page number of the next table or of the page */
#define RISCV_PBMT_IO BIT(62)	   /* Svpbmt: a device's memory */
#define RISCV_N	      BIT(63)	   /* Svnapot: one of 16 entries of a 64 KiB page, where */
#define RISCV_NAPOT   BIT(13)	   /* PPN[3:0] is 8 */

enum {
	RISCV_OA_BITS = 56,
	RISCV_PPN_START = 10,
	RISCV_PPN_SHIFT = 2,  /* an address is shifted right by this in an entry */
	RISCV_PROT_SHIFT = 1, /* R, W are IOPT_READ, IOPT_WRITE from here */
	RISCV_NAPOT_BITS = 16,
};

#endif
