/* SPDX-License-Identifier: MIT */
/* Offsets in struct insn_run, for the assembly; insn_run.c asserts them. */
#ifndef PRELOAD_INSN_RUN_LAYOUT_H
#define PRELOAD_INSN_RUN_LAYOUT_H

#define RUN_AT_STATE	  576
#define RUN_AT_REGISTERS  3392
#define RUN_AT_FLAGS	  3520
#define RUN_AT_STACK	  3528
#define RUN_AT_CODE	  3536
#define RUN_AT_BACK	  3544
#define RUN_AT_MASK	  3552
#define RUN_AT_MXCSR	  3556
#define RUN_AT_CONTROL	  3560
#define RUN_AT_USES_STACK 3562

#endif
