/* SPDX-License-Identifier: MIT */
/*
 * DMA in flight: lets an unmap wait for the DMA that began before it, without a lock on the side of
 * the DMA.
 *
 * A thread that is about to reach memory through a domain enters the gate with the domain as its
 * key, and leaves when the bytes are copied. gate_wait(key) returns when every thread that was
 * inside with this key at the time of the call has left. Waiting costs a few loads per thread that
 * ever entered. A grace period of RCU would serve as well, but costs each unmap two barriers across
 * all processors (microseconds).
 *
 * Order: after gate_enter(), load what says whether the memory may be reached (page table,
 * attachment); before gate_wait(), store that it may not. One of the two sees the other, because
 * there is a full fence in between on both sides. The one of the thread that enters costs more than
 * all else that it does here, so a thread that has not been waited for lately leaves it out: its
 * slot is *unfenced*, and a waiter that finds it so makes the fence for it (process_fence()) and
 * asks for fences of its own from then on. After GATE_FENCED_ENTRIES with them the thread leaves
 * them out again. So a program with one thread never needs a process_fence(), and others need at
 * most one for so many entries.
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

#include "base/process_fence.h"

enum {
	GATE_FENCED_ENTRIES = 1024, /* whose fences cost a thread more than the waiter's one */
};

/* A slot's fences: an even number from 2 on is the ticket of the waiter that asks for them. */
enum {
	GATE_UNFENCED = 0, /* the thread leaves them out */
	GATE_FENCED = 1,   /* all entries that may still be inside were made with them */
};

struct gate_slot {
	_Atomic(const void *) key; /* NULL: outside */
	_Atomic uint64_t entries;  /* how often the thread has entered */
	_Atomic(struct gate_slot *) next;
	_Atomic uint64_t fences;    /* GATE_UNFENCED, GATE_FENCED, or a waiter's ticket */
	unsigned int fenced_left;   /* entries with a fence until the thread leaves it out */
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

/* The fence of an entry, and all that depends on how many there were. */
void gate_fence_entry(struct gate_slot *slot);

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
	atomic_store_explicit(&slot->key, key, memory_order_release);
	process_fence_light();
	if (__builtin_expect(
		    atomic_load_explicit(&slot->fences, memory_order_relaxed) != GATE_UNFENCED, 0))
		gate_fence_entry(slot);
	return 0;
}

static inline void gate_leave(void)
{
	assert(atomic_load_explicit(&gate_self->key, memory_order_relaxed));
	/*
	 * Also orders the thread's entries: programs rely on it that a device reads an index before
	 * the entries, and writes data before the status.
	 */
	atomic_thread_fence(memory_order_acq_rel);
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
