/* SPDX-License-Identifier: MIT */
/* Waiting for a condition, by futex. */
#include "base/condition.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>

#include "base/sys.h"
#include "base/tsan.h"

static void wake(struct condition *condition, int threads)
{
	if (!atomic_load_explicit(&condition->waiting, memory_order_relaxed))
		return;
	atomic_fetch_add_explicit(&condition->sequence, 1, memory_order_relaxed);
	(void)sys_call_made(SYS_futex, (long)&condition->sequence, FUTEX_WAKE_PRIVATE, threads, 0,
			    0, 0);
}

void condition_signal(struct condition *condition)
{
	wake(condition, 1);
}

void condition_broadcast(struct condition *condition)
{
	wake(condition, INT_MAX);
}

uint32_t condition_begin(struct condition *condition)
{
	atomic_fetch_add_explicit(&condition->waiting, 1, memory_order_relaxed);
	return atomic_load_explicit(&condition->sequence, memory_order_relaxed);
}

int condition_sleep(struct condition *condition, uint32_t sequence, const struct timespec *deadline)
{
#ifdef BASE_THREAD_SANITIZER
	struct timespec second;

	/* base/futex_lock.c says why. Callers expect to be woken for no reason. */
	if (!deadline) {
		(void)clock_gettime(CLOCK_MONOTONIC, &second);
		second.tv_sec++;
		deadline = &second;
		(void)sys_call_made(SYS_futex, (long)&condition->sequence,
				    FUTEX_WAIT_BITSET_PRIVATE, sequence, (long)deadline, 0,
				    FUTEX_BITSET_MATCH_ANY);
		return 0;
	}
#endif
	return sys_call_made(SYS_futex, (long)&condition->sequence, FUTEX_WAIT_BITSET_PRIVATE,
			     sequence, (long)deadline, 0,
			     (long)FUTEX_BITSET_MATCH_ANY) == -ETIMEDOUT
		       ? -ETIMEDOUT
		       : 0;
}

void condition_end(struct condition *condition)
{
	atomic_fetch_sub_explicit(&condition->waiting, 1, memory_order_relaxed);
}
