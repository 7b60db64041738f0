/* SPDX-License-Identifier: MIT */
/*
 * Locking memory: what a container of VFIO has locked counts as well [TYPE1-ACCOUNTING], of which
 * the kernel does not know.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "preload/engine/memlock.h"
#include "preload/start/real.h"

static int lock(const void *addr, size_t len, int flags)
{
	const size_t before = (uintptr_t)addr & PAGE_MASK;

	memlock_seen();
	if (!memlock_permits(len + before))
		return (int)libc_result(-ENOMEM);
	return (int)libc_result(flags ? SYS(SYS_mlock2, addr, len, flags)
				      : SYS(SYS_mlock, addr, len));
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
	memlock_seen();
	return (int)libc_result(SYS(SYS_mlockall, flags));
}
