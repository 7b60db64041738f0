/* SPDX-License-Identifier: MIT */
/*
 * The device's thread: runs work functions one at a time, in the order in which they were asked
 * for. It is started by the first work, so that a program whose device does nothing has no thread
 * more, and ends when the device's owner is gone.
 *
 * A function runs without any lock of these; work.lock guards all that follows it. A function that
 * is queued already is not queued again; once it has begun it may be.
 *
 * fork: the preparing side waits for the function that runs and keeps more from starting, so a
 * child never sees half of it; what is queued stays queued in the child, whose thread is started
 * anew by the next access to the device. A function whose DMA waits for the program (base/park.h)
 * is not waited for: it goes on in the parent, and ends there for the child.
 */
#ifndef VFIO_WORK_H
#define VFIO_WORK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <uiommufd/device.h>

#include "base/lock.h"
#include "base/park.h"

enum {
	DEVICE_MAX_WORK = 8 /* distinct work functions of one model */
};

struct device_work {
	struct uiommufd_device *dev;
	struct park park; /* of the thread */
	struct lock lock;
	pthread_cond_t wake; /* the thread: there may be something to do */
	pthread_cond_t idle; /* the others: the thread may be out of the way */
	pthread_t thread;
	bool running; /* the thread exists */
	bool stop;
	bool busy;	       /* a function runs */
	bool parked;	       /* and waits for the program */
	bool forking;	       /* it must not go on */
	bool held;	       /* by the one that vfio_work_hold() returned to */
	_Atomic bool orphaned; /* queued work came through a fork, its thread did not */
	unsigned int holds;    /* while not 0, no function begins */
	unsigned int count;
	void (*queue[DEVICE_MAX_WORK])(struct uiommufd_device *dev);
};

void vfio_work_init(struct device_work *work, struct uiommufd_device *dev);
void vfio_work_destroy(struct device_work *work);

/* Has @fn(dev) called soon, once. Takes only work.lock. */
void vfio_work_queue(struct device_work *work, void (*fn)(struct uiommufd_device *dev));

/* Waits for the work that runs, drops what is queued, and keeps any from running until
 * vfio_work_release(). One at a time. */
void vfio_work_hold(struct device_work *work);
void vfio_work_release(struct device_work *work);

/*
 * Drops what is queued, waits for what runs, and ends the thread. Calls on one device are
 * serialised by the caller.
 */
void vfio_work_stop(struct device_work *work);

/*
 * fork: waits until no function runs, or it is parked, and keeps it so; then, with work.lock held
 * for the fork itself, one of the others.
 */
void vfio_work_fork_prepare(struct device_work *work);
void vfio_work_fork_parent(struct device_work *work) REQUIRES(work->lock);
void vfio_work_fork_child(struct device_work *work) REQUIRES(work->lock);

/*
 * Starts the thread for work that was queued when the process was forked. Cheap if there is none.
 */
void vfio_work_resume(struct device_work *work);

#endif
