/* SPDX-License-Identifier: MIT */
/*
 * A thread of a device: runs work functions, one at a time, in the order in which they were queued.
 * The first of them may run on the thread that wrote a register (vfio_work_offer()).
 * The first function starts the thread, so a program with an idle device has no additional thread;
 * a device has as many as its model asks for, which know nothing of each other;
 * the thread ends when the device has no owner any more. With a loop (work_loop.h) there is no
 * thread, and an embedding program calls vfio_work_run().
 *
 * Invariants:
 * - a function runs without any lock held;
 * - a function is in the queue once at most; it can be queued again as soon as it runs;
 * - while holds is not 0, no function begins;
 * - a function has one timer at most; when that is due, the thread queues the function.
 *
 * work.lock guards all members behind it.
 *
 * fork: the parent waits for the function that runs and keeps others from starting, so a child
 * never sees half of one. The child keeps the queue; its next access to the device starts a thread
 * for it. The parent does not wait for a function whose DMA waits for the program (base/park.h):
 * that function continues in the parent, and is lost in the child.
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
	DEVICE_MAX_WORK = 16 /* distinct functions of one thread: a model's 8, and ours */
};

struct work_timer {
	void (*fn)(struct uiommufd_device *dev);
	uint64_t due; /* in ns, on CLOCK_MONOTONIC */
};

struct work_loop;

struct device_work {
	struct uiommufd_device *dev;
	struct work_loop *loop; /* NULL: there is a thread; set before there is any work */
	struct park park;	/* of the thread */
	struct lock lock;
	struct condition wake; /* for the thread: there may be something to do */
	struct condition idle; /* for the others: the thread may have finished a function */
	pthread_t thread;
	bool running; /* the thread exists */
	bool stop;
	bool busy;	       /* a function runs, here or on the thread that wrote a register */
	bool parked;	       /* the function waits for the program */
	bool forking;	       /* a parked function must not continue */
	bool held;	       /* by a caller of vfio_work_hold() */
	_Atomic bool orphaned; /* after a fork: there is work in the queue, and no thread */
	unsigned int holds;    /* while not 0, no function begins */
	unsigned int count;
	void (*queue[DEVICE_MAX_WORK])(struct uiommufd_device *dev);
	unsigned int timer_count;
	struct work_timer timers[DEVICE_MAX_WORK]; /* in no order */
	uint64_t runs; /* how many functions have begun; written by the thread alone */
};

void vfio_work_init(struct device_work *work, struct uiommufd_device *dev);
void vfio_work_destroy(struct device_work *work);

/* Whose function the calling thread runs; NULL: none. */
const struct device_work *vfio_work_current(void);

/*
 * Queues @fn, to be called once. False: there is no thread for it yet, as none could be started.
 * Context: takes only work.lock, so the device lock may be held.
 */
bool vfio_work_queue(struct device_work *work, void (*fn)(struct uiommufd_device *dev));

/*
 * Runs what is to be done, in place of the thread. *@next: when a timer is due; UINT64_MAX: there
 * is none, or the loop is poked before. Returns how many functions were run; none on a thread that
 * runs one already. Context: as for run functions, without a lock.
 */
unsigned int vfio_work_run(struct device_work *work, uint64_t *next);

/*
 * Work on the thread that writes a register, which need not wait until the device's thread has
 * woken up. vfio_work_offer() says that the calling thread is ready for it, until
 * vfio_work_take_up() runs the function that vfio_work_queue_promptly() has queued meanwhile, if
 * any. The offer is for all threads of @device's array of @count; only one function is run, all
 * else is the threads'.
 *
 * Context: vfio_work_take_up() without a lock; the others as above. Offers do not nest: a thread
 * that runs work, of any device, makes none.
 */
bool vfio_work_offer(const struct device_work *works, unsigned int count);
void vfio_work_queue_promptly(struct device_work *work, void (*fn)(struct uiommufd_device *dev));
void vfio_work_take_up(void);

/*
 * Until @decline is false again, the calling thread makes no offers: DMA may have to wait for
 * it.
 */
void vfio_work_decline(bool decline);

/* Queues @fn in @ns nanoseconds, and not when it was to be queued before. Context: as above. */
void vfio_work_queue_after(struct device_work *work, void (*fn)(struct uiommufd_device *dev),
			   uint64_t ns);

/* Takes @fn out of the queue and its timer back. It may be running. Context: as above. */
void vfio_work_cancel(struct device_work *work, void (*fn)(struct uiommufd_device *dev));

/*
 * Waits for the function that runs, empties the queue, takes timers back, and keeps others from
 * running until vfio_work_release(). Further holds wait.
 */
void vfio_work_hold(struct device_work *work);

/* Empties the queue of a held thread, and its timers: of what others have queued since. */
void vfio_work_drop(struct device_work *work);

void vfio_work_release(struct device_work *work);

/*
 * Waits for the function that runs, and lets none begin until vfio_work_unpause(). What is queued
 * stays, and more can be queued. Holds, resets and stopping work as ever meanwhile.
 */
void vfio_work_pause(struct device_work *work);
void vfio_work_unpause(struct device_work *work);

/* Empties the queue of a paused thread, and its timers. */
void vfio_work_forget(struct device_work *work);

/*
 * Empties the queue, waits for the function that runs, and ends the thread. The caller serialises
 * calls for one device.
 */
void vfio_work_stop(struct device_work *work);

/*
 * fork: vfio_work_fork_prepare() waits until no function runs, or it is parked, and keeps it so.
 * For the fork itself the caller holds work.lock, and calls one of the other two before it releases
 * it.
 */
void vfio_work_fork_prepare(struct device_work *work);
void vfio_work_fork_parent(struct device_work *work) REQUIRES(work->lock);
void vfio_work_fork_child(struct device_work *work) REQUIRES(work->lock);

/*
 * Starts the thread for work that was in the queue when the process was forked. Costs one load if
 * there is none.
 */
void vfio_work_resume(struct device_work *work);

#endif
