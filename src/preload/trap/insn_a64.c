/* SPDX-License-Identifier: MIT */
/*
 * insn.h on AArch64: the registers that a64.h needs are in the frame of the signal. The general
 * ones are in its context; the vector registers in a record, beside which another one may be with
 * the longer registers of SVE. The kernel restores their lower 128 bits from the first, the rest
 * from the second.
 */
#include "preload/trap/insn.h"

#if defined(__aarch64__) && !defined(__AARCH64EB__)

#include <assert.h>
#include <signal.h>
#include <string.h>

#include "preload/trap/a64.h"

#define BRANCH_TYPE (UINT64_C(3) << 10) /* of PSTATE: how the thread came to the instruction */

/*
 * The record with @magic among those at @at, of which there are @size bytes, or NULL. The last may
 * say where others are.
 */
static void *find_record(void *at, size_t size, uint32_t magic)
{
	const struct extra_context *extra;
	struct _aarch64_ctx *record;

	while (size >= sizeof(*record)) {
		record = at;
		if (record->magic == magic)
			return record;
		if (record->magic == EXTRA_MAGIC) {
			extra = at;
			size = extra->size;
			at = (void *)(uintptr_t)extra->datap;
			continue;
		}
		if (!record->magic || record->size < sizeof(*record) || record->size > size)
			return NULL;
		size -= record->size;
		at = (char *)at + record->size;
	}
	return NULL;
}

/* The registers of SVE in the frame of @context, if there are. */
static void find_sve(ucontext_t *context, struct a64_registers *registers)
{
	struct sve_context *sve = find_record(context->uc_mcontext.__reserved,
					      sizeof(context->uc_mcontext.__reserved), SVE_MAGIC);
	unsigned int quads;

	if (!sve)
		return;
	quads = sve->vl / A64_V_BYTES;
	/* A thread that has not used them has a record without registers. */
	if (sve->head.size < SVE_SIG_CONTEXT_SIZE(quads))
		return;
	registers->z = (uint8_t *)sve + SVE_SIG_ZREGS_OFFSET;
	registers->p = (const uint8_t *)sve + SVE_SIG_PREGS_OFFSET(quads);
	registers->vl = sve->vl;
}

/*
 * A load into a vector register makes 0 of the rest of SVE's longer one: for those that were
 * written. Their lower part is set here, too: an emulation of a process (qemu-user) restores it
 * from this record.
 */
static void extend(const struct a64_registers *registers)
{
	for (unsigned int n = 0; registers->z && n < 32; n++) {
		uint8_t *z = registers->z + (size_t)n * registers->vl;

		if (!(registers->v_written >> n & 1))
			continue;
		memset(z, 0, registers->vl);
		memcpy(z, registers->v[n], A64_V_BYTES);
	}
}

enum insn_result insn_emulate(const uint8_t *code, size_t len, ucontext_t *context, uint64_t addr,
			      const struct insn_memory *memory)
{
	mcontext_t *machine = &context->uc_mcontext;
	struct fpsimd_context *vectors =
		find_record(machine->__reserved, sizeof(machine->__reserved), FPSIMD_MAGIC);
	struct a64_registers registers = {
		.x = (uint64_t *)machine->regs,
		.sp = (uint64_t *)&machine->sp,
		.pc = (uint64_t *)&machine->pc,
		.v = vectors ? (uint8_t(*)[A64_V_BYTES])vectors->vregs : NULL,
	};
	enum insn_result rc;
	uint32_t word;

	assert(len <= INSN_MAX_BYTES);
	if (len < sizeof(word))
		return INSN_UNKNOWN;
	memcpy(&word, code, sizeof(word));
	find_sve(context, &registers);
	rc = a64_emulate(word, &registers, addr, memory);
	if (rc != INSN_DONE)
		return rc;
	machine->pstate &= ~BRANCH_TYPE;
	extend(&registers);
	return INSN_DONE;
}

#endif
