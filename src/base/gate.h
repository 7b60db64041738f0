/* SPDX-License-Identifier: MIT */
/*
 * DMA in flight: lets an unmap wait for the DMA that began before it, without a lock on the side of
 * the DMA.
 *
 * A thread that is about to reach memory through a domain enters the gate with the domain as its
 * key, and leaves when the bytes are copied. gate_wait(key) returns when every thread that was
 * inside with this key at the time of the call has left. Entering costs one store and one full
 * fence on the thread's own cache line; waiting costs one load per thread that ever entered. A
 * grace period of RCU would serve as well, but costs each unmap two barriers across all processors
 * (microseconds).
 *
 * Order: after gate_enter(), load what says whether the memory may be reached (page table,
 * attachment); before gate_wait(), store that it may not. One of the two sees the other.
 *
 * A thread is inside one gate at a time, waits for no other thread while inside, and never waits
 * for a gate that it is in.
 */
#ifndef BASE_GATE_H
#define BASE_GATE_H

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gate_slot {
	_Atomic(const void *) key; /* NULL: outside */
	_Atomic uint64_t entries;  /* how often the thread has entered */
	_Atomic(struct gate_slot *) next;
	_Atomic unsigned int depth; /* base/world.h: how many entries the thread has to leave */
	_Atomic bool owned;	    /* by a living thread */
	void *cache;		    /* iommu/lookaside.h; it stays with the slot; NULL: none */
	void *torn_cache; /* the same, of a thread that a fork may have interrupted in it */
} __attribute__((aligned(64)));

extern __thread struct gate_slot *gate_self __attribute__((tls_model("initial-exec")));

/* gate_self->cache, or NULL: it saves a load. */
extern __thread void *gate_cache __attribute__((tls_model("initial-exec")));

/* Gives the slot of the calling thread, which has one, its cache. */
void gate_set_cache(void *cache);

/*
 * The earlier this is called, the better: the C library stores a thread's value of one of the first
 * keys of the process without an allocation.
 */
void gate_prepare(void);

/* Gives the calling thread a slot. 0 or -ENOMEM. */
int gate_register(void);

/* Enters with @key (not NULL). 0, or -ENOMEM: a thread's first entry found no memory for a slot. */
static inline int gate_enter(const void *key)
{
	struct gate_slot *slot = gate_self;

	assert(key);
	if (__builtin_expect(!slot, 0)) {
		if (gate_register())
			return -ENOMEM;
		slot = gate_self;
	}
	assert(!atomic_load_explicit(&slot->key, memory_order_relaxed));
	/*
	 * Release: a reader of this count also sees everything that the previous entry copied.
	 */
	atomic_store_explicit(&slot->entries,
			      atomic_load_explicit(&slot->entries, memory_order_relaxed) + 1,
			      memory_order_release);
#ifdef __x86_64__
	/* The store of the key with a full fence after it: an exchange is the cheapest here. */
	(void)atomic_exchange_explicit(&slot->key, key, memory_order_seq_cst);
#else
	atomic_store_explicit(&slot->key, key, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
#endif
	return 0;
}

static inline void gate_leave(void)
{
	assert(atomic_load_explicit(&gate_self->key, memory_order_relaxed));
	atomic_store_explicit(&gate_self->key, NULL, memory_order_release);
}

/* The list of all slots, owned or not: the first one, and the one after @slot. NULL: the end. */
struct gate_slot *gate_slots(void);
struct gate_slot *gate_next(const struct gate_slot *slot);

/* Returns when no thread that was inside with @key is inside any more. */
void gate_wait(const void *key);

/* Like gate_wait(), for every key. */
void gate_wait_all(void);

/* In the child of a fork: takes out the other threads, which do not exist there. */
void gate_after_fork(void);

#endif
