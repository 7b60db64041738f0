/* SPDX-License-Identifier: MIT */
/*
 * Threads use the slots of the gate (base/gate.h). At least one of the two sides sees the other: a
 * thread stores that it is in, and then loads whether the world is stopped; the stopper stores that
 * it is, and then loads which threads are in; in between the stopper makes a fence for both
 * (base/process_fence.h), or, where there is no such fence, which is known before the first slot
 * exists, both make their own. A slot that is not in the list yet belongs to a thread that has not
 * loaded yet.
 *
 * stop_lock is acquired by world_stop() and released by world_resume(), which no analysis of one
 * function at a time can follow.
 */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <time.h>

#include "base/gate.h"
#include "base/lock.h"
#include "base/process_fence.h"
#include "base/world.h"

#define FOREVER UINT_MAX

static _Atomic bool stopped;
static struct lock stop_lock = LOCK_INIT(LOCK_WORLD); /* held for the length of a stop */

/* Waits until the world goes on; -EBUSY: it has not within @ms milliseconds. */
static int wait_for_resume(unsigned int ms)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	if (ms == FOREVER) {
		lock_acquire(&stop_lock);
		lock_release(&stop_lock);
		return 0;
	}
	for (; atomic_load(&stopped); ms--) {
		if (!ms)
			return -EBUSY;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* Tries to enter from outside. False: the world is stopped, and the thread is out again. */
static bool step_in(struct gate_slot *slot)
{
	atomic_store_explicit(&slot->depth, 1, memory_order_release);
	process_fence_light();
	if (__builtin_expect(!process_fence_works(), 0))
		atomic_thread_fence(memory_order_seq_cst);
	if (__builtin_expect(!atomic_load_explicit(&stopped, memory_order_acquire), 1))
		return true;
	atomic_store(&slot->depth, 0);
	return false;
}

int world_enter_within(unsigned int ms)
{
	struct gate_slot *slot;
	unsigned int depth;

	if (!gate_self && gate_register())
		return -ENOMEM;
	slot = gate_self;
	depth = atomic_load_explicit(&slot->depth, memory_order_relaxed);
	if (depth) {
		atomic_store_explicit(&slot->depth, depth + 1, memory_order_relaxed);
		return 0;
	}
	while (!step_in(slot)) {
		if (wait_for_resume(ms))
			return -EBUSY;
	}
	return 0;
}

int world_enter(void)
{
	return world_enter_within(FOREVER);
}

void world_leave(void)
{
	unsigned int depth = atomic_load_explicit(&gate_self->depth, memory_order_relaxed);

	assert(depth);
	atomic_store_explicit(&gate_self->depth, depth - 1, memory_order_release);
}

/* Keeps threads out that are not in. Returns with the lock held, until world_resume(). */
static void stop(void) NO_LOCK_ANALYSIS
{
	lock_acquire(&stop_lock);
	atomic_store(&stopped, true);
	/* Orders the store before the loads of the list of slots as well. */
	if (process_fence_works())
		process_fence();
	else
		atomic_thread_fence(memory_order_seq_cst);
}

void world_stop(void)
{
	stop();
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		while (slot != gate_self && atomic_load(&slot->depth))
			sched_yield();
	}
}

/* True if no other thread is in. */
static bool all_out(void)
{
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		if (slot != gate_self && atomic_load(&slot->depth))
			return false;
	}
	return true;
}

bool world_try_stop(unsigned int ms)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	stop();
	for (unsigned int waited = 0; !all_out(); waited++) {
		if (waited == ms) {
			world_resume();
			return false;
		}
		nanosleep(&pause, NULL);
	}
	return true;
}

void world_resume(void) NO_LOCK_ANALYSIS
{
	atomic_store(&stopped, false);
	lock_release(&stop_lock);
}

void world_after_fork(void)
{
	for (struct gate_slot *slot = gate_slots(); slot; slot = gate_next(slot)) {
		if (slot != gate_self)
			atomic_store(&slot->depth, 0);
	}
	world_resume();
}
