/* SPDX-License-Identifier: MIT */
/* The slow sides of the small mutex: sleep and wake, by futex. */
#include "mem/lock.h"

#include <linux/futex.h>

#include "base/sys.h"

void mem_lock_sleep(struct mem_lock *lock)
{
	/*
	 * Who comes out of here cannot know whether others sleep, so it leaves the lock as awaited.
	 */
	while (atomic_exchange_explicit(&lock->state, MEM_LOCK_AWAITED, memory_order_acquire) !=
	       MEM_LOCK_FREE)
		(void)sys_call(SYS_futex, (long)&lock->state, FUTEX_WAIT_PRIVATE, MEM_LOCK_AWAITED,
			       0, 0, 0);
}

void mem_lock_wake(struct mem_lock *lock)
{
	(void)sys_call(SYS_futex, (long)&lock->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
