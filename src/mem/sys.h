/* SPDX-License-Identifier: MIT */
/*
 * System calls that the preload interposes for the program, made directly, so that it never sees
 * our own. Results: 0 or more, or a negative errno; errno itself is left alone.
 */
#ifndef MEM_SYS_H
#define MEM_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/check.h"

/* Older headers lack them; the kernel says -EINVAL when it does, too. */
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

/* The result of the system call @number. */
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long rc = syscall(number, a, b, c, d, e, f);

	if (rc == -1)
		rc = -errno;
	errno = saved;
	return rc;
}

/* *@out = the address of the mapping. */
static inline int sys_mmap(void *addr, size_t len, int prot, int flags, int fd, uint64_t offset,
			   void **out)
{
	long rc = sys_call(SYS_mmap, (long)addr, (long)len, prot, flags, fd, (long)offset);

	/* Addresses of the upper half are never a program's; errors are the last page. */
	if (rc < 0)
		return (int)rc;
	*out = (void *)rc;
	return 0;
}

static inline int sys_munmap(void *addr, size_t len)
{
	return (int)sys_call(SYS_munmap, (long)addr, (long)len, 0, 0, 0, 0);
}

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

static inline int sys_close(int fd)
{
	return (int)sys_call(SYS_close, fd, 0, 0, 0, 0, 0);
}

static inline int sys_fcntl(int fd, int cmd, long arg)
{
	return (int)sys_call(SYS_fcntl, fd, cmd, arg, 0, 0, 0);
}

/*
 * Descriptors that we keep have numbers from here on, if the limit allows it: out of the way of a
 * program that closes, or puts others over, low numbers that it has not opened, and would then find
 * what is meant for ours in its own file.
 */
#define SYS_FD_AWAY 512

/* A duplicate of @fd to keep, closed by exec: or a negative errno. */
static inline int sys_dup_away(int fd)
{
	int away = sys_fcntl(fd, F_DUPFD_CLOEXEC, SYS_FD_AWAY);

	/* -EINVAL: the limit is lower. -EMFILE: there may be room below. */
	return away == -EINVAL || away == -EMFILE ? sys_fcntl(fd, F_DUPFD_CLOEXEC, 0) : away;
}

/* The number that @fd, which is new, has from now on. */
static inline int sys_move_away(int fd)
{
	int away = sys_fcntl(fd, F_DUPFD_CLOEXEC, SYS_FD_AWAY);

	if (away < 0)
		return fd;
	(void)sys_close(fd);
	return away;
}

static inline ssize_t sys_read(int fd, void *buf, size_t len)
{
	return sys_call(SYS_read, fd, (long)buf, (long)len, 0, 0, 0);
}

static inline ssize_t sys_write(int fd, const void *buf, size_t len)
{
	return sys_call(SYS_write, fd, (long)buf, (long)len, 0, 0, 0);
}

/*
 * Takes @len bytes (whole pages) of addresses without memory, such that the first is @congruent
 * modulo @align (a power of two, at least a page): *@out. Give back with sys_munmap().
 */
int sys_reserve(uint64_t len, uint64_t align, uint64_t congruent, void **out);

#endif
