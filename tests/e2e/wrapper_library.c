/* SPDX-License-Identifier: MIT */
/*
 * The library of wrapper.c: it stands in front of the C library as tools do that are preloaded
 * (cwrap), and takes the functions that it goes on to from the C library's own handle.
 */
#undef _FILE_OFFSET_BITS /* makes another name of openat */

#include <dlfcn.h>
#include <fcntl.h>
#include <gnu/lib-names.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED extern _Atomic unsigned int wrapper_calls;
_Atomic unsigned int wrapper_calls;

static void *behind(const char *name)
{
	void *libc = dlopen(LIBC_SO, RTLD_LAZY);
	void *function = libc ? dlsym(libc, name) : NULL;

	atomic_fetch_add(&wrapper_calls, 1);
	return function;
}

EXPORTED int openat(int dirfd, const char *path, int flags, ...)
{
	int (*next)(int, const char *, int, ...) = behind("openat");
	mode_t mode = 0;
	va_list args;

	if (flags & (O_CREAT | O_TMPFILE)) {
		va_start(args, flags);
		mode = va_arg(args, mode_t);
		va_end(args);
	}
	return next ? next(dirfd, path, flags, mode) : -1;
}

EXPORTED int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			    void *arg)
{
	int (*next)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		behind("pthread_create");

	return next ? next(thread, attr, run, arg) : -1;
}
