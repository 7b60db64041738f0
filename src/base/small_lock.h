/* SPDX-License-Identifier: MIT */
/*
 * A mutex of four bytes, for objects of which there are millions. It may be held for long: waiters
 * sleep. All zero is an unlocked one; there is nothing to destroy. Not fair, not recursive.
 *
 * It has no space for its rank (base/lock.h), so each call names it; debug builds keep it in the
 * thread's held set and check the order, as they do for a struct lock.
 *
 * Cost without contention: one atomic exchange each way.
 */
#ifndef BASE_SMALL_LOCK_H
#define BASE_SMALL_LOCK_H

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/lock.h"

struct CAPABILITY("small_lock") small_lock {
	_Atomic uint32_t state; /* enum small_lock_state */
};

enum small_lock_state {
	SMALL_LOCK_FREE,
	SMALL_LOCK_HELD,
	SMALL_LOCK_AWAITED, /* held, and a thread may be asleep */
};

/* The slow sides: sleep until it is the calling thread's, and wake one that sleeps. */
void small_lock_sleep(struct small_lock *lock);
void small_lock_wake(struct small_lock *lock);

static inline void small_lock_take(struct small_lock *lock)
{
	uint32_t expected = SMALL_LOCK_FREE;

	if (!atomic_compare_exchange_strong_explicit(&lock->state, &expected, SMALL_LOCK_HELD,
						     memory_order_acquire, memory_order_relaxed))
		small_lock_sleep(lock);
}

static inline void small_lock_acquire(struct small_lock *lock, enum lock_rank rank)
	ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, rank, false);
	small_lock_take(lock);
	lock_note_acquired(lock, rank);
}

/* Like small_lock_acquire(), for one more lock of a rank that the thread holds already. */
static inline void small_lock_acquire_nested(struct small_lock *lock, enum lock_rank rank)
	ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, rank, true);
	small_lock_take(lock);
	lock_note_acquired(lock, rank);
}

static inline void small_lock_release(struct small_lock *lock, enum lock_rank rank)
	RELEASES(*lock) NO_LOCK_ANALYSIS
{
	lock_note_released(lock, rank);
	if (atomic_exchange_explicit(&lock->state, SMALL_LOCK_FREE, memory_order_release) ==
	    SMALL_LOCK_AWAITED)
		small_lock_wake(lock);
}

/* Asserts that the calling thread holds @lock. */
static inline void small_lock_assert_held(const struct small_lock *lock, enum lock_rank rank)
	ASSERTS_HELD(*lock) NO_LOCK_ANALYSIS
{
	assert(lock_is_noted(lock, rank));
	(void)lock, (void)rank;
}

#endif
