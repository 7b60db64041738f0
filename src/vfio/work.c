/* SPDX-License-Identifier: MIT */
/* See work.h. */
#include <assert.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <urcu/compiler.h>

#include "base/clock.h"
#include "base/log.h"
#include "iopt/iopt.h"
#include "mem/guard.h"
#include "vfio/device_thread.h"
#include "vfio/work.h"
#include "vfio/work_loop.h"

/* ---- waiting for the program ---- */

static void begin_parking(struct park *park)
{
	struct device_work *work = caa_container_of(park, struct device_work, park);

	lock_acquire(&work->lock);
	work->parked = true;
	condition_broadcast(&work->idle);
	lock_release(&work->lock);
}

static void end_parking(struct park *park)
{
	struct device_work *work = caa_container_of(park, struct device_work, park);

	lock_acquire(&work->lock);
	while (work->forking)
		lock_wait(&work->lock, &work->wake);
	work->parked = false;
	lock_release(&work->lock);
}

/* ---- life ---- */

void vfio_work_init(struct device_work *work, struct uiommufd_device *dev)
{
	*work = (struct device_work){
		.dev = dev,
		.park = {.begin = begin_parking, .end = end_parking},
	};
	lock_init(&work->lock, LOCK_WORK);
}

void vfio_work_destroy(struct device_work *work)
{
	vfio_work_stop(work);
	lock_destroy(&work->lock);
}

/* Takes the first function off the queue and runs it, without the lock. */
static void run_first(struct device_work *work) REQUIRES(work->lock)
{
	void (*fn)(struct uiommufd_device * dev) = work->queue[0];

	lock_assert_held(&work->lock);
	assert(work->count && !work->holds && !work->busy);
	work->count--;
	memmove(work->queue, work->queue + 1, work->count * sizeof(work->queue[0]));
	work->busy = true;
	work->runs++;
	lock_release(&work->lock);
	lock_assert_none_from(LOCK_NONE);
	fn(work->dev);
	lock_assert_none_from(LOCK_NONE);
	lock_acquire(&work->lock);
	work->busy = false;
	condition_broadcast(&work->idle);
}

/* ---- timers ---- */

static void enqueue(struct device_work *work, void (*fn)(struct uiommufd_device *dev))
	REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	for (unsigned int i = 0; i < work->count; i++)
		if (work->queue[i] == fn)
			return;
	if (work->count < DEVICE_MAX_WORK)
		work->queue[work->count++] = fn;
	else
		log_error("a device has more than %d work functions: one is ignored",
			  DEVICE_MAX_WORK);
}

static void drop_timer(struct device_work *work, void (*fn)(struct uiommufd_device *dev))
	REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	for (unsigned int i = 0; i < work->timer_count; i++) {
		if (work->timers[i].fn == fn)
			work->timers[i--] = work->timers[--work->timer_count];
	}
}

/* Queues what is due. Returns when the next timer is; UINT64_MAX: there is none. */
static uint64_t expire(struct device_work *work) REQUIRES(work->lock)
{
	const uint64_t now = work->timer_count ? clock_ns() : 0;
	uint64_t next = UINT64_MAX;

	lock_assert_held(&work->lock);
	for (unsigned int i = 0; i < work->timer_count; i++) {
		const struct work_timer timer = work->timers[i];

		if (timer.due <= now) {
			work->timers[i--] = work->timers[--work->timer_count];
			enqueue(work, timer.fn);
		} else if (timer.due < next) {
			next = timer.due;
		}
	}
	return next;
}

/* Until there may be something to do. */
static void wait_for_work(struct device_work *work, uint64_t next) REQUIRES(work->lock)
{
	const struct timespec due = {
		.tv_sec = (time_t)(next / 1000000000),
		.tv_nsec = (long)(next % 1000000000),
	};

	lock_assert_held(&work->lock);
	if (next == UINT64_MAX || work->holds)
		lock_wait(&work->lock, &work->wake);
	else
		(void)lock_wait_until(&work->lock, &work->wake, &due);
}

/* ---- the thread ---- */

/* Set when a thread of a device starts, and while another one does its work. */
static __thread const struct device_work *current __attribute__((tls_model("initial-exec")));

const struct device_work *vfio_work_current(void)
{
	return current;
}

static void *work_thread(void *arg)
{
	struct device_work *work = arg;

	current = work;
	park_set(&work->park);
	/*
	 * Registers the thread with RCU now, while it holds no lock: fork holds RCU's own lock
	 * while it waits for the function that runs.
	 */
	rcu_read_lock();
	rcu_read_unlock();

	lock_acquire(&work->lock);
	while (!work->stop) {
		const uint64_t next = expire(work);

		if (work->count && !work->holds && !work->busy)
			run_first(work);
		else
			wait_for_work(work, next);
	}
	lock_release(&work->lock);
	return NULL;
}

/* For whatever does the work: there may be something to do. */
static void wake_up(struct device_work *work) REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	if (work->loop)
		work_loop_poke(work->loop);
	else
		condition_signal(&work->wake);
}

/* What is queued stays queued if no thread can be started: the next call tries again. */
static void ensure_thread(struct device_work *work) REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	if (work->loop || work->running || !(work->count || work->timer_count))
		return;
	if (thread_start(&work->thread, work_thread, work)) {
		log_error("no thread for a device: its work has to wait");
		return;
	}
	work->running = true;
}

bool vfio_work_queue(struct device_work *work, void (*fn)(struct uiommufd_device *dev))
{
	bool running;

	lock_acquire(&work->lock);
	enqueue(work, fn);
	wake_up(work);
	/* Also if it was queued already: there may have been no thread then. */
	ensure_thread(work);
	running = work->running || work->loop;
	lock_release(&work->lock);
	return running;
}

/* Whether no function runs, and nothing keeps one from running. */
static bool is_free(const struct device_work *work) REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	return !work->busy && !work->holds && !work->stop;
}

unsigned int vfio_work_run(struct device_work *work, uint64_t *next)
{
	unsigned int count = 0;
	sigset_t signals;

	*next = UINT64_MAX;
	if (current || !guard_open(&signals))
		return 0;
	current = work;
	lock_acquire(&work->lock);
	for (*next = expire(work); work->count && is_free(work); *next = expire(work), count++)
		run_first(work);
	if (work->count || work->holds)
		*next = UINT64_MAX; /* until it is woken up */
	lock_release(&work->lock);
	current = NULL;
	guard_close(&signals);
	return count;
}

/* ---- on the thread that writes a register ---- */

/* What this thread has offered to do, and what it will do. */
static __thread struct {
	const struct device_work *works; /* NULL: no offer */
	unsigned int count;
	struct device_work *taken;
} offer __attribute__((tls_model("initial-exec")));

static __thread bool declined __attribute__((tls_model("initial-exec")));

void vfio_work_decline(bool decline)
{
	declined = decline;
}

bool vfio_work_offer(const struct device_work *works, unsigned int count)
{
	if (current || offer.works || declined)
		return false;
	offer.works = works;
	offer.count = count;
	return true;
}

void vfio_work_queue_promptly(struct device_work *work, void (*fn)(struct uiommufd_device *dev))
{
	const bool offered = !offer.taken && offer.count && work >= offer.works &&
			     work < offer.works + offer.count;
	bool taken = false;

	if (offered) {
		lock_acquire(&work->lock);
		taken = is_free(work) && !work->count;
		if (taken)
			enqueue(work, fn);
		lock_release(&work->lock);
	}
	if (taken)
		offer.taken = work;
	else
		(void)vfio_work_queue(work, fn);
}

void vfio_work_take_up(void)
{
	struct device_work *work = offer.taken;
	sigset_t signals;

	assert(offer.works);
	offer.works = NULL;
	offer.count = 0;
	offer.taken = NULL;
	if (!work)
		return;
	lock_acquire(&work->lock);
	/* The thread, which other functions have woken, may have been faster. */
	if (work->count && is_free(work) && guard_open(&signals)) {
		current = work;
		run_first(work);
		current = NULL;
		guard_close(&signals);
	}
	if (work->count) {
		wake_up(work);
		ensure_thread(work);
	}
	lock_release(&work->lock);
}

void vfio_work_queue_after(struct device_work *work, void (*fn)(struct uiommufd_device *dev),
			   uint64_t ns)
{
	const uint64_t now = clock_ns();

	lock_acquire(&work->lock);
	drop_timer(work, fn);
	if (work->timer_count < DEVICE_MAX_WORK)
		work->timers[work->timer_count++] = (struct work_timer){
			.fn = fn,
			.due = ns < UINT64_MAX - 1 - now ? now + ns : UINT64_MAX - 1,
		};
	else
		log_error("a device has more than %d timers: one is ignored", DEVICE_MAX_WORK);
	wake_up(work);
	ensure_thread(work);
	lock_release(&work->lock);
}

void vfio_work_cancel(struct device_work *work, void (*fn)(struct uiommufd_device *dev))
{
	lock_acquire(&work->lock);
	drop_timer(work, fn);
	for (unsigned int i = 0; i < work->count; i++) {
		if (work->queue[i] != fn)
			continue;
		work->count--;
		memmove(work->queue + i, work->queue + i + 1,
			(work->count - i) * sizeof(work->queue[0]));
		break;
	}
	lock_release(&work->lock);
}

/* Forgets what is to be done. */
static void empty(struct device_work *work) REQUIRES(work->lock)
{
	lock_assert_held(&work->lock);
	work->count = 0;
	work->timer_count = 0;
}

void vfio_work_resume(struct device_work *work)
{
	if (!atomic_load_explicit(&work->orphaned, memory_order_relaxed))
		return;
	lock_acquire(&work->lock);
	atomic_store(&work->orphaned, false);
	ensure_thread(work);
	lock_release(&work->lock);
}

void vfio_work_hold(struct device_work *work)
{
	lock_acquire(&work->lock);
	/* Before the wait: no other function may begin. */
	work->holds++;
	while (work->busy || work->held)
		lock_wait(&work->lock, &work->idle);
	work->held = true;
	empty(work);
	lock_release(&work->lock);
}

void vfio_work_drop(struct device_work *work)
{
	lock_acquire(&work->lock);
	assert(work->held && !work->busy);
	empty(work);
	lock_release(&work->lock);
}

void vfio_work_release(struct device_work *work)
{
	lock_acquire(&work->lock);
	assert(work->held && !work->busy);
	work->held = false;
	work->holds--;
	/* Register writes during the hold may have queued work. */
	wake_up(work);
	condition_broadcast(&work->idle);
	lock_release(&work->lock);
}

void vfio_work_pause(struct device_work *work)
{
	lock_acquire(&work->lock);
	work->holds++;
	while (work->busy)
		lock_wait(&work->lock, &work->idle);
	lock_release(&work->lock);
}

void vfio_work_unpause(struct device_work *work)
{
	lock_acquire(&work->lock);
	assert(work->holds);
	work->holds--;
	wake_up(work);
	lock_release(&work->lock);
}

void vfio_work_forget(struct device_work *work)
{
	lock_acquire(&work->lock);
	assert(work->holds && !work->busy);
	empty(work);
	lock_release(&work->lock);
}

void vfio_work_stop(struct device_work *work)
{
	lock_acquire(&work->lock);
	empty(work);
	work->stop = true;
	wake_up(work);
	lock_release(&work->lock);
	/* `running` stays set until here: the function that the thread finishes may queue work. */
	if (work->running)
		pthread_join(work->thread, NULL);
	lock_acquire(&work->lock);
	while (work->busy) /* on the thread that wrote a register */
		lock_wait(&work->lock, &work->idle);
	empty(work);
	work->stop = false;
	work->running = false;
	lock_release(&work->lock);
}

void vfio_work_fork_prepare(struct device_work *work)
{
	lock_acquire(&work->lock);
	work->holds++;
	work->forking = true;
	while (work->busy && !work->parked)
		lock_wait(&work->lock, &work->idle);
	lock_release(&work->lock);
}

void vfio_work_fork_parent(struct device_work *work)
{
	lock_assert_held(&work->lock);
	assert(work->holds && work->forking);
	work->holds--;
	work->forking = false;
	condition_broadcast(&work->wake);
}

void vfio_work_fork_child(struct device_work *work)
{
	lock_assert_held(&work->lock);
	assert(work->holds && work->forking);
	/* Threads that waited do not exist in the child, but their conditions count them. */
	work->wake = (struct condition){0};
	work->idle = (struct condition){0};
	work->holds--;
	work->forking = false;
	work->busy = false;
	work->parked = false;
	work->running = false;
	atomic_store(&work->orphaned, work->count || work->timer_count);
}
