/* SPDX-License-Identifier: MIT */
/*
 * System calls made directly. The engine runs inside a program whose C library functions the
 * preload replaces: a call of one of those, syscall() included, would come back to us. So nothing
 * below preload/ calls them, and what it needs of the system is here.
 *
 * Results: 0 or more, or a negative errno; errno itself is left alone. None is a cancellation
 * point.
 */
#ifndef BASE_SYS_H
#define BASE_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fail_call.h"
#include "base/tsan.h"
#if defined(__aarch64__)
#include "base/raw_call.h"
#endif

/* Missing in older glibc, which has the calls of its time; they have one number everywhere. */
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_landlock_add_rule
#define SYS_landlock_add_rule	   445
#define SYS_landlock_restrict_self 446
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

/* Missing in older headers; a kernel that lacks them answers -EINVAL. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/*
 * Marks a function that uses no vector registers, whatever the compiler would like: it runs where
 * the program has called the kernel, which leaves them as they are.
 */
#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ < 11)
#define GENERAL_REGISTERS __attribute__((target("no-sse,no-mmx")))
#elif defined(__x86_64__)
#define GENERAL_REGISTERS __attribute__((target("general-regs-only")))
#else
#define GENERAL_REGISTERS
#endif

#if defined(__x86_64__)

/* Makes the system call @number: sys_call() without injected failures. */
long sys_call_made(long number, long a, long b, long c, long d, long e, long f);

/*
 * From now on sys_call() enters the kernel at @gate, the instructions "syscall; ret" somewhere: a
 * program whose own system calls are dispatched (preload/trap/user_dispatch.h) has one place from
 * which they are not.
 */
void sys_set_gate(const void *gate);

#else

/* Makes the system call @number: sys_call() without injected failures. */
static inline long sys_call_made(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__aarch64__)
	return raw_call(number, a, b, c, d, e, f);
#else
	int saved = errno;
	long rc = syscall(number, a, b, c, d, e, f);

	if (rc == -1)
		rc = -errno;
	errno = saved;
	return rc;
#endif
}

#endif

/* The result of the system call @number. */
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	long injected;

	if (fail_call_inject(number, &injected))
		return injected;
	return sys_call_made(number, a, b, c, d, e, f);
}

/* *@out: the address of the mapping. */
/*
 * ThreadSanitizer has to see mappings come and go: memory that is mapped again is not the memory
 * that other threads used before. Its builds have no preload, so there the C library is asked.
 */
#ifdef BASE_THREAD_SANITIZER
static inline int sys_mmap(void *addr, size_t len, int prot, int flags, int fd, uint64_t offset,
			   void **out)
{
	int saved = errno;
	void *got = mmap(addr, len, prot, flags, fd, (off_t)offset);
	int rc = got == MAP_FAILED ? -errno : 0;

	errno = saved;
	if (!rc)
		*out = got;
	return rc;
}

static inline int sys_munmap(void *addr, size_t len)
{
	int saved = errno;
	int rc = munmap(addr, len) ? -errno : 0;

	errno = saved;
	return rc;
}
#else
static inline int sys_mmap(void *addr, size_t len, int prot, int flags, int fd, uint64_t offset,
			   void **out)
{
	long rc = sys_call(SYS_mmap, (long)addr, (long)len, prot, flags, fd, (long)offset);

	/* No user address is negative, so what is negative is an error. */
	if (rc < 0)
		return (int)rc;
	*out = (void *)rc;
	return 0;
}

static inline int sys_munmap(void *addr, size_t len)
{
	return (int)sys_call(SYS_munmap, (long)addr, (long)len, 0, 0, 0, 0);
}
#endif

/* Moves [@old, @old + @len) to exactly @to, over what is there. @flags: 0 or MREMAP_DONTUNMAP. */
static inline int sys_mremap_to(void *old, size_t len, void *to, int flags)
{
	long rc = sys_call(SYS_mremap, (long)old, (long)len, (long)len,
			   flags | MREMAP_MAYMOVE | MREMAP_FIXED, (long)to, 0);

	return rc < 0 ? (int)rc : 0;
}

static inline int sys_madvise(void *addr, size_t len, int advice)
{
	return (int)sys_call(SYS_madvise, (long)addr, (long)len, advice, 0, 0, 0);
}

static inline int sys_open(const char *path, int flags)
{
	return (int)sys_call(SYS_openat, AT_FDCWD, (long)path, flags, 0, 0, 0);
}

/*
 * Makes @fd, of a memory file, one that can only be read, with the flag @cloexec (O_CLOEXEC or 0).
 * Without /proc, and in a program that confines itself, it stays as it is.
 */
void sys_read_only(int fd, int cloexec);

/*
 * The program permits itself only the system calls that it knows (seccomp), and may be ended by any
 * other. sys_confined() is asked before calls that help but are not needed.
 */
void sys_confine(void);
bool sys_confined(void);

/*
 * Whether valgrind runs the program: it translates code once, looks after the stacks that it knows,
 * and complains of system calls that are newer than it. False before there is an environment.
 */
bool sys_under_valgrind(void);

int sys_close(int fd);

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return (int)sys_call(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

/*
 * Descriptors that we keep have numbers that the program does not use: some programs close all that
 * they did not open, or dup2() over fixed numbers. Where the hard limit leaves space they lie above
 * the soft limit, where the program cannot put anything; else they are high. sys_is_kept() tells
 * the preload which they are. sys_close() closes them.
 */

/*
 * sys_open() of what is closed again soon, also where the program has as many files open as its
 * soft limit permits.
 */
int sys_open_always(const char *path, int flags);

/* A close-on-exec duplicate of @fd for us to keep, or a negative errno. */
int sys_dup_away(int fd);

/* Moves @fd, which is ours alone so far, to such a number. Returns the number it has now. */
int sys_move_away(int fd);

/* Whether @fd is kept. */
GENERAL_REGISTERS bool sys_is_kept(int fd);

/* The lowest kept number in [@from, @last], or -1. */
int sys_next_kept(unsigned int from, unsigned int last);

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return sys_call(SYS_read, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t len)
{
	return sys_call(SYS_write, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline ssize_t sys_pread(int fd, void *buf, size_t len, uint64_t offset)
{
	return sys_call(SYS_pread64, fd, (long)buf, (long)len, (long)offset, 0, 0);
}

static inline ssize_t sys_pwrite(int fd, const void *buf, size_t len, uint64_t offset)
{
	return sys_call(SYS_pwrite64, fd, (long)buf, (long)len, (long)offset, 0, 0);
}

static inline int64_t sys_seek(int fd, int64_t offset, int whence)
{
	return sys_call(SYS_lseek, fd, (long)offset, whence, 0, 0, 0);
}

static inline int sys_data_sync(int fd)
{
	return (int)sys_call(SYS_fdatasync, fd, 0, 0, 0, 0, 0);
}

static inline int sys_allocate(int fd, int mode, uint64_t offset, uint64_t len)
{
	return (int)sys_call(SYS_fallocate, fd, mode, (long)offset, (long)len, 0, 0);
}

static inline int sys_flock(int fd, int operation)
{
	return (int)sys_call(SYS_flock, fd, operation, 0, 0, 0, 0);
}

static inline int sys_stat(int fd, struct stat *st)
{
	return (int)sys_call(SYS_fstat, fd, (long)st, 0, 0, 0, 0);
}

/*
 * Changes the kernel's signal mask of the calling thread (@how: SIG_SETMASK, ...); @old may be
 * NULL. Sets come from sigfillset(), which leaves out the signals that the C library needs.
 */
static inline void sys_sigmask(int how, const sigset_t *mask, sigset_t *old)
{
	/* The kernel's set of 64 signals is the beginning of a sigset_t. */
	(void)sys_call(SYS_rt_sigprocmask, how, (long)mask, (long)old, 8, 0, 0);
}

/*
 * Maps @len bytes (whole pages) of anonymous memory, *@out, whose first address is @congruent
 * modulo @align (a power of two, at least a page). The caller owns the mapping (sys_munmap()).
 */
int sys_map_aligned(uint64_t len, uint64_t align, uint64_t congruent, int prot, void **out);

/* Like sys_map_aligned(), for addresses without memory; can be made to fail (base/fail.h). */
int sys_reserve(uint64_t len, uint64_t align, uint64_t congruent, void **out);

#endif
