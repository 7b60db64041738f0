/* SPDX-License-Identifier: MIT */
/*
 * Accesses to mapped registers. The mapping is one of an empty file, so each access raises SIGBUS at
 * the instruction; the handler carries the instruction out (insn.h) with the file's operations in place of
 * memory, and the program goes on behind it. To the program it is an access that took a microsecond or
 * two, as an access to a device does.
 *
 * The signal is synchronous: it interrupts the program's own code and never ours, so taking locks
 * and running a device model here is as safe as in a call.
 */
#include "preload/trap.h"

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/file.h"
#include "base/log.h"
#include "mem/guard.h"
#include "preload/engine.h"
#include "preload/insn.h"
#include "preload/mapping.h"

#if FILE_CAN_TRAP_HERE

/* The largest naturally aligned access at @addr of at most @len bytes. */
static unsigned int access_size(uint64_t addr, size_t len)
{
	unsigned int size = 8;

	while (size > len || !is_aligned(addr, size))
		size /= 2;
	return size;
}

/* Calls @access for each access that a device sees of [@trap, @trap + @len). */
static int trap_read(const struct mapping_trap *trap, uint8_t *buf, size_t len)
{
	unsigned int size;
	uint64_t value;
	int rc = 0;

	for (size_t at = 0; at < len && !rc; at += size) {
		size = access_size(trap->offset + at, len - at);
		rc = trap->ops->read(trap->cookie, trap->offset + at, size, &value);
		memcpy(buf + at, &value, size);
	}
	return rc;
}

#endif
