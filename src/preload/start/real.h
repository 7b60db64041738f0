/* SPDX-License-Identifier: MIT */
/*
 * The functions that ours replace (interposed.def), and direct system calls.
 *
 * REAL(name)(...) calls the C library's function, or that of the next library in front of it. They
 * are looked up on first use, at the latest in the constructor.
 *
 * SYS(SYS_name, ...) is for what we ourselves ask of the system while a call of the program is in
 * progress: it reaches no interposed function, is no cancellation point, and leaves errno alone.
 */
#ifndef PRELOAD_START_REAL_H
#define PRELOAD_START_REAL_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <threads.h>
#include <unistd.h>
#include <utime.h>
#include <wordexp.h>

#include "base/sys.h"
#include "preload/start/libc.h"

#define INTERPOSED_REAL(name, family, why) extern __typeof__(name) *real_##name;
#include "preload/start/interposed.def"

extern _Atomic bool real_ready;

/* Looks up the functions and the shadow root. Idempotent; errno stays as it is. */
void preload_init(void);

/*
 * Whether this process is the one whose descriptors and current directory are recorded. False in
 * the child of a vfork or of a bare clone(): it shares our memory but has descriptors and a
 * directory of its own, so its changes must not be recorded.
 */
bool preload_tracks_process(void);

/*
 * The same for what is only known of a descriptor (fdtable_hint()). A program that confines itself
 * may not be permitted the call by which the child of a vfork is told apart; there every process is
 * taken for the one.
 */
bool preload_tracks_hints(void);

/* The calling thread has unshared its descriptors: what it does to them is not recorded either. */
void preload_unshared_files(void);

/* In the child of a fork, which has a copy of our memory: tracks the child. */
void preload_fork_child(void);

static inline void preload_ready(void)
{
	if (__builtin_expect(!atomic_load_explicit(&real_ready, memory_order_acquire), 0))
		preload_init();
}

#define REAL(name) (*(preload_ready(), real_##name))

/* sys_call() with any number of arguments. */
#define SYS(...) SYS_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define SYS_PADDED(n, a, b, c, d, e, f, ...) \
	sys_call(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* What a function of the C library returns for @rc, a result or a negative errno: sets errno. */
static inline long libc_result(long rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/*
 * Where syscall() is replaced too, every call that changes the program's credentials is seen
 * (calls/rights.c, calls/syscall.c).
 */
#ifdef __x86_64__
#define REAL_SYSCALL_IS_REPLACED
#endif

/* Makes a function visible to the program, in front of the C library's. */
#define EXPORT __attribute__((visibility("default")))

/*
 * Defines @name, which a header declares, as another name of @target: with 64-bit longs, functions
 * for large files do not differ from the others. musl's headers declare none; programs have these
 * names from its versions before 1.2.4.
 */
#ifdef __GLIBC__
#define EXPORT_ALIAS(name, target) \
	EXPORT extern __typeof__(name) name __attribute__((alias(#target)))
#else
#define EXPORT_ALIAS(name, target) \
	EXPORT extern __typeof__(target) name __attribute__((alias(#target)))
#endif
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wattribute-alias" /* struct stat64 is struct stat */
#pragma GCC diagnostic ignored "-Wmissing-attributes"
#endif

_Static_assert(sizeof(long) == 8, "names for large files are aliases");

#endif
