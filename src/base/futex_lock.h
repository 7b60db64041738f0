/* SPDX-License-Identifier: MIT */
/*
 * A mutex of four bytes, by futex: what base/lock.h and base/small_lock.h are made of. All zero is
 * an unlocked one; there is nothing to destroy. Not fair, not recursive, for one process.
 *
 * At most one thread holds it, because only an exchange that finds it free takes it; and no thread
 * sleeps for ever, because a thread sleeps only while the word says "awaited", and whoever
 * releases it then wakes one, which says "awaited" again when it takes it, or sleeps again.
 *
 * A release by a store has no exchange that would show it the mark "awaited" (a byte of its own):
 * it stores, and then looks for the mark. A thread that has set the mark therefore makes a fence on
 * all threads (process_fence.h) before it sleeps, so of the releasing thread's store and its look
 * at the mark, the one is over before the fence, and the kernel sees that the lock is free; or the
 * other comes after it, and sees the mark. The look touches the lock when another thread may have
 * taken it already: only for locks that are not destroyed meanwhile.
 *
 * Cost without contention: one atomic exchange each way, or one and a store, inline. A thread that
 * finds it held looks for about as long as a short critical section takes before it sleeps; or,
 * patiently, for tens of microseconds with long pauses, so that threads that take the lock over and
 * over do not hand it, and what it guards, to each other each time.
 */
#ifndef BASE_FUTEX_LOCK_H
#define BASE_FUTEX_LOCK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/process_fence.h"

/*
 * Atomics of both sizes: the processor has one order of the stores to each byte, whatever else they
 * cover.
 */
struct futex_lock {
	union {
		_Atomic uint32_t state; /* enum futex_lock_state */
		struct {
			_Atomic uint8_t held;	 /* 0 or 1 */
			_Atomic uint8_t awaited; /* 0 or 1: a thread may be asleep */
		};
	};
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "where the bytes are in the word");

enum futex_lock_state {
	FUTEX_LOCK_FREE,
	FUTEX_LOCK_HELD = 1,
	FUTEX_LOCK_MARK = 1 << 8, /* alone: free, and the thread that released it is to wake one */
	FUTEX_LOCK_AWAITED = FUTEX_LOCK_HELD | FUTEX_LOCK_MARK,
};

/* The slow sides: wait until it is the calling thread's, and wake one that sleeps. */
void futex_lock_wait(struct futex_lock *lock);
void futex_lock_wait_patiently(struct futex_lock *lock);
void futex_lock_wake(struct futex_lock *lock);

/*
 * The step before a sleep: true if @lock is held, and whoever releases it sees that it is awaited.
 * False: it is the calling thread's now, marked.
 */
bool futex_lock_await(struct futex_lock *lock);

/* Takes the mark away first. */
void futex_lock_wake_marked(struct futex_lock *lock);

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

/* The same, of a lock that is not destroyed before this returns. */
static inline void futex_lock_release_lasting(struct futex_lock *lock)
{
	if (__builtin_expect(!process_fence_works(), 0)) {
		futex_lock_release(lock);
		return;
	}
	atomic_store_explicit(&lock->held, 0, memory_order_release);
	process_fence_light();
	if (__builtin_expect(atomic_load_explicit(&lock->awaited, memory_order_relaxed), 0))
		futex_lock_wake_marked(lock);
}

#endif
