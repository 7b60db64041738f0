/* SPDX-License-Identifier: MIT */
/* The slow sides of the mutex: look, sleep and wake. */
#include "base/futex_lock.h"

#include <linux/futex.h>

#include "base/clock.h"
#include "base/sys.h"
#include "base/tsan.h"

/*
 * How a thread waits before it sleeps: by so many pauses of the processor (10 to 40 ns each), and
 * with a look for the lock after each @gap of them, or each @again, if it has waited a moment ago.
 */
struct waiting {
	unsigned int pauses, gap, again;
};

/* About a microsecond, less than to sleep and wake up. */
static const struct waiting eager = {.pauses = 64, .gap = 1, .again = 1};

/*
 * Each change of hands moves the lock, and all that it guards, from one processor to another. So a
 * thread that comes to wait again and again leaves it to the others for some microseconds each
 * time, which are a hundred sections; and one that seldom does finds it soon after it is free.
 */
static const struct waiting patient = {.pauses = 4096, .gap = 16, .again = 512};

enum {
	MOMENT_NS = 200000, /* some times as long as @again of patient */
};

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

/* When the thread has last got a lock for which it had waited patiently; by clock_ns(). */
static __thread uint64_t got_at __attribute__((tls_model("initial-exec")));

static bool is_patient(const struct waiting *waiting)
{
	return waiting->gap != waiting->again;
}

static unsigned int gap_of(const struct waiting *waiting)
{
	return is_patient(waiting) && clock_ns() - got_at < MOMENT_NS ? waiting->again
								      : waiting->gap;
}

/* Takes the lock, in the state @taken, if it is free. */
static bool take_if_free(struct futex_lock *lock, uint32_t taken)
{
	uint32_t expected = FUTEX_LOCK_FREE;

	return atomic_load_explicit(&lock->state, memory_order_relaxed) == FUTEX_LOCK_FREE &&
	       atomic_compare_exchange_strong_explicit(&lock->state, &expected, taken,
						       memory_order_acquire, memory_order_relaxed);
}

/*
 * Takes the lock, in the state @taken, if it becomes free soon, also while others sleep: to queue
 * behind them would cost each critical section a sleep and a wake from then on.
 */
static bool take_soon(struct futex_lock *lock, uint32_t taken, const struct waiting *waiting)
{
	const unsigned int gap = gap_of(waiting);

	for (unsigned int paused = 0; paused < waiting->pauses; paused += gap) {
		for (unsigned int i = 0; i < gap; i++)
			pause_briefly();
		if (!take_if_free(lock, taken))
			continue;
		if (is_patient(waiting))
			got_at = clock_ns();
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
		if (take_if_free(lock, FUTEX_LOCK_AWAITED) ||
		    take_soon(lock, FUTEX_LOCK_AWAITED, waiting))
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
