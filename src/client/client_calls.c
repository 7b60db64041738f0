/* SPDX-License-Identifier: MIT */
/*
 * The functions of the C library that programs of a shared machine call often on emulated
 * descriptors. Each asks the server through shared memory, and otherwise calls the next function of
 * that name, which makes the system call: the filter stops that one. So this library is never
 * needed for what a program sees, only for how soon.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "base/raw_call.h"
#include "client/client_slot.h"
#include "server/filter.h"

#define PUBLIC __attribute__((visibility("default")))

/* Every C library has these, or the program has been linked without threads or loading. */
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern void pthread_testcancel(void) __attribute__((weak));
extern char *getenv(const char *name) __attribute__((weak));

/* The runtimes of sanitizers, if the program has one: they look at what the calls write. */
extern void __asan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

PUBLIC int ioctl(int fd, unsigned long request, ...);
PUBLIC ssize_t pread(int fd, void *buf, size_t count, off_t offset);
PUBLIC ssize_t pread64(int fd, void *buf, size_t count, off_t offset);
PUBLIC ssize_t __pread_chk(int fd, void *buf, size_t count, off_t offset, size_t size);
PUBLIC ssize_t __pread64_chk(int fd, void *buf, size_t count, off_t offset, size_t size);
PUBLIC ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset);
PUBLIC ssize_t pwrite64(int fd, const void *buf, size_t count, off_t offset);

typedef ssize_t pread_function(int fd, void *buf, size_t count, off_t offset);
typedef ssize_t pread_checked_function(int fd, void *buf, size_t count, off_t offset, size_t size);
typedef ssize_t pwrite_function(int fd, const void *buf, size_t count, off_t offset);

/* The next functions of these names; NULL: there is none. */
static struct {
	int (*ioctl)(int fd, unsigned long request, ...);
	pread_function *pread;
	pread_checked_function *pread_checked;
	pwrite_function *pwrite;
} next;

static bool is_away = true; /* the library does nothing */

/* Valgrind knows what a call writes by the system call. */
static bool is_under_valgrind(void)
{
	static const char tool[] = "/vgpreload_";
	const char *at = getenv ? getenv("LD_PRELOAD") : NULL;
	size_t same = 0;

	for (; at && *at && tool[same]; at++)
		same = *at == tool[same] ? same + 1 : *at == tool[0];
	return !tool[same];
}

/* The next function @name; @other is the same by another name, which is not everywhere. */
static void *find(const char *name, const char *other)
{
	void *const following = (void *)-1L; /* RTLD_NEXT */
	void *found = dlsym(following, name);

	return found ? found : dlsym(following, other);
}

static __attribute__((constructor)) void start(void)
{
	if (!dlsym)
		return;
	*(void **)&next.ioctl = find("ioctl", "ioctl");
	*(void **)&next.pread = find("pread64", "pread");
	*(void **)&next.pread_checked = find("__pread64_chk", "__pread_chk");
	*(void **)&next.pwrite = find("pwrite64", "pwrite");
	is_away = __asan_init || __hwasan_init || __msan_init || __tsan_init || is_under_valgrind();
}

/* The result as a function returns it. */
static long returned(long value)
{
	if (value >= 0)
		return value;
	errno = (int)-value;
	return -1;
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *arg;
	long value;

	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);
	if ((request >> 8 & 0xff) == FILTER_IOCTL_TYPE && !is_away) {
		const uint64_t args[6] = {(uint64_t)fd, request, (uintptr_t)arg};

		if (client_slot_call(SYS_ioctl, args, &value))
			return (int)returned(value);
	}
	if (next.ioctl)
		return next.ioctl(fd, request, arg);
	return (int)returned(raw_call(SYS_ioctl, fd, (long)request, (long)arg, 0, 0, 0));
}

/* ---- with a position ---- */

/* The call @number through the slot, if @fd may be emulated. False: it has not been made. */
static bool transfer(long number, int fd, const void *buf, size_t count, off_t offset, long *value)
{
	const uint64_t args[6] = {(uint64_t)fd, (uintptr_t)buf, count, (uint64_t)offset};

	if (fd < FILTER_FIRST_FD || fd > FILTER_LAST_FD || is_away)
		return false;
	/* As in the next function: a thread that has been cancelled ends here. */
	if (pthread_testcancel)
		pthread_testcancel();
	return client_slot_call(number, args, value);
}

ssize_t pread64(int fd, void *buf, size_t count, off_t offset)
{
	long value;

	if (transfer(SYS_pread64, fd, buf, count, offset, &value))
		return returned(value);
	if (next.pread)
		return next.pread(fd, buf, count, offset);
	return returned(raw_call(SYS_pread64, fd, (long)buf, (long)count, offset, 0, 0));
}

ssize_t pread(int fd, void *buf, size_t count, off_t offset)
{
	return pread64(fd, buf, count, offset);
}

/* Of programs that are built with checks: @size bytes are behind @buf. */
ssize_t __pread64_chk(int fd, void *buf, size_t count, off_t offset, size_t size)
{
	return next.pread_checked && count > size ? next.pread_checked(fd, buf, count, offset, size)
						  : pread64(fd, buf, count, offset);
}

ssize_t __pread_chk(int fd, void *buf, size_t count, off_t offset, size_t size)
{
	return __pread64_chk(fd, buf, count, offset, size);
}

ssize_t pwrite64(int fd, const void *buf, size_t count, off_t offset)
{
	long value;

	if (transfer(SYS_pwrite64, fd, buf, count, offset, &value))
		return returned(value);
	if (next.pwrite)
		return next.pwrite(fd, buf, count, offset);
	return returned(raw_call(SYS_pwrite64, fd, (long)buf, (long)count, offset, 0, 0));
}

ssize_t pwrite(int fd, const void *buf, size_t count, off_t offset)
{
	return pwrite64(fd, buf, count, offset);
}
