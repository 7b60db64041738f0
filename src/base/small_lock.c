/* SPDX-License-Identifier: MIT */
/* The slow sides of the small mutex: sleep and wake, by futex. */
#include "base/small_lock.h"

#include <linux/futex.h>

#include "base/sys.h"

#ifdef BASE_THREAD_SANITIZER
static const struct timespec second = {.tv_sec = 1};
static const struct timespec *const patience = &second; /* base/lock.h */
#else
static const struct timespec *const patience;
#endif

void small_lock_sleep(struct small_lock *lock)
{
	/*
	 * A thread that wakes up cannot know whether others still sleep, so it marks the lock as
	 * awaited when it takes it: one wake too many is harmless, one too few is not.
	 */
	while (atomic_exchange_explicit(&lock->state, SMALL_LOCK_AWAITED, memory_order_acquire) !=
	       SMALL_LOCK_FREE)
		(void)sys_call(SYS_futex, (long)&lock->state, FUTEX_WAIT_PRIVATE,
			       SMALL_LOCK_AWAITED, (long)patience, 0, 0);
}

void small_lock_wake(struct small_lock *lock)
{
	(void)sys_call(SYS_futex, (long)&lock->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
