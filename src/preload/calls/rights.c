/* SPDX-License-Identifier: MIT */
/*
 * The calls by which a program changes its credentials. As all of them are seen, the engine may
 * remember credentials (mem/credentials.h), which saves each MAP a system call. Programs change
 * capabilities by syscall() (syscall.c), too, since no header of the C library declares capset().
 *
 * And chroot(): in another root the engine finds no /proc any more.
 */
#include <sys/syscall.h>

#include "mem/credentials.h"
#include "preload/engine/engine.h"
#include "preload/start/real.h"

#define FUNCTION(name, params, ...)               \
	EXPORT int name params                    \
	{                                         \
		int rc = REAL(name)(__VA_ARGS__); \
		credentials_changed();            \
		return rc;                        \
	}

FUNCTION(setuid, (uid_t uid), uid)
FUNCTION(seteuid, (uid_t uid), uid)
FUNCTION(setreuid, (uid_t real, uid_t effective), real, effective)
FUNCTION(setresuid, (uid_t real, uid_t effective, uid_t saved), real, effective, saved)
FUNCTION(setfsuid, (uid_t uid), uid)
FUNCTION(capset, (void *header, const void *data), header, data)
FUNCTION(setns, (int fd, int type), fd, type)

EXPORT int chroot(const char *path)
{
	engine_keep_files();
	return REAL(chroot)(path);
}

EXPORT int unshare(int flags)
{
	int rc = REAL(unshare)(flags);

	credentials_changed();
	/* The first thread's table is the one that is recorded. */
	if (!rc && (flags & CLONE_FILES) && SYS(SYS_gettid) != SYS(SYS_getpid))
		preload_unshared_files();
	return rc;
}
