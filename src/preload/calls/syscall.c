/* SPDX-License-Identifier: MIT */
/*
 * syscall(), by which programs make calls that the C library has no function for, or not the one
 * that they want (libuv's statx). Numbers of calls that are replaced go to the replacing function;
 * any other goes to the kernel, without the C library: this may be called before its functions have
 * been looked up.
 */
#include "preload/start/real.h"

#ifdef REAL_SYSCALL_IS_REPLACED

#include <linux/openat2.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "mem/credentials.h"
#include "mem/self.h"
#include "preload/process/fdtable.h"
#include "preload/process/path.h"
#include "preload/start/root.h"

struct arguments {
	long a, b, c, d, e, f;
};

/* The types of the replaced functions' arguments. */
#define FD(x)	((int)args->x)
#define INT(x)	((int)args->x)
#define UINT(x) ((unsigned int)args->x)
#define SIZE(x) ((size_t)args->x)
#define PTR(x)	((void *)args->x)

static bool changes_credentials(long number)
{
	switch (number) {
	case SYS_setuid:
	case SYS_setreuid:
	case SYS_setresuid:
	case SYS_setfsuid:
	case SYS_capset:
	case SYS_setns:
		return true;
	default:
		return false;
	}
}

static long to_kernel(long number, const struct arguments *args)
{
	return libc_result(sys_call(number, args->a, args->b, args->c, args->d, args->e, args->f));
}

/* openat2() where the path is emulated; else the kernel's. */
static long open_how(const struct arguments *args)
{
	struct open_how how = {0};
	struct path_at at;

	path_resolve(&at, FD(a), PTR(b), true);
	if (!at.resolved || SIZE(d) < sizeof(how) ||
	    self_read(&how, (uint64_t)args->c, sizeof(how)))
		return to_kernel(SYS_openat2, args);
	return openat(FD(a), PTR(b), (int)how.flags, (mode_t)how.mode);
}

/* The calls with a path. False: @number is none of them. */
static bool call_by_path(long number, const struct arguments *args, long *result)
{
	switch (number) {
	case SYS_open:
		*result = open(PTR(a), INT(b), UINT(c));
		break;
	case SYS_openat:
		*result = openat(FD(a), PTR(b), INT(c), UINT(d));
		break;
	case SYS_openat2:
		*result = open_how(args);
		break;
	case SYS_creat:
		*result = creat(PTR(a), UINT(b));
		break;
	case SYS_stat:
		*result = stat(PTR(a), PTR(b));
		break;
	case SYS_lstat:
		*result = lstat(PTR(a), PTR(b));
		break;
	case SYS_newfstatat:
		*result = fstatat(FD(a), PTR(b), PTR(c), INT(d));
		break;
	case SYS_statx:
		*result = statx(FD(a), PTR(b), INT(c), UINT(d), PTR(e));
		break;
	case SYS_statfs:
		*result = statfs(PTR(a), PTR(b));
		break;
	case SYS_access:
		*result = access(PTR(a), INT(b));
		break;
	case SYS_faccessat:
		*result = faccessat(FD(a), PTR(b), INT(c), 0);
		break;
	case SYS_faccessat2:
		*result = faccessat(FD(a), PTR(b), INT(c), INT(d));
		break;
	case SYS_readlink:
		*result = readlink(PTR(a), PTR(b), SIZE(c));
		break;
	case SYS_readlinkat:
		*result = readlinkat(FD(a), PTR(b), PTR(c), SIZE(d));
		break;
	case SYS_chdir:
		*result = chdir(PTR(a));
		break;
	case SYS_mkdir:
		*result = mkdir(PTR(a), UINT(b));
		break;
	case SYS_mkdirat:
		*result = mkdirat(FD(a), PTR(b), UINT(c));
		break;
	case SYS_mknod:
		*result = mknod(PTR(a), UINT(b), (dev_t)args->c);
		break;
	case SYS_mknodat:
		*result = mknodat(FD(a), PTR(b), UINT(c), (dev_t)args->d);
		break;
	case SYS_unlink:
		*result = unlink(PTR(a));
		break;
	case SYS_unlinkat:
		*result = unlinkat(FD(a), PTR(b), INT(c));
		break;
	case SYS_rmdir:
		*result = rmdir(PTR(a));
		break;
	case SYS_rename:
		*result = rename(PTR(a), PTR(b));
		break;
	case SYS_renameat:
		*result = renameat(FD(a), PTR(b), FD(c), PTR(d));
		break;
	case SYS_renameat2:
		*result = renameat2(FD(a), PTR(b), FD(c), PTR(d), UINT(e));
		break;
	case SYS_link:
		*result = link(PTR(a), PTR(b));
		break;
	case SYS_linkat:
		*result = linkat(FD(a), PTR(b), FD(c), PTR(d), INT(e));
		break;
	case SYS_symlink:
		*result = symlink(PTR(a), PTR(b));
		break;
	case SYS_symlinkat:
		*result = symlinkat(PTR(a), FD(b), PTR(c));
		break;
	case SYS_execve:
		*result = execve(PTR(a), PTR(b), PTR(c));
		break;
	case SYS_execveat:
		*result = execveat(FD(a), PTR(b), PTR(c), PTR(d), INT(e));
		break;
	case SYS_truncate:
		*result = truncate(PTR(a), args->b);
		break;
	case SYS_chmod:
		*result = chmod(PTR(a), UINT(b));
		break;
	case SYS_fchmodat:
		*result = fchmodat(FD(a), PTR(b), UINT(c), 0);
		break;
	case SYS_chown:
		*result = chown(PTR(a), UINT(b), UINT(c));
		break;
	case SYS_fchownat:
		*result = fchownat(FD(a), PTR(b), UINT(c), UINT(d), INT(e));
		break;
	default:
		return false;
	}
	return true;
}

/* The calls that transfer data, on an emulated descriptor. */
static bool call_on_file(long number, const struct arguments *args, long *result)
{
	switch (number) {
	case SYS_ioctl:
		*result = ioctl(FD(a), (unsigned long)args->b, args->c);
		break;
	case SYS_read:
		*result = read(FD(a), PTR(b), SIZE(c));
		break;
	case SYS_write:
		*result = write(FD(a), PTR(b), SIZE(c));
		break;
	case SYS_pread64:
		*result = pread(FD(a), PTR(b), SIZE(c), args->d);
		break;
	case SYS_pwrite64:
		*result = pwrite(FD(a), PTR(b), SIZE(c), args->d);
		break;
	case SYS_readv:
		*result = readv(FD(a), PTR(b), INT(c));
		break;
	case SYS_writev:
		*result = writev(FD(a), PTR(b), INT(c));
		break;
	case SYS_preadv:
		*result = preadv(FD(a), PTR(b), INT(c), args->d);
		break;
	case SYS_pwritev:
		*result = pwritev(FD(a), PTR(b), INT(c), args->d);
		break;
	case SYS_preadv2:
		*result = preadv2(FD(a), PTR(b), INT(c), args->d, INT(f));
		break;
	case SYS_pwritev2:
		*result = pwritev2(FD(a), PTR(b), INT(c), args->d, INT(f));
		break;
	case SYS_lseek:
		*result = lseek(FD(a), args->b, INT(c));
		break;
	case SYS_fstat:
		*result = fstat(FD(a), PTR(b));
		break;
	case SYS_fsync:
		*result = fsync(FD(a));
		break;
	case SYS_fdatasync:
		*result = fdatasync(FD(a));
		break;
	case SYS_ftruncate:
		*result = ftruncate(FD(a), args->b);
		break;
	case SYS_fallocate:
		*result = fallocate(FD(a), INT(b), args->c, args->d);
		break;
	default:
		return false;
	}
	return true;
}

/* The calls that change what descriptor numbers and addresses stand for. */
static bool call_on_process(long number, const struct arguments *args, long *result)
{
	switch (number) {
	case SYS_close:
		*result = close(FD(a));
		break;
	case SYS_close_range:
		*result = close_range(UINT(a), UINT(b), INT(c));
		break;
	case SYS_dup:
		*result = dup(FD(a));
		break;
	case SYS_dup2:
		*result = dup2(FD(a), FD(b));
		break;
	case SYS_dup3:
		*result = dup3(FD(a), FD(b), INT(c));
		break;
	case SYS_fcntl:
		*result = fcntl(FD(a), INT(b), PTR(c));
		break;
	case SYS_getdents64:
		*result = getdents64(FD(a), PTR(b), SIZE(c));
		break;
	case SYS_fchdir:
		*result = fchdir(FD(a));
		break;
	case SYS_fstatfs:
		*result = fstatfs(FD(a), PTR(b));
		break;
	case SYS_sendfile:
		*result = sendfile(FD(a), FD(b), PTR(c), SIZE(d));
		break;
	case SYS_mmap:
		*result = (long)mmap(PTR(a), SIZE(b), INT(c), INT(d), FD(e), args->f);
		break;
	case SYS_munmap:
		*result = munmap(PTR(a), SIZE(b));
		break;
	case SYS_mremap:
		*result = (long)mremap(PTR(a), SIZE(b), SIZE(c), INT(d), PTR(e));
		break;
	case SYS_madvise:
		*result = madvise(PTR(a), SIZE(b), INT(c));
		break;
	case SYS_unshare:
		*result = unshare(INT(a));
		break;
	default:
		return false;
	}
	return true;
}

/* A filter of system calls may end the program for one that it does not know: openat2(). */
static bool confines(long number, long first)
{
	return number == SYS_seccomp || (number == SYS_prctl && first == PR_SET_SECCOMP);
}

EXPORT int prctl(int option, ...)
{
	struct arguments args = {.a = option};
	va_list list;

	va_start(list, option);
	args.b = va_arg(list, long);
	args.c = va_arg(list, long);
	args.d = va_arg(list, long);
	args.e = va_arg(list, long);
	va_end(list);
	if (__builtin_expect(confines(SYS_prctl, option), 0))
		path_confined();
	return (int)to_kernel(SYS_prctl, &args);
}

EXPORT long syscall(long number, ...)
{
	struct arguments args;
	va_list list;
	long result;

	va_start(list, number);
	args.a = va_arg(list, long);
	args.b = va_arg(list, long);
	args.c = va_arg(list, long);
	args.d = va_arg(list, long);
	args.e = va_arg(list, long);
	args.f = va_arg(list, long);
	va_end(list);
	if (root_active() &&
	    ((fdtable_has((int)args.a) && call_on_file(number, &args, &result)) ||
	     call_by_path(number, &args, &result) || call_on_process(number, &args, &result)))
		return result;
	if (__builtin_expect(confines(number, args.a), 0))
		path_confined();
	result = to_kernel(number, &args);
	if (__builtin_expect(changes_credentials(number), 0))
		credentials_changed();
	return result;
}

#endif
