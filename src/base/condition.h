/* SPDX-License-Identifier: MIT */
/*
 * A condition that threads wait for with a lock: lock_wait(), lock_wait_until() in base/lock.h. All
 * zero is one that no thread waits for; there is nothing to destroy.
 *
 * What is waited for changes under the lock; it is signalled afterwards, with the lock or without.
 * No signal is lost: the thread that waits counts itself and reads the sequence while it holds the
 * lock, so the one that changes the state later finds it counted, and changes the sequence, with
 * which no thread goes to sleep any more.
 *
 * Cost: a signal for which no thread waits is two memory accesses.
 */
#ifndef BASE_CONDITION_H
#define BASE_CONDITION_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

struct condition {
	_Atomic uint32_t sequence; /* of signals */
	_Atomic uint32_t waiting;  /* threads */
};

/* Wakes at least one, or all, of the threads that wait. */
void condition_signal(struct condition *condition);
void condition_broadcast(struct condition *condition);

/*
 * For lock_wait(): begins under the lock, and says which sequence to sleep at without it; sleeps
 * until it changes, for no reason, or, with a @deadline on CLOCK_MONOTONIC, until then: -ETIMEDOUT;
 * and ends.
 */
uint32_t condition_begin(struct condition *condition);
int condition_sleep(struct condition *condition, uint32_t sequence,
		    const struct timespec *deadline);
void condition_end(struct condition *condition);

#endif
