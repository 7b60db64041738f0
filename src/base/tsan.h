/* SPDX-License-Identifier: MIT */
/*
 * ThreadSanitizer knows nothing of grace periods. This tells it what synchronize_rcu() ensures:
 * what readers did before tsan_reader_done() happens before what follows tsan_grace_period().
 * Nothing in other builds. Used by base/rcu.h.
 */
#ifndef BASE_TSAN_H
#define BASE_TSAN_H

#include "base/sanitized_build.h"

#ifdef BASE_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif

/*
 * At the end of a read-side critical section. @what stands for the data and outlives all sections.
 */
static inline void tsan_reader_done(void *what)
{
#ifdef BASE_THREAD_SANITIZER
	__tsan_release(what);
#else
	(void)what;
#endif
}

/* After synchronize_rcu(). */
static inline void tsan_grace_period(void *what)
{
#ifdef BASE_THREAD_SANITIZER
	__tsan_acquire(what);
#else
	(void)what;
#endif
}

#endif
