/* SPDX-License-Identifier: MIT */
/*
 * Emulates loads and stores of A64, the instruction set of AArch64, on registers and memory that
 * the caller gives (insn_a64.c: those of a thread whose access to a mapped BAR was trapped).
 *
 * Emulated are the loads and stores of general and of SIMD and floating-point registers, one or a
 * pair, in all forms of their addresses; those with acquire and release; of structures (LD1 to LD4,
 * ST1 to ST4, with and without lanes); and the contiguous ones of SVE. Unknown is what a processor
 * does not do to device memory, as which the kernel maps a BAR: exclusives, atomics, DC ZVA, copies
 * and fills of memory (MOPS); also what needs more of the processor than its registers: pointer
 * authentication, memory tags; the rest of SVE, and SME; and encodings that are reserved, or whose
 * effect the architecture leaves open (a base that is loaded and written back).
 *
 * The accesses are those of the instruction's pseudocode, in its order: one for each register, one
 * for each element of a structure. Byte order is little endian.
 *
 * No state but the arguments, nothing of the host's processor.
 */
#ifndef PRELOAD_TRAP_A64_H
#define PRELOAD_TRAP_A64_H

#include <stdint.h>

#include "preload/trap/insn.h"

enum {
	A64_BYTES = 4, /* of an instruction */
	A64_V_BYTES = 16,
};

struct a64_registers {
	uint64_t *x; /* x0 to x30 */
	uint64_t *sp, *pc;
	uint8_t (*v)[A64_V_BYTES]; /* v0 to v31; NULL: instructions with them are unknown */

	/*
	 * Of SVE: z0 to z31 of @vl bytes (16 to 256, a multiple of 16), the first of which are
	 * those of v0 to v31, and p0 to p15 of a bit for each. NULL: as for v. Only instructions of
	 * SVE read and write them.
	 */
	uint8_t *z;
	const uint8_t *p;
	unsigned int vl;

	uint32_t v_written; /* result: bit n is set for vn that was written, which makes 0 of what a
			       longer register has above it */
};

/*
 * Carries out the instruction @word, as insn_emulate() does.
 * @addr: an address that it accesses; if it does not, it is unknown
 */
enum insn_result a64_emulate(uint32_t word, struct a64_registers *registers, uint64_t addr,
			     const struct insn_memory *memory);

#endif
