/* SPDX-License-Identifier: MIT */
/*
 * Limits of addresses: those that the engine has reserved and does not use count, too, so it gives
 * them back when the program sets such a limit.
 */
#include "preload/calls/rlimits.h"

#include <sys/syscall.h>

#include "base/alloc.h"
#include "mem/aside.h"
#include "preload/engine/call.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"

static void give_addresses_back(void)
{
	struct engine_call call;

	engine_enter(&call);
	alloc_trim();
	aside_trim();
	engine_leave(&call);
}

long rlimits_change(long pid, long resource, const struct rlimit *limit, struct rlimit *old)
{
	long rc = SYS(SYS_prlimit64, pid, resource, limit, old);
	struct rlimit now;

	if (rc || resource != RLIMIT_AS || !limit || engine_busy() ||
	    (pid && pid != SYS(SYS_getpid)))
		return rc;
	/* What another process or thread has set since then counts. */
	if (!SYS(SYS_prlimit64, 0, RLIMIT_AS, 0, &now) && now.rlim_cur != RLIM_INFINITY)
		give_addresses_back();
	return rc;
}

EXPORT int setrlimit(LIMIT_NAME resource, const struct rlimit *limit)
{
	return (int)libc_result(rlimits_change(0, (long)resource, limit, NULL));
}

EXPORT int prlimit(pid_t pid, LIMIT_NAME resource, const struct rlimit *limit, struct rlimit *old)
{
	return (int)libc_result(rlimits_change(pid, (long)resource, limit, old));
}

#undef prlimit64 /* a macro of musl's */

EXPORT_ALIAS(setrlimit64, setrlimit);
EXPORT_ALIAS(prlimit64, prlimit);
