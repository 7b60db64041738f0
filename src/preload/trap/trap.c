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

#if FILE_CAN_TRAP

/* The largest naturally aligned access at @offset of at most @len bytes. */
static unsigned int access_size(uint64_t offset, size_t len)
{
	unsigned int size = 8;

	assert(len);
	while (size > len || !is_aligned(offset, size))
		size /= 2;
	return size;
}

static int trap_read(const struct mapping_trap *trap, uint8_t *buf, size_t len)
{
	unsigned int size;
	uint64_t value;
	int rc;

	for (size_t at = 0; at < len; at += size) {
		size = access_size(trap->offset + at, len - at);
		rc = trap->ops->read(trap->cookie, trap->offset + at, size, &value);
		if (rc)
			return rc;
		memcpy(buf + at, &value, size);
	}
	return 0;
}

static int trap_write(const struct mapping_trap *trap, const uint8_t *buf, size_t len)
{
	unsigned int size;
	int rc;

	for (size_t at = 0; at < len; at += size) {
		uint64_t value = 0;

		size = access_size(trap->offset + at, len - at);
		memcpy(&value, buf + at, size);
		rc = trap->ops->write(trap->cookie, trap->offset + at, size, value);
		if (rc)
			return rc;
	}
	return 0;
}

/* One operand of movs may be in plain memory. */
static int memory_read(uint64_t addr, void *buf, size_t len)
{
	struct mapping_trap trap;
	int rc;

	if (!mapping_find_trap(addr, &trap))
		return guard_copy(buf, (const void *)(uintptr_t)addr, len);
	rc = len > trap.left ? -EFAULT : trap_read(&trap, buf, len);
	description_put(trap.desc);
	return rc;
}

static int memory_write(uint64_t addr, const void *buf, size_t len)
{
	struct mapping_trap trap;
	int rc;

	if (!mapping_find_trap(addr, &trap))
		return guard_copy((void *)(uintptr_t)addr, buf, len);
	rc = len > trap.left ? -EFAULT : trap_write(&trap, buf, len);
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

static void report_unknown(const struct mapping_trap *trap, uint64_t pc, const uint8_t *code)
{
	char text[3 * INSN_MAX_BYTES + 1] = "";

	for (size_t i = 0; i < INSN_MAX_BYTES; i++)
		snprintf(text + 3 * i, sizeof(text) - 3 * i, " %02x", code[i]);
	log_mistake(
		"register-access",
		"%s: the instruction at 0x%llx (%s ) accesses the mapping of offset 0x%llx in a "
		"way that is not emulated: SIGBUS. Access registers by moves of 1, 2, 4 or 8 "
		"bytes",
		trap->desc->file->ops->name, (unsigned long long)pc, text,
		(unsigned long long)trap->offset);
}

static enum insn_result emulate(uint64_t addr, ucontext_t *context, const struct mapping_trap *trap)
{
	static const struct insn_memory memory = {.read = memory_read, .write = memory_write};
	const uint64_t pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP];
	uint8_t code[INSN_MAX_BYTES] = {0};
	size_t len = fetch(pc, code);
	enum insn_result rc = insn_emulate(code, len, context, addr, &memory);

	if (rc == INSN_UNKNOWN)
		report_unknown(trap, pc, code);
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
