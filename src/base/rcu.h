/* SPDX-License-Identifier: MIT */
/*
 * RCU: liburcu's "bulletproof" flavour, where threads need not register. Its names are
 * rcu_read_lock() and rcu_read_unlock() here; pointers that readers follow go through rcu_load()
 * and rcu_store(), which ThreadSanitizer understands.
 *
 * ThreadSanitizer knows nothing of grace periods. rcu_read_done(what), just before
 * rcu_read_unlock(), and rcu_wait(what) tell it that what readers did lies before what follows the
 * grace period. @what outlives all readers: it stands for the data.
 */
#ifndef BASE_RCU_H
#define BASE_RCU_H

#include <stdbool.h>
#include <urcu-bp.h>
#include <urcu/static/urcu-bp.h>

#include "base/tsan.h"

/*
 * liburcu's headers map these names to calls into the library. A call costs more than what a DMA
 * does between the two, so these are the static versions, which liburcu lets code of any licence
 * inline (they are shorter than ten lines).
 */
#undef rcu_read_lock
#undef rcu_read_unlock
#undef rcu_read_ongoing

/* A read-side critical section: may nest, must not block. */
static inline void rcu_read_lock(void)
{
	_urcu_bp_read_lock();
}

static inline void rcu_read_unlock(void)
{
	_urcu_bp_read_unlock();
}

/* Whether the calling thread is inside one: for assertions. */
static inline bool rcu_read_ongoing(void)
{
	return _urcu_bp_read_ongoing();
}

#define rcu_load(at)	       __atomic_load_n(at, __ATOMIC_ACQUIRE)
#define rcu_store(at, pointer) __atomic_store_n(at, pointer, __ATOMIC_RELEASE)

static inline void rcu_read_done(void *what)
{
	tsan_reader_done(what);
}

/*
 * Returns when every reader that was under way has ended. Context: not inside a read-side critical
 * section; may sleep.
 */
static inline void rcu_wait(void *what)
{
	synchronize_rcu();
	tsan_grace_period(what);
}

/*
 * Around a fork: the first one before it, then one of the others in each process. Context: not
 * inside a read-side critical section.
 */
static inline void rcu_fork_prepare(void)
{
	urcu_bp_before_fork();
}

static inline void rcu_fork_parent(void)
{
	urcu_bp_after_fork_parent();
}

static inline void rcu_fork_child(void)
{
	urcu_bp_after_fork_child();
}

#endif
