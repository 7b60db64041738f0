/* SPDX-License-Identifier: MIT */
/*
 * Start: the C library's functions, whether there is a shadow root, and which process this is.
 *
 * Constructors of other libraries may call us before our own runs, so the first call does the work.
 * It may be done twice at once: every store is of the same value, and `real_ready` comes last.
 */
#include "preload/start/real.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#include "preload/start/root.h"

#define REAL_DEFINE(name) __typeof__(name) *real_##name;
REAL_FUNCTIONS(REAL_DEFINE)
#undef REAL_DEFINE

_Atomic bool real_ready;

static _Atomic pid_t owner;

bool preload_own_process(void)
{
	return atomic_load_explicit(&owner, memory_order_relaxed) == (pid_t)SYS(SYS_getpid);
}

void preload_init(void)
{
	int saved = errno;

	if (atomic_load_explicit(&real_ready, memory_order_acquire))
		return;
#define REAL_FIND(name) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);
	REAL_FUNCTIONS(REAL_FIND)
#undef REAL_FIND
	atomic_store_explicit(&owner, (pid_t)SYS(SYS_getpid), memory_order_relaxed);
	/*
	 * Before the C library has its environment, there is no shadow root yet: ask again later.
	 */
	if (environ) {
		root_init();
		atomic_store_explicit(&real_ready, true, memory_order_release);
	}
	errno = saved;
}

void preload_forked(void)
{
	atomic_store_explicit(&owner, (pid_t)SYS(SYS_getpid), memory_order_relaxed);
}
