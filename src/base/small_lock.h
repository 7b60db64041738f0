/* SPDX-License-Identifier: MIT */
/*
 * A lock of four bytes, for objects of which there are millions. All zero is an unlocked one.
 *
 * It has no space for its rank (base/lock.h), so each call names it; debug builds keep it in the
 * thread's held set and check the order, as they do for a struct lock.
 */
#ifndef BASE_SMALL_LOCK_H
#define BASE_SMALL_LOCK_H

#include <assert.h>

#include "base/annotate.h"
#include "base/lock.h"

struct CAPABILITY("small_lock") small_lock {
	struct futex_lock mutex;
};

static inline void small_lock_acquire(struct small_lock *lock, enum lock_rank rank)
	ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, rank, false);
	futex_lock_take(&lock->mutex);
	lock_note_acquired(lock, rank);
}

/* Like small_lock_acquire(), for one more lock of a rank that the thread holds already. */
static inline void small_lock_acquire_nested(struct small_lock *lock, enum lock_rank rank)
	ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, rank, true);
	futex_lock_take(&lock->mutex);
	lock_note_acquired(lock, rank);
}

/*
 * For an object that no other thread can reach: debug builds take it for held, and check the order,
 * until small_lock_forgo_end(). The lock itself is not touched.
 */
static inline void small_lock_forgo(struct small_lock *lock, enum lock_rank rank)
	ACQUIRES(*lock) NO_LOCK_ANALYSIS
{
	lock_check_order(lock, rank, false);
	lock_note_acquired(lock, rank);
}

static inline void small_lock_forgo_end(struct small_lock *lock, enum lock_rank rank)
	RELEASES(*lock) NO_LOCK_ANALYSIS
{
	lock_note_released(lock, rank);
}

static inline void small_lock_release(struct small_lock *lock, enum lock_rank rank)
	RELEASES(*lock) NO_LOCK_ANALYSIS
{
	lock_note_released(lock, rank);
	futex_lock_release(&lock->mutex);
}

/* Asserts that the calling thread holds @lock. */
static inline void small_lock_assert_held(const struct small_lock *lock, enum lock_rank rank)
	ASSERTS_HELD(*lock) NO_LOCK_ANALYSIS
{
	assert(lock_is_noted(lock, rank));
	(void)lock, (void)rank;
}

#endif
