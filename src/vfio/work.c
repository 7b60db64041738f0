/* SPDX-License-Identifier: MIT */
/* See work.h. */
#include <assert.h>
#include <string.h>

#include "base/log.h"
#include "iopt/iopt.h"
#include "vfio/thread.h"
#include "vfio/work.h"

void vfio_work_init(struct vfio_work *work, struct uiommufd_device *dev)
{
	*work = (struct vfio_work){.dev = dev};
	pthread_mutex_init(&work->run_lock, NULL);
	pthread_mutex_init(&work->lock, NULL);
	pthread_cond_init(&work->wake, NULL);
}

void vfio_work_destroy(struct vfio_work *work)
{
	vfio_work_stop(work);
	pthread_cond_destroy(&work->wake);
	pthread_mutex_destroy(&work->lock);
	pthread_mutex_destroy(&work->run_lock);
}

/* Takes the first function off the queue and runs it; none: nothing. */
static void run_one(struct vfio_work *work)
{
	void (*fn)(struct uiommufd_device * dev) = NULL;

	/* run_lock first: whoever holds it knows that no function is between queue and run. */
	pthread_mutex_lock(&work->run_lock);
	pthread_mutex_lock(&work->lock);
	if (work->count && !work->holds) {
		fn = work->queue[0];
		work->count--;
		memmove(work->queue, work->queue + 1, work->count * sizeof(work->queue[0]));
	}
	pthread_mutex_unlock(&work->lock);
	if (fn)
		fn(work->dev);
	pthread_mutex_unlock(&work->run_lock);
}

static void *work_thread(void *arg)
{
	struct vfio_work *work = arg;

	/* Makes the thread known to RCU here, where it holds no lock: the fork side holds RCU's own
	 * while it waits for the work that runs. */
	iopt_read_lock();
	iopt_read_unlock();

	pthread_mutex_lock(&work->lock);
	while (!work->stop) {
		if (!work->count || work->holds) {
			pthread_cond_wait(&work->wake, &work->lock);
			continue;
		}
		pthread_mutex_unlock(&work->lock);
		run_one(work);
		pthread_mutex_lock(&work->lock);
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
	/* First no more may begin: the thread could take run_lock again and again before us. */
	pthread_mutex_lock(&work->lock);
	work->holds++;
	pthread_mutex_unlock(&work->lock);

	pthread_mutex_lock(&work->run_lock);
	pthread_mutex_lock(&work->lock);
	work->count = 0;
	pthread_mutex_unlock(&work->lock);
}

void vfio_work_release(struct vfio_work *work)
{
	pthread_mutex_lock(&work->lock);
	work->holds--;
	/* Register writes during the hold may have queued more. */
	pthread_cond_signal(&work->wake);
	pthread_mutex_unlock(&work->lock);
	pthread_mutex_unlock(&work->run_lock);
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

void vfio_work_fork_child(struct vfio_work *work)
{
	/* The thread that may have waited here does not exist, and must not be counted as waiting.
	 */
	pthread_cond_init(&work->wake, NULL);
	work->running = false;
	atomic_store(&work->orphaned, work->count != 0);
}
