/* SPDX-License-Identifier: MIT */
/*
 * Functions of the C library that none of its headers declares: what programs call that were built
 * with an older one, or with _FORTIFY_SOURCE, or on a newer system than ours.
 */
#ifndef PRELOAD_START_LIBC_H
#define PRELOAD_START_LIBC_H

#include <signal.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

int capset(void *header, const void *data);
int close_range(unsigned int first, unsigned int last, int flags);
void closefrom(int first);
int execveat(int dirfd, const char *path, char *const argv[], char *const envp[], int flags);
ssize_t process_madvise(int pidfd, const struct iovec *ranges, size_t count, int advice,
			unsigned int flags);

#ifndef __GLIBC__
/* musl has one size of files, and lacks these functions; the server and the command use none. */
#define stat64 stat
void fts64_open(void);
void scandirat(void);
void sysv_signal(void);
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
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstatat64(int version, int dirfd, const char *path, struct stat64 *st, int flags);

/* Fortified forms: @space is the size of the buffer, as far as the compiler could tell. */
_Noreturn void __chk_fail(void);
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
