/* SPDX-License-Identifier: MIT */
/* The slow sides of the mutex: look, sleep and wake. */
#include "base/futex_lock.h"

#include <linux/futex.h>

#include "base/sys.h"
#include "base/tsan.h"

enum {
	LOOKS = 64, /* about a microsecond, less than to sleep and wake up */
};

/*
 * On builds with ThreadSanitizer a thread was found asleep, rarely, for a mutex that was free; when
 * a debugger attached, which repeats the sleep, it went on. No cause was found in this code, whose
 * waits were all by the C library or by this file. There such a sleep is repeated each second.
 */
#ifdef BASE_THREAD_SANITIZER
static const struct timespec second = {.tv_sec = 1};
static const struct timespec *const patience = &second;
#else
static const struct timespec *const patience;
#endif

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * Takes the lock if it becomes free soon, also while others sleep: to queue behind them would cost
 * each critical section a sleep and a wake from then on.
 */
static bool take_soon(struct futex_lock *lock)
{
	for (unsigned int i = 0; i < LOOKS; i++) {
		if (atomic_load_explicit(&lock->state, memory_order_relaxed) == FUTEX_LOCK_FREE &&
		    futex_lock_try(lock))
			return true;
		pause_briefly();
	}
	return false;
}

void futex_lock_wait(struct futex_lock *lock)
{
	if (take_soon(lock))
		return;
	/*
	 * A thread that wakes up cannot know whether others still sleep, so it marks the lock as
	 * awaited when it takes it: one wake too many is harmless, one too few is not.
	 */
	while (atomic_exchange_explicit(&lock->state, FUTEX_LOCK_AWAITED, memory_order_acquire) !=
	       FUTEX_LOCK_FREE)
		(void)sys_call_made(SYS_futex, (long)&lock->state, FUTEX_WAIT_PRIVATE,
				    FUTEX_LOCK_AWAITED, (long)patience, 0, 0);
}

void futex_lock_wake(struct futex_lock *lock)
{
	(void)sys_call_made(SYS_futex, (long)&lock->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
