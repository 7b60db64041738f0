/* SPDX-License-Identifier: MIT */
/*
 * The slots of the gate: a list that only grows, at its head, without a lock. A slot is never
 * freed; the next thread that needs one adopts the slot of a thread that has exited, so there are
 * as many slots as threads that used the gate were ever alive at once.
 *
 * Invariant: a thread owns the slot that gate_self points to, and alone writes it while @owned is
 * set, except for @fences (and in the child of a fork, where there is no other thread).
 *
 * Why leaving out the fence is right: an entry stores its key and then loads @fences, so when a
 * waiter has stored its ticket there and its process_fence() has returned, an entry that found
 * GATE_UNFENCED has its key where every waiter sees it, or comes to load the table after the fence,
 * and every later one makes its own fence; only then, and only by that waiter, @fences becomes
 * GATE_FENCED, which lets others wait without a process_fence(). The thread itself goes back to
 * GATE_UNFENCED, with a full fence between that store and its next load of a table, so a waiter
 * that still found GATE_FENCED had stored before.
 */
#include "base/gate.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/sys.h"

/* Polls before a waiter yields the processor: somewhat longer than copying a page takes. */
#define POLLS_BEFORE_YIELD 256

/*
 * Polls before it sleeps between two of them: longer than any copy. What it waits for then waits
 * itself, for another process.
 */
#define POLLS_BEFORE_SLEEP 65536

__thread struct gate_slot *gate_self __attribute__((tls_model("initial-exec")));
__thread void *gate_cache __attribute__((tls_model("initial-exec")));

static _Atomic(struct gate_slot *) all_slots;
static _Atomic uint64_t last_ticket;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key;
static bool have_exit_key;

static void release_slot(struct gate_slot *slot)
{
	atomic_store_explicit(&slot->key, NULL, memory_order_release);
	atomic_store_explicit(&slot->owned, false, memory_order_release);
}

static void on_thread_exit(void *slot)
{
	gate_self = NULL;
	gate_cache = NULL;
	release_slot(slot);
}

static void create_exit_key(void)
{
	have_exit_key = !pthread_key_create(&exit_key, on_thread_exit);
	(void)process_fence_prepare();
}

void gate_prepare(void)
{
	pthread_once(&key_once, create_exit_key);
}

struct gate_slot *gate_slots(void)
{
	return atomic_load_explicit(&all_slots, memory_order_acquire);
}

struct gate_slot *gate_next(const struct gate_slot *slot)
{
	return atomic_load_explicit(&slot->next, memory_order_relaxed);
}

static struct gate_slot *adopt_slot(void)
{
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		bool owned = atomic_load_explicit(&slot->owned, memory_order_relaxed);

		if (!owned && atomic_compare_exchange_strong(&slot->owned, &owned, true))
			return slot;
	}
	return NULL;
}

static struct gate_slot *create_slot(void)
{
	struct gate_slot *slot = alloc_aligned(_Alignof(struct gate_slot), sizeof(*slot));
	struct gate_slot *head = gate_slots();

	if (!slot)
		return NULL;
	atomic_init(&slot->owned, true);
	atomic_init(&slot->fences, GATE_FENCED);
	slot->fenced_left = GATE_FENCED_ENTRIES;
	do {
		atomic_store_explicit(&slot->next, head, memory_order_relaxed);
	} while (!atomic_compare_exchange_weak(&all_slots, &head, slot));
	return slot;
}

int gate_register(void)
{
	struct gate_slot *slot;

	gate_prepare();
	if (!have_exit_key)
		return -ENOMEM;

	slot = adopt_slot();
	if (!slot)
		slot = create_slot();
	if (!slot)
		return -ENOMEM;
	if (fail_inject() || pthread_setspecific(exit_key, slot)) {
		release_slot(slot);
		return -ENOMEM;
	}
	gate_self = slot;
	gate_cache = slot->cache;
	return 0;
}

void gate_set_cache(void *cache)
{
	gate_self->cache = cache;
	gate_cache = cache;
}

void gate_fence_entry(struct gate_slot *slot)
{
	uint64_t fenced = GATE_FENCED;

	atomic_thread_fence(memory_order_seq_cst);
	if (--slot->fenced_left)
		return;
	slot->fenced_left = GATE_FENCED_ENTRIES;
	if (!process_fence_works())
		return;
	(void)atomic_compare_exchange_strong(&slot->fences, &fenced, GATE_UNFENCED);
	/* What the next entry loads, without a fence of its own, is loaded after this store. */
	fence_after_atomic();
}

/* Whether a waiter can rely on the fences of @slot, which may be its own. */
static bool is_fenced(const struct gate_slot *slot)
{
	return slot == gate_self ||
	       atomic_load_explicit(&slot->fences, memory_order_acquire) == GATE_FENCED;
}

/* Makes the fence that some threads leave out, and asks them for their own. */
static __attribute__((noinline, cold)) void fence_others(void)
{
	const uint64_t ticket = atomic_fetch_add(&last_ticket, 2) + 2;

	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		uint64_t unfenced = GATE_UNFENCED;

		if (!is_fenced(slot))
			atomic_compare_exchange_strong(&slot->fences, &unfenced, ticket);
	}
	process_fence();
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		uint64_t asked = ticket;

		atomic_compare_exchange_strong(&slot->fences, &asked, GATE_FENCED);
	}
}

/*
 * Of each thread that enters meanwhile, the caller sees the key afterwards, or the thread sees what
 * the caller has stored before.
 */
static void fence_entries(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		if (__builtin_expect(!is_fenced(slot), 0)) {
			fence_others();
			return;
		}
	}
}

static void relax(unsigned int polls)
{
	static const struct timespec pause = {.tv_nsec = 100000};

	if (polls >= POLLS_BEFORE_SLEEP) {
		(void)sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
		return;
	}
	if (polls >= POLLS_BEFORE_YIELD) {
		sched_yield();
		return;
	}
#ifdef __x86_64__
	__builtin_ia32_pause();
#endif
}

/* Waits until the thread of @slot has left the entry in which it is now, if that is one of @key. */
static void wait_for_slot(struct gate_slot *slot, const void *key)
{
	uint64_t entry;

	if (atomic_load_explicit(&slot->key, memory_order_acquire) != key)
		return;
	assert(slot != gate_self);

	/*
	 * The thread may leave and enter again between two polls, without end, so waiting for the
	 * key alone could starve. A poll that sees the key of an entry also sees its number, or
	 * that of a later entry.
	 */
	entry = atomic_load_explicit(&slot->entries, memory_order_acquire);
	for (unsigned int polls = 0;
	     atomic_load_explicit(&slot->key, memory_order_acquire) == key &&
	     atomic_load_explicit(&slot->entries, memory_order_acquire) == entry;
	     polls += polls < POLLS_BEFORE_SLEEP)
		relax(polls);
}

void gate_wait(const void *key)
{
	fence_entries();
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot))
		wait_for_slot(slot, key);
}

void gate_wait_all(void)
{
	fence_entries();
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		const void *key = atomic_load_explicit(&slot->key, memory_order_acquire);

		if (key)
			wait_for_slot(slot, key);
	}
}

void gate_after_fork(void)
{
	(void)process_fence_prepare();
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		/* The waiter that has asked may not exist here. */
		atomic_store(&slot->fences, GATE_FENCED);
		if (slot == gate_self)
			continue;
		if (slot->cache)
			slot->torn_cache = slot->cache;
		slot->cache = NULL;
		release_slot(slot);
	}
}
