/* SPDX-License-Identifier: MIT */
/* The slow sides of the mutex: look, sleep and wake. */
#include "base/futex_lock.h"

#include <linux/futex.h>

#include "base/sys.h"
#include "base/tsan.h"

/*
 * How a thread waits before it sleeps: by so many pauses of the processor (10 to 40 ns each), and
 * with a look for the lock after each @near of them, or each @far, if the lock comes from far.
 */
struct waiting {
	unsigned int pauses, near, far;
};

/* About a microsecond, less than to sleep and wake up. */
static const struct waiting eager = {.pauses = 64, .near = 1, .far = 1};

/*
 * Each look takes the lock's cache line from the thread that holds it, and each change of hands
 * moves all that the lock guards. Between processors that share a cache that is soon done, and a
 * lock that is free should not stay free for long. Between others, some microseconds between looks
 * let the holder go on for some tens of sections.
 */
static const struct waiting patient = {.pauses = 4096, .near = 16, .far = 1024};

/*
 * The first sleep where there is no fence (any more): a store of a thread that released the lock
 * while there was may still be on its way, but not for that long.
 */
static const struct timespec moment = {.tv_nsec = 20000000};

/*
 * On builds with ThreadSanitizer a thread was found asleep, rarely, for a mutex that was free; when
 * a debugger attached, which repeats the sleep, it went on. No cause was found in this code, whose
 * waits were all by the C library or by this file. There such a sleep is repeated each second.
 */
#ifdef BASE_THREAD_SANITIZER
static const struct timespec second = {.tv_sec = 1};
static const struct timespec *const patience = &second;
#else
static const struct timespec *const patience;
#endif

static inline void pause_briefly(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/*
 * How long a look has taken, in cycles of the processor's clock, about 3 each nanosecond: up to
 * OWN, the line was in the thread's own cache; from FAR on it came from one that is not shared.
 * Measured on AMD EPYC in a virtual machine: 25 to 75; 75 to 175; 325 to 400.
 */
enum {
	LOOK_OWN = 75,
	LOOK_FAR = 250,
};

#ifdef __x86_64__
#define LOOKS_ARE_TIMED true

static inline uint64_t clock_now(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}
#else
#define LOOKS_ARE_TIMED false

static inline uint64_t clock_now(void)
{
	return 0;
}
#endif

/* What the last look has found: threads rarely move. Where looks are not timed, the lock is far. */
static atomic_bool is_far = !LOOKS_ARE_TIMED;

/* How many pauses to wait after a look at @lock, *@state, which came after @gap of them. */
static unsigned int look(const struct futex_lock *lock, const struct waiting *waiting,
			 unsigned int gap, uint32_t *state)
{
	const bool measured = waiting->near != waiting->far;
	const uint64_t began = measured ? clock_now() : 0;
	uint64_t took;

	*state = atomic_load_explicit(&lock->state, memory_order_relaxed);
	took = measured ? clock_now() - began : 0;
	if (took <= LOOK_OWN)
		return gap;
	if (atomic_load_explicit(&is_far, memory_order_relaxed) != (took >= LOOK_FAR))
		atomic_store_explicit(&is_far, took >= LOOK_FAR, memory_order_relaxed);
	return took < LOOK_FAR ? waiting->near : waiting->far;
}

static unsigned int first_gap(const struct waiting *waiting)
{
	return atomic_load_explicit(&is_far, memory_order_relaxed) ? waiting->far : waiting->near;
}

/*
 * Takes the lock, in the state @taken, if it becomes free soon, also while others sleep: to queue
 * behind them would cost each critical section a sleep and a wake from then on.
 */
static bool take_soon(struct futex_lock *lock, uint32_t taken, const struct waiting *waiting)
{
	unsigned int gap = first_gap(waiting);

	for (unsigned int paused = 0; paused < waiting->pauses; paused += gap) {
		uint32_t expected = FUTEX_LOCK_FREE, state;

		for (unsigned int i = 0; paused && i < gap; i++)
			pause_briefly();
		gap = look(lock, waiting, gap, &state);
		if (state == FUTEX_LOCK_FREE && atomic_compare_exchange_strong_explicit(
							&lock->state, &expected, taken,
							memory_order_acquire, memory_order_relaxed))
			return true;
	}
	return false;
}

bool futex_lock_await(struct futex_lock *lock)
{
	if (!(atomic_exchange_explicit(&lock->state, FUTEX_LOCK_AWAITED, memory_order_seq_cst) &
	      FUTEX_LOCK_HELD))
		return false;
	if (process_fence_works())
		process_fence();
	return true;
}

/*
 * A thread that wakes up cannot know whether others still sleep, so it marks the lock as awaited
 * when it takes it: one wake too many is harmless, one too few is not. Until then it looks, without
 * a mark: a holder that released the lock meanwhile would wake the next one, and so each time.
 */
static void wait(struct futex_lock *lock, const struct waiting *waiting)
{
	if (take_soon(lock, FUTEX_LOCK_HELD, waiting))
		return;
	for (bool first = true; futex_lock_await(lock); first = false) {
		const bool fenced = !first || process_fence_works();

		(void)sys_call_made(SYS_futex, (long)&lock->state, FUTEX_WAIT_PRIVATE,
				    FUTEX_LOCK_AWAITED, (long)(fenced ? patience : &moment), 0, 0);
		if (take_soon(lock, FUTEX_LOCK_AWAITED, waiting))
			return;
	}
}

void futex_lock_wait(struct futex_lock *lock)
{
	wait(lock, &eager);
}

void futex_lock_wait_patiently(struct futex_lock *lock)
{
	wait(lock, &patient);
}

void futex_lock_wake(struct futex_lock *lock)
{
	(void)sys_call_made(SYS_futex, (long)&lock->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

/*
 * The mark may be of a thread that has taken the lock since: the one that is woken sets it again.
 */
void futex_lock_wake_marked(struct futex_lock *lock)
{
	atomic_fetch_and_explicit(&lock->state, ~(uint32_t)FUTEX_LOCK_MARK, memory_order_relaxed);
	futex_lock_wake(lock);
}
