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

#include "client/client_slot.h"
#include "client/raw_call.h"
#include "server/filter.h"

#define PUBLIC __attribute__((visibility("default")))

/* Every C library has these. */
int *__errno_location(void);
extern void *dlsym(void *handle, const char *name) __attribute__((weak));
extern void pthread_testcancel(void) __attribute__((weak));

/* The runtimes of sanitizers, if the program has one: they look at what the calls write. */
extern void __asan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

PUBLIC int ioctl(int fd, unsigned long request, ...);

static struct {
	int (*ioctl)(int fd, unsigned long request, ...);
} next;

static bool is_away = true; /* the library does nothing */

static __attribute__((constructor)) void start(void)
{
	void *const following = (void *)-1L; /* RTLD_NEXT */

	if (!dlsym)
		return;
	*(void **)&next.ioctl = dlsym(following, "ioctl");
	is_away = __asan_init || __hwasan_init || __msan_init || __tsan_init;
}

/* The result as a function returns it. */
static long returned(long value)
{
	if (value >= 0)
		return value;
	*__errno_location() = (int)-value;
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
