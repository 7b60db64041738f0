/* SPDX-License-Identifier: MIT */
/*
 * The calls by which a program changes its credentials. As all of them are seen, the engine may
 * remember credentials (mem/credentials.h), which saves each MAP a system call. Programs change
 * capabilities by syscall(), too, since no header of the C library declares capset().
 */
#include <stdarg.h>
#include <sys/syscall.h>

#include "mem/credentials.h"
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

EXPORT int unshare(int flags)
{
	int rc = REAL(unshare)(flags);

	credentials_changed();
	/* The first thread's table is the one that is recorded. */
	if (!rc && (flags & CLONE_FILES) && SYS(SYS_gettid) != SYS(SYS_getpid))
		preload_unshared_files();
	return rc;
}

#ifdef REAL_SYSCALL_IS_REPLACED

static bool changes_credentials(long number)
{
	switch (number) {
	case SYS_setuid:
	case SYS_setreuid:
	case SYS_setresuid:
	case SYS_setfsuid:
	case SYS_capset:
	case SYS_setns:
	case SYS_unshare:
		return true;
	default:
		return false;
	}
}

/*
 * Does what the C library's does without calling it: this may be called before the C library's
 * functions have been looked up.
 */
EXPORT long syscall(long number, ...)
{
	register long d __asm__("r10");
	register long e __asm__("r8");
	register long f __asm__("r9");
	long a, b, c, rc;
	va_list args;

	va_start(args, number);
	a = va_arg(args, long);
	b = va_arg(args, long);
	c = va_arg(args, long);
	d = va_arg(args, long);
	e = va_arg(args, long);
	f = va_arg(args, long);
	va_end(args);
	__asm__ volatile("syscall"
			 : "=a"(rc)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(d), "r"(e), "r"(f)
			 : "rcx", "r11", "memory");
	if (__builtin_expect(changes_credentials(number), 0))
		credentials_changed();
	if ((unsigned long)rc <= -4096UL)
		return rc;
	errno = (int)-rc;
	return -1;
}

#endif
