/* SPDX-License-Identifier: MIT */
/*
 * A mutex of four bytes, for what there are millions of. It may be held for long: waiters sleep.
 * All zero is an unlocked one; there is nothing to destroy. Not fair, not recursive.
 *
 * Cost without contention: one atomic exchange each way.
 */
#ifndef MEM_LOCK_H
#define MEM_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

struct mem_lock {
	_Atomic uint32_t state;
};

enum mem_lock_state {
	MEM_LOCK_FREE,
	MEM_LOCK_HELD,
	MEM_LOCK_AWAITED, /* held, and somebody may sleep */
};

void mem_lock_sleep(struct mem_lock *lock);
void mem_lock_wake(struct mem_lock *lock);

static inline void mem_lock(struct mem_lock *lock)
{
	uint32_t expected = MEM_LOCK_FREE;

	if (!atomic_compare_exchange_strong_explicit(&lock->state, &expected, MEM_LOCK_HELD,
						     memory_order_acquire, memory_order_relaxed))
		mem_lock_sleep(lock);
}

static inline void mem_unlock(struct mem_lock *lock)
{
	if (atomic_exchange_explicit(&lock->state, MEM_LOCK_FREE, memory_order_release) ==
	    MEM_LOCK_AWAITED)
		mem_lock_wake(lock);
}

#endif
