/* SPDX-License-Identifier: MIT */
/*
 * Functions of the C library that none of its headers declares: what programs call that were built
 * with an older one, or with _FORTIFY_SOURCE, or on a newer system than ours.
 */
#ifndef PRELOAD_START_LIBC_H
#define PRELOAD_START_LIBC_H

#include <dirent.h>
#include <fts.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

int capset(void *header, const void *data);
int close_range(unsigned int first, unsigned int last, int flags);
void closefrom(int first);
int getdents(int fd, struct dirent *buf, size_t size);
int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);
ssize_t process_madvise(int pidfd, const struct iovec *ranges, size_t count, int advice,
			unsigned int flags);

/* What ioctl() takes for a request. */
#ifdef __GLIBC__
#define IOCTL_REQUEST unsigned long
#define LIMIT_NAME    __rlimit_resource_t
#else
#define IOCTL_REQUEST int
#define LIMIT_NAME    int
#endif

/* And fanotify_mark() for a mask. */
#ifdef __GLIBC__
#define FANOTIFY_MASK uint64_t
#else
#define FANOTIFY_MASK unsigned long long
#endif

#ifndef __GLIBC__
/* musl lacks these functions: nothing calls ours, whose REAL() is NULL. */
char *canonicalize_file_name(const char *path);
FTS *fts64_open(char *const *paths, int options, int (*compare)(const FTSENT **, const FTSENT **));
int pkey_mprotect(void *addr, size_t len, int prot, int pkey);
int scandirat(int dirfd, const char *path, struct dirent ***list,
	      int (*filter)(const struct dirent *),
	      int (*order)(const struct dirent **, const struct dirent **));
__typeof__(signal) sysv_signal;
/* It has this one by another name, getdents(). */
ssize_t getdents64(int fd, void *buf, size_t size);
#endif

/* open() and stat() were these. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dirfd, const char *path, int flags);
int __openat64_2(int dirfd, const char *path, int flags);
int __xstat(int version, const char *path, struct stat *st);
int __lxstat(int version, const char *path, struct stat *st);
int __fxstat(int version, int fd, struct stat *st);
int __fxstatat(int version, int dirfd, const char *path, struct stat *st, int flags);
int __xmknod(int version, const char *path, mode_t mode, dev_t *dev);
int __xmknodat(int version, int dirfd, const char *path, mode_t mode, dev_t *dev);
#ifdef __GLIBC__
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);
#endif

/* Fortified forms: @space is the size of the buffer, as far as the compiler could tell. */
#ifdef __GLIBC__
_Noreturn void __chk_fail(void);
#else
#define __chk_fail abort
#endif
ssize_t __read_chk(int fd, void *buf, size_t len, size_t space);
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t space);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off_t offset, size_t space);
ssize_t __readlink_chk(const char *path, char *buf, size_t size, size_t space);
ssize_t __readlinkat_chk(int dirfd, const char *path, char *buf, size_t size, size_t space);
char *__realpath_chk(const char *path, char *resolved, size_t space);
char *__getcwd_chk(char *buf, size_t size, size_t space);

__typeof__(sigaction) __sigaction;
__typeof__(signal) bsd_signal;

#endif
