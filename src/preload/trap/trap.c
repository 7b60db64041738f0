/* SPDX-License-Identifier: MIT */
/*
 * The mapping is one of an empty file, so each access raises SIGBUS at the instruction. The handler
 * carries the instruction out (insn.h) with the operations of the file in place of memory, and the
 * program continues after it. To the program that is an access of a few microseconds, which an
 * access to a device that a hypervisor emulates takes, too.
 *
 * The signal is synchronous: it interrupts the program's own code and never ours, so the handler
 * may take locks and run a device model as a call may.
 */
#include "preload/trap/trap.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "mem/guard.h"
#include "preload/process/defer.h"
#include "preload/process/mapping.h"
#include "preload/trap/insn.h"
#include "preload/trap/trap_copy.h"

#if FILE_CAN_TRAP

/* One operand of movs may be in plain memory. */
static int memory_read(uint64_t addr, void *buf, size_t len)
{
	struct mapping_trap trap;
	int rc;

	if (!mapping_find_trap(addr, &trap))
		return guard_copy(buf, (const void *)(uintptr_t)addr, len);
	rc = len > trap.left ? -EFAULT
			     : trap_copy_read(trap.ops, trap.cookie, trap.offset, buf, len);
	description_put(trap.desc);
	return rc;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	struct mapping_trap trap;
	int rc;

	if (!mapping_find_trap(addr, &trap))
		return guard_copy((void *)(uintptr_t)addr, buf, len);
	rc = len > trap.left ? -EFAULT
			     : trap_copy_write(trap.ops, trap.cookie, trap.offset, buf, len);
	description_put(trap.desc);
	return rc;
}

/* Copies as much of the instruction at @pc as can be read. Returns the number of bytes. */
static size_t fetch(uint64_t pc, uint8_t code[INSN_MAX_BYTES])
{
	size_t in_page = PAGE_SIZE - (pc & PAGE_MASK);

	if (!guard_copy(code, (const void *)(uintptr_t)pc, INSN_MAX_BYTES))
		return INSN_MAX_BYTES;
	if (in_page < INSN_MAX_BYTES && !guard_copy(code, (const void *)(uintptr_t)pc, in_page))
		return in_page;
	return 0;
}

static enum insn_result emulate(uint64_t addr, ucontext_t *context, const struct mapping_trap *trap)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	const uint64_t pc = insn_pc(context);
	uint8_t code[INSN_MAX_BYTES] = {0};
	size_t len = fetch(pc, code);
	enum insn_result rc = insn_emulate(code, len, context, addr, &memory);

	if (rc == INSN_UNKNOWN)
		trap_copy_report_unknown(trap->desc->file->ops->name, trap->offset, pc, code);
	else if (rc == INSN_MISALIGNED)
		trap_copy_report_misaligned(trap->desc->file->ops->name, trap->offset, pc, code);
	return rc;
}

bool trap_access(uintptr_t addr, void *context)
{
	enum insn_result rc = INSN_REFUSED;
	struct mapping_trap trap;

	assert(defer_active());
	if (mapping_find_trap(addr, &trap)) {
		rc = emulate(addr, context, &trap);
		description_put(trap.desc);
	}
	return rc == INSN_DONE;
}

#else

bool trap_access(uintptr_t addr, void *context)
{
	(void)addr, (void)context;
	return false;
}

#endif
