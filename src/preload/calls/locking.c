/* SPDX-License-Identifier: MIT */
/*
 * Locking memory: what a container of VFIO has locked counts as well [TYPE1-ACCOUNTING], of which
 * the kernel does not know.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "mem/aside.h"
#include "preload/calls/memory.h"
#include "preload/engine/call.h"
#include "preload/engine/memlock.h"
#include "preload/process/mapping.h"
#include "preload/start/real.h"

static long lock_memory(uint64_t addr, uint64_t len, int flags)
{
	return flags ? SYS(SYS_mlock2, addr, len, flags) : SYS(SYS_mlock, addr, len);
}

/* Registers of a device are no memory: the kernel leaves them out, and succeeds. */
static long lock_around_registers(uint64_t addr, uint64_t end, int flags)
{
	uint64_t from, to;
	long rc = 0;

	while (addr < end && !rc) {
		if (!memory_find_registers(addr, end - addr, &from, &to))
			from = to = end;
		if (from > addr)
			rc = lock_memory(addr, from - addr, flags);
		addr = to;
	}
	return rc;
}

static int lock(const void *addr, size_t len, int flags)
{
	const uint64_t before = (uintptr_t)addr & PAGE_MASK;
	const uint64_t start = (uintptr_t)addr - before;
	uint64_t end;

	memlock_seen();
	if (!memlock_permits(len + before))
		return (int)libc_result(-ENOMEM);
	if (!mapping_may_touch(start, len + before) ||
	    check_align_up(len + before, PAGE_SIZE, &end) || check_add(start, end, &end))
		return (int)libc_result(lock_memory((uintptr_t)addr, len, flags));
	return (int)libc_result(lock_around_registers(start, end, flags));
}

EXPORT int mlock(const void *addr, size_t len)
{
	return lock(addr, len, 0);
}

EXPORT int mlock2(const void *addr, size_t len, unsigned int flags)
{
	return lock(addr, len, (int)flags);
}

EXPORT int mlockall(int flags)
{
	struct engine_call call;
	long rc;

	memlock_seen();
	rc = SYS(SYS_mlockall, flags);
	if (!rc && (flags & MCL_CURRENT) && !engine_busy()) {
		engine_enter(&call);
		alloc_unlock();
		aside_unlock();
		engine_leave(&call);
	}
	return (int)libc_result(rc);
}
