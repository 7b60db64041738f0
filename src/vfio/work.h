/* SPDX-License-Identifier: MIT */
/*
 * The device's thread: runs work functions one at a time, in the order in which they were asked
 * for. It is started by the first work, so that a program whose device does nothing has no thread
 * more, and ends when the device's owner is gone.
 *
 * work.run_lock is held while a work function runs; work.lock guards the queue. A function that is
 * queued already is not queued again; once it has begun it may be.
 *
 * fork: the preparing side waits for the work that runs and keeps more from starting, so a child never
 * sees half of it; what is queued stays queued in the child, whose thread is started anew by the
 * next access to the device.
 */
#ifndef VFIO_WORK_H
#define VFIO_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uiommufd/device.h>

enum {
	VFIO_MAX_WORK = 8 /* distinct work functions of one model */
};

struct vfio_work {
	struct uiommufd_device *dev;
	pthread_mutex_t run_lock;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running; /* the thread exists */
	bool stop;
	_Atomic bool orphaned; /* queued work came through a fork, its thread did not */
	unsigned int holds;    /* while not 0, no function begins */
	unsigned int count;
	void (*queue[VFIO_MAX_WORK])(struct uiommufd_device *dev);
};

void vfio_work_init(struct vfio_work *work, struct uiommufd_device *dev);
void vfio_work_destroy(struct vfio_work *work);

/* Has @fn(dev) called soon, once. Takes only work.lock. */
void vfio_work_queue(struct vfio_work *work, void (*fn)(struct uiommufd_device *dev));

/* Waits for the work that runs, drops what is queued, and keeps any from running until
 * vfio_work_release(). */
void vfio_work_hold(struct vfio_work *work);
void vfio_work_release(struct vfio_work *work);

/* Drops what is queued, waits for what runs, and ends the thread. Calls on one device are serialised by the caller. */
void vfio_work_stop(struct vfio_work *work);

/* In the child of a fork. Caller holds both locks, as it did when it forked. */
void vfio_work_fork_child(struct vfio_work *work);

/* Starts the thread for work that was queued when the process was forked. Cheap if there is none. */
void vfio_work_resume(struct vfio_work *work);

#endif
