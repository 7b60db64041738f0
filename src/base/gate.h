/* SPDX-License-Identifier: MIT */
/*
 * DMA in flight: lets an unmap wait for the DMA that began before it, without a lock on the DMA's
 * side.
 *
 * A thread that is about to reach memory through a domain enters the gate with the domain as its
 * key, and leaves when the bytes are copied. gate_wait(key) returns when every thread that was
 * inside with this key at the time of the call has left. Entering costs one store and one full
 * fence on the thread's own cache line; waiting costs one load per thread that ever entered. A
 * grace period of RCU would do too, but costs the waiter two barriers across all processors
 * (microseconds), for each unmap.
 *
 * Order: after gate_enter(), load what says whether the memory may be reached (page table,
 * attachment); before gate_wait(), store that it may not. One of the two sees the other.
 *
 * A thread is inside one gate at a time, does not block for another thread's doing while inside,
 * and never waits on a gate it is in.
 */
#ifndef BASE_GATE_H
#define BASE_GATE_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate_slot {
	_Atomic(const void *) key; /* NULL: outside */
	_Atomic uint64_t entries;  /* how often the thread entered */
	_Atomic(struct gate_slot *) next;
	_Atomic unsigned int depth; /* of base/world.h: how often the thread is in */
	_Atomic bool owned;	    /* by a living thread */
} __attribute__((aligned(64)));

extern __thread struct gate_slot *gate_self __attribute__((tls_model("initial-exec")));

/* Gives the calling thread a slot. 0 or -ENOMEM. */
int gate_register(void);

/* Enters with @key (not NULL). 0, or -ENOMEM for a thread's first entry. */
static inline int gate_enter(const void *key)
{
	struct gate_slot *slot = gate_self;

	if (__builtin_expect(!slot, 0)) {
		if (gate_register())
			return -ENOMEM;
		slot = gate_self;
	}
	/*
	 * Release: who sees this count sees that the entry before it is over, with all it copied.
	 */
	atomic_store_explicit(&slot->entries,
			      atomic_load_explicit(&slot->entries, memory_order_relaxed) + 1,
			      memory_order_release);
#ifdef __x86_64__
	/* Here an exchange is the cheapest full fence, and the fence must follow the store of the
	 * key. */
	(void)atomic_exchange_explicit(&slot->key, key, memory_order_seq_cst);
#else
	atomic_store_explicit(&slot->key, key, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
#endif
	return 0;
}

static inline void gate_leave(void)
{
	atomic_store_explicit(&gate_self->key, NULL, memory_order_release);
}

/* The slots of all threads, living or not: the first (NULL: none yet), and the next of each. */
struct gate_slot *gate_slots(void);
struct gate_slot *gate_next(const struct gate_slot *slot);

/* Returns when no thread that was inside with @key is inside any more. */
void gate_wait(const void *key);

/* As gate_wait() for every key. */
void gate_wait_all(void);

/* In the child of a fork: the other threads are gone, and so is what they were inside of. */
void gate_after_fork(void);

#endif
