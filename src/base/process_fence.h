/* SPDX-License-Identifier: MIT */
/*
 * A full fence on every thread of the process, made by one of them: membarrier(2). Where one side
 * of a pair of "store, fence, load" is taken often and the other rarely, the frequent side has a
 * fence of the compiler only (process_fence_light()), and the rare one calls process_fence().
 *
 * Cost: a system call; and a microsecond or two if other threads of the process are running.
 */
#ifndef BASE_PROCESS_FENCE_H
#define BASE_PROCESS_FENCE_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * Announces that this process, or the child of a fork, will use process_fence(). Idempotent.
 * Returns whether it may: whether there is such a fence. Called when the library is loaded.
 */
bool process_fence_prepare(void);

extern _Atomic bool process_fence_usable;

/* Whether process_fence_prepare() has said so, and no process_fence() has failed since. */
static inline bool process_fence_works(void)
{
	return atomic_load_explicit(&process_fence_usable, memory_order_relaxed);
}

/*
 * Each thread of the process executes a full fence between the beginning and the end of this call.
 * Only after process_fence_prepare() has returned true. Should the system refuse it nevertheless (a
 * seccomp filter that came later), the call lasts until every processor has long written back what
 * it had stored, and process_fence_works() returns false from then on.
 */
void process_fence(void);

/* The frequent side: the compiler moves no access across it. */
static inline void process_fence_light(void)
{
	atomic_signal_fence(memory_order_seq_cst);
}

/*
 * A full fence of the calling thread, just after an atomic operation that reads and writes. Such an
 * operation of x86 is one itself. That of other processors lets later loads come before its store.
 */
static inline void fence_after_atomic(void)
{
#if defined(__x86_64__)
	atomic_signal_fence(memory_order_seq_cst);
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

#endif
