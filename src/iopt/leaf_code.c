/* SPDX-License-Identifier: MIT */
/* The codes of all formats (iopt/leaf_code.h), from the bits that each format's header states. */
#include "iopt/leaf_code.h"

#include "iopt/amdv1.h"
#include "iopt/arm_lpae.h"
#include "iopt/iopt_internal.h"
#include "iopt/riscv.h"
#include "iopt/vtdss.h"
#include "iopt/x86_64.h"

_Static_assert(sizeof(struct leaf_code) == LEAF_CODE_SIZE, "the index is a multiple of the size");

/* No entry equals all ones. */
#define NO_RIGHTS UINT64_MAX

/*
 * Codes of the three levels. FORMAT_LEAF(above, need) are the bits that are set in a leaf with the
 * rights @need, FORMAT_NO_LEAF(above, need) those that are clear; @above: above pages.
 */
#define LEVEL(FORMAT, level, shift)                                                              \
	{                                                                                        \
		.mask =                                                                          \
			{                                                                        \
				NO_RIGHTS,                                                       \
				FORMAT##_LEAF(level > 0, 1) | FORMAT##_NO_LEAF(level > 0, 1),    \
				FORMAT##_LEAF(level > 0, 2) | FORMAT##_NO_LEAF(level > 0, 2),    \
				FORMAT##_LEAF(level > 0, 3) | FORMAT##_NO_LEAF(level > 0, 3),    \
			},                                                                       \
		.value = {NO_RIGHTS, FORMAT##_LEAF(level > 0, 1), FORMAT##_LEAF(level > 0, 2),   \
			  FORMAT##_LEAF(level > 0, 3)},                                          \
		.inside = BITS(IOPT_TABLE_SHIFT + IOPT_INDEX_BITS * (level)-1, 0),               \
		.oa = FORMAT##_ADDRESS, .oa_shift = (shift),                                     \
		.size_shift = IOPT_TABLE_SHIFT + IOPT_INDEX_BITS * (level), .ops = FORMAT##_OPS, \
	}
#define LEVELS(FORMAT, shift) \
	LEVEL(FORMAT, 0, shift), LEVEL(FORMAT, 1, shift), LEVEL(FORMAT, 2, shift)

#define AMDV1_LEAF(above, need)	   (AMDV1_PR | ((uint64_t)(need) << AMDV1_PROT_SHIFT))
#define AMDV1_NO_LEAF(above, need) AMDV1_NEXT_LEVEL
#define AMDV1_ADDRESS		   AMDV1_OA
#define AMDV1_OPS		   &iopt_amdv1_ops

#define VTDSS_LEAF(above, need)	   ((need) | ((above) ? VTDSS_PS : 0))
#define VTDSS_NO_LEAF(above, need) 0
#define VTDSS_ADDRESS		   VTDSS_OA
#define VTDSS_OPS		   &iopt_vtdss_ops

/* Every page can be read. */
#define X86_LEAF(above, need)	 (X86_P | ((need)&IOPT_WRITE ? X86_RW : 0) | ((above) ? X86_PS : 0))
#define X86_NO_LEAF(above, need) 0
#define X86_ADDRESS		 X86_OA
#define X86_OPS			 &iopt_x86_64_ops

#define RISCV_LEAF(above, need)	   (RISCV_V | ((uint64_t)(need) << RISCV_PROT_SHIFT))
#define RISCV_NO_LEAF(above, need) RISCV_N
#define RISCV_ADDRESS		   RISCV_PPN
#define RISCV_OPS		   &iopt_riscv_ops

/* Every page can be read; one that DBM alone makes writable is left to the format. */
#define ARM_S1_LEAF(above, need) (ARM_VALID | ((above) ? 0 : ARM_TABLE))
#define ARM_S1_NO_LEAF(above, need) \
	(((above) ? ARM_TABLE : 0) | ((need)&IOPT_WRITE ? ARM_S1_AP_READONLY : 0))
#define ARM_S1_ADDRESS ARM_OA
#define ARM_S1_OPS     &iopt_arm_s1_ops

#define ARM_S2_LEAF(above, need) \
	(ARM_VALID | ((above) ? 0 : ARM_TABLE) | ((uint64_t)(need) << ARM_S2AP_SHIFT))
#define ARM_S2_NO_LEAF(above, need) ((above) ? ARM_TABLE : 0)
#define ARM_S2_ADDRESS		    ARM_OA
#define ARM_S2_OPS		    &iopt_arm_s2_ops

const struct leaf_code leaf_codes[] = {
	[IOPT_CODES_AMDV1] = LEVELS(AMDV1, 0),
	[IOPT_CODES_VTDSS] = LEVELS(VTDSS, 0),
	[IOPT_CODES_X86_64] = LEVELS(X86, 0),
	[IOPT_CODES_RISCV] = LEVELS(RISCV, RISCV_PPN_SHIFT),
	[IOPT_CODES_ARM_S1] = LEVELS(ARM_S1, 0),
	[IOPT_CODES_ARM_S2] = LEVELS(ARM_S2, 0),
};

_Static_assert(sizeof(leaf_codes) <= 1 << IOPT_TABLE_SHIFT,
	       "an index fits below a table's address");

bool leaf_code_decode(const struct leaf_code *code, uint64_t entry, uint64_t iova,
		      struct iopt_leaf *leaf)
{
	const unsigned int level = (code->size_shift - IOPT_TABLE_SHIFT) / IOPT_INDEX_BITS;

	return code->ops->decode(entry, level, iova, leaf);
}
