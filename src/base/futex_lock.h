/* SPDX-License-Identifier: MIT */
/*
 * A mutex of four bytes, by futex: what base/lock.h and base/small_lock.h are made of. All zero is
 * an unlocked one; there is nothing to destroy. Not fair, not recursive, for one process.
 *
 * At most one thread holds it, because only an exchange that finds it free takes it; and no thread
 * sleeps for ever, because a thread sleeps only while the word says "awaited", and whoever
 * releases it then wakes one, which says "awaited" again when it takes it, or sleeps again.
 *
 * Cost without contention: one atomic exchange each way, inline. A thread that finds it held looks
 * for about as long as a short critical section takes before it sleeps; or, patiently, for tens of
 * microseconds with long pauses, so that threads that take the lock over and over do not hand it,
 * and what it guards, to each other each time.
 */
#ifndef BASE_FUTEX_LOCK_H
#define BASE_FUTEX_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct futex_lock {
	_Atomic uint32_t state; /* enum futex_lock_state */
};

enum futex_lock_state {
	FUTEX_LOCK_FREE,
	FUTEX_LOCK_HELD,
	FUTEX_LOCK_AWAITED, /* held, and a thread may be asleep */
};

/* The slow sides: wait until it is the calling thread's, and wake one that sleeps. */
void futex_lock_wait(struct futex_lock *lock);
void futex_lock_wait_patiently(struct futex_lock *lock);
void futex_lock_wake(struct futex_lock *lock);

static inline bool futex_lock_try(struct futex_lock *lock)
{
	uint32_t expected = FUTEX_LOCK_FREE;

	return atomic_compare_exchange_strong_explicit(&lock->state, &expected, FUTEX_LOCK_HELD,
						       memory_order_acquire, memory_order_relaxed);
}

static inline void futex_lock_take(struct futex_lock *lock)
{
	if (__builtin_expect(!futex_lock_try(lock), 0))
		futex_lock_wait(lock);
}

static inline void futex_lock_take_patiently(struct futex_lock *lock)
{
	if (__builtin_expect(!futex_lock_try(lock), 0))
		futex_lock_wait_patiently(lock);
}

static inline void futex_lock_release(struct futex_lock *lock)
{
	if (__builtin_expect(atomic_exchange_explicit(&lock->state, FUTEX_LOCK_FREE,
						      memory_order_release) == FUTEX_LOCK_AWAITED,
			     0))
		futex_lock_wake(lock);
}

#endif
