/* SPDX-License-Identifier: MIT */
/*
 * The functions that ours stand in front of. REAL(name)(...) calls the C library's (or whichever
 * comes next), found on first use, at the latest in the constructor.
 *
 * SYS(SYS_name, ...) is for what we ourselves ask of the system while a program's call is in
 * progress: it reaches no wrapper, is no cancellation point, and leaves errno alone.
 */
#ifndef PRELOAD_REAL_H
#define PRELOAD_REAL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/sys.h"

#define REAL_FUNCTIONS(X)       \
	X(openat)               \
	X(fopen)                \
	X(freopen)              \
	X(fclose)               \
	X(opendir)              \
	X(readdir)              \
	X(rewinddir)            \
	X(seekdir)              \
	X(closedir)             \
	X(scandirat)            \
	X(glob)                 \
	X(nftw)                 \
	X(realpath)             \
	X(getcwd)               \
	X(get_current_dir_name) \
	X(close)                \
	X(fcntl)                \
	X(read)                 \
	X(write)                \
	X(pread)                \
	X(pwrite)               \
	X(readv)                \
	X(writev)               \
	X(preadv)               \
	X(pwritev)              \
	X(preadv2)              \
	X(pwritev2)             \
	X(sigaction)            \
	X(sigprocmask)          \
	X(pthread_sigmask)      \
	X(signal)               \
	X(sysv_signal)          \
	X(access)               \
	X(eaccess)              \
	X(euidaccess)           \
	X(faccessat)            \
	X(statvfs)              \
	X(pathconf)             \
	X(chmod)                \
	X(fchmodat)             \
	X(chown)                \
	X(lchown)               \
	X(fchownat)             \
	X(truncate)             \
	X(utimensat)            \
	X(getxattr)             \
	X(lgetxattr)            \
	X(listxattr)            \
	X(llistxattr)           \
	X(inotify_add_watch)    \
	X(setuid)               \
	X(seteuid)              \
	X(setreuid)             \
	X(setresuid)            \
	X(setfsuid)             \
	X(capset)               \
	X(setns)                \
	X(unshare)

/* In the C library, and in none of its headers. */
int capset(void *header, const void *data);

#define REAL_DECLARE(name) extern __typeof__(name) *real_##name;
REAL_FUNCTIONS(REAL_DECLARE)
#undef REAL_DECLARE

extern _Atomic bool real_ready;

/* Finds the functions and the shadow root. Idempotent. */
void preload_init(void);

/*
 * False in the child of a vfork (or of a bare clone): it has our memory, but its own descriptors
 * and current directory, so nothing that it does to those is to be recorded.
 */
bool preload_own_process(void);

static inline void preload_ready(void)
{
	if (__builtin_expect(!atomic_load_explicit(&real_ready, memory_order_acquire), 0))
		preload_init();
}

#define REAL(name) (*(preload_ready(), real_##name))

/* sys_call() with as many arguments as there are. */
#define SYS(...) SYS_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_PADDED(n, a, b, c, d, e, f, ...) \
	sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* The one place where a result becomes what functions of the C library return. */
static inline long libc_result(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/* A function that the program finds instead of the C library's. */
#define EXPORT __attribute__((visibility("default")))

/*
 * Another name of @target, declared by a header: with 64-bit longs, the functions for large files
 * are the same.
 */
#define EXPORT_ALIAS(name, target) \
	EXPORT extern __typeof__(name) name __attribute__((alias(#target)))
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wattribute-alias" /* struct stat64 is struct stat */
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#endif

_Static_assert(sizeof(long) == 8, "names for large files are aliases");

#endif
