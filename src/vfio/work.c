/* SPDX-License-Identifier: MIT */
/* See work.h. */
#include <assert.h>
#include <string.h>
#include <urcu/compiler.h>

#include "base/log.h"
#include "iopt/iopt.h"
#include "vfio/thread.h"
#include "vfio/work.h"

/* ---- waiting for the program ---- */

static void begin_parking(struct park *park)
{
	struct vfio_work *work = caa_container_of(park, struct vfio_work, park);

	pthread_mutex_lock(&work->lock);
	work->parked = true;
	pthread_cond_broadcast(&work->idle);
	pthread_mutex_unlock(&work->lock);
}

static void end_parking(struct park *park)
{
	struct vfio_work *work = caa_container_of(park, struct vfio_work, park);

	pthread_mutex_lock(&work->lock);
	while (work->forking)
		pthread_cond_wait(&work->wake, &work->lock);
	work->parked = false;
	pthread_mutex_unlock(&work->lock);
}

/* ---- life ---- */

void vfio_work_init(struct vfio_work *work, struct uiommufd_device *dev)
{
	*work = (struct vfio_work){
		.dev = dev,
		.park = {.begin = begin_parking, .end = end_parking},
	};
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->wake, NULL);
	pthread_cond_init(&work->idle, NULL);
}

void vfio_work_destroy(struct vfio_work *work)
{
	vfio_work_stop(work);
	pthread_cond_destroy(&work->idle);
	pthread_cond_destroy(&work->wake);
	pthread_mutex_destroy(&work->lock);
}

/*
 * Takes the first function off the queue and runs it. Caller holds work->lock, which is dropped
 * meanwhile.
 */
static void run_first(struct vfio_work *work)
{
	void (*fn)(struct uiommufd_device * dev) = work->queue[0];

	work->count--;
	memmove(work->queue, work->queue + 1, work->count * sizeof(work->queue[0]));
	work->busy = true;
	pthread_mutex_unlock(&work->lock);
	fn(work->dev);
	pthread_mutex_lock(&work->lock);
	work->busy = false;
	pthread_cond_broadcast(&work->idle);
}

static void *work_thread(void *arg)
{
	struct vfio_work *work = arg;

	park_set(&work->park);
	/* Makes the thread known to RCU here, where it holds no lock: the fork side holds RCU's own
	 * while it waits for the work that runs. */
	rcu_read_lock();
	rcu_read_unlock();

	pthread_mutex_lock(&work->lock);
	while (!work->stop) {
		if (work->count && !work->holds)
			run_first(work);
		else
			pthread_cond_wait(&work->wake, &work->lock);
	}
	pthread_mutex_unlock(&work->lock);
	return NULL;
}

/* Caller holds work->lock. What is queued stays queued if no thread can be had: the next call tries
 * again. */
static void ensure_thread(struct vfio_work *work)
{
	if (work->running || !work->count)
		return;
	if (thread_start(&work->thread, work_thread, work)) {
		log_error("no thread for a device: its work has to wait");
		return;
	}
	work->running = true;
}

void vfio_work_queue(struct vfio_work *work, void (*fn)(struct uiommufd_device *dev))
{
	pthread_mutex_lock(&work->lock);
	for (unsigned int i = 0; i < work->count; i++)
		if (work->queue[i] == fn)
			goto out;
	assert(work->count < VFIO_MAX_WORK);
	work->queue[work->count++] = fn;
	pthread_cond_signal(&work->wake);
	ensure_thread(work);
out:
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_resume(struct vfio_work *work)
{
	if (!atomic_load_explicit(&work->orphaned, memory_order_relaxed))
		return;
	pthread_mutex_lock(&work->lock);
	atomic_store(&work->orphaned, false);
	ensure_thread(work);
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_hold(struct vfio_work *work)
{
	pthread_mutex_lock(&work->lock);
	/* First no more may begin. */
	work->holds++;
	while (work->busy || work->held)
		pthread_cond_wait(&work->idle, &work->lock);
	work->held = true;
	work->count = 0;
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_release(struct vfio_work *work)
{
	pthread_mutex_lock(&work->lock);
	work->held = false;
	work->holds--;
	/* Register writes during the hold may have queued more. */
	pthread_cond_signal(&work->wake);
	pthread_cond_broadcast(&work->idle);
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_stop(struct vfio_work *work)
{
	pthread_mutex_lock(&work->lock);
	work->count = 0;
	work->stop = true;
	pthread_cond_signal(&work->wake);
	pthread_mutex_unlock(&work->lock);
	/* Counts as running until it is joined: the work that it finishes may queue more. */
	if (work->running)
		pthread_join(work->thread, NULL);
	pthread_mutex_lock(&work->lock);
	work->count = 0;
	work->stop = false;
	work->running = false;
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_fork_prepare(struct vfio_work *work)
{
	pthread_mutex_lock(&work->lock);
	work->holds++;
	work->forking = true;
	while (work->busy && !work->parked)
		pthread_cond_wait(&work->idle, &work->lock);
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_fork_parent(struct vfio_work *work)
{
	work->holds--;
	work->forking = false;
	pthread_cond_broadcast(&work->wake);
}

void vfio_work_fork_child(struct vfio_work *work)
{
	/*
	 * The thread that may have waited here does not exist, and must not be counted as waiting.
	 */
	pthread_cond_init(&work->wake, NULL);
	pthread_cond_init(&work->idle, NULL);
	work->holds--;
	work->forking = false;
	work->busy = false;
	work->parked = false;
	work->running = false;
	atomic_store(&work->orphaned, work->count != 0);
}
