/* SPDX-License-Identifier: MIT */
/*
 * Constructors of other libraries may call us before our own has run, so the first call does the
 * work. Several threads may do it at the same time: each stores the same values, and `real_ready`
 * comes last. The caller may be the program's allocator, which is setting itself up and cannot be
 * called: nothing here allocates.
 */
#include "preload/start/real.h"

#include <dlfcn.h>

#include "preload/start/root.h"

#define INTERPOSED_REAL(name, family, why) __typeof__(name) *real_##name;
#include "preload/start/interposed.def"

_Atomic bool real_ready;

static _Atomic pid_t tracked;

static void track_this_process(void)
{
	atomic_store_explicit(&tracked, (pid_t)SYS(SYS_getpid), memory_order_relaxed);
}

/* The thread has a table of descriptors of its own. */
static __thread bool own_table __attribute__((tls_model("initial-exec")));

void preload_unshared_files(void)
{
	own_table = true;
}

bool preload_tracks_process(void)
{
	return !own_table &&
	       atomic_load_explicit(&tracked, memory_order_relaxed) == (pid_t)SYS(SYS_getpid);
}

bool preload_tracks_hints(void)
{
	return sys_confined() ? !own_table : preload_tracks_process();
}

void preload_init(void)
{
	int saved = errno;

	if (atomic_load_explicit(&real_ready, memory_order_acquire))
		return;
#define INTERPOSED_REAL(name, family, why) *(void **)&real_##name = dlsym(RTLD_NEXT, #name);
#include "preload/start/interposed.def"
	track_this_process();
	/*
	 * Until the C library is initialised it has no environment, so the root is unknown: the
	 * next call asks again.
	 */
	if (environ) {
		fail_call_init();
		root_init();
		atomic_store_explicit(&real_ready, true, memory_order_release);
	}
	errno = saved;
}

void preload_fork_child(void)
{
	own_table = false;
	track_this_process();
}
