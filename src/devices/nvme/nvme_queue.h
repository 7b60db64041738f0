/* SPDX-License-Identifier: MIT */
/*
 * Submission and completion queues: taking commands off, posting completions, interrupts.
 *
 * A completion is posted with one store of 16 bytes; it is visible before the interrupt, and the
 * data of the command before it. Interrupts are sent once for the commands that were taken off a
 * queue together, or, if they are coalesced, at the threshold, after the time, or when the queue is
 * empty.
 */
#ifndef DEVICES_NVME_NVME_QUEUE_H
#define DEVICES_NVME_NVME_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/nvme/nvme_regs.h"

struct uiommufd_device;

/* What executing a command gives besides a status (enum nvme_status). */
enum {
	NVME_NO_COMPLETION = 0xffff, /* none yet: the command has been taken over */
	NVME_LATER = 0xfffe,	     /* nothing was done: try again */
	NVME_WAIT = 0xfffd,	     /* the same, when another thread has queued nvme_control() */
};

/* A command in execution. */
struct nvme_job {
	struct uiommufd_device *dev;
	struct nvme_command command;
	unsigned int queue;  /* the submission queue */
	unsigned int thread; /* of the device: this one */
	uint32_t result;     /* of the completion */
	uint64_t bytes;	     /* moved */
	uint64_t lba;	     /* for the error log */
};

/* The thread that serves completion queue @cq. */
unsigned int nvme_thread_of(unsigned int cq);

/* Work of threads other than ADMIN_THREAD: IO commands. */
void nvme_serve_io(struct uiommufd_device *dev);

/* Executes admin commands, a few; true: there are more. Context: ADMIN_THREAD. */
bool nvme_serve_admin(struct uiommufd_device *dev);

/*
 * Posts the completion of an admin command that was taken over before. False: the queue has no
 * space. Context: ADMIN_THREAD.
 */
bool nvme_post_admin(struct uiommufd_device *dev, uint16_t cid, uint16_t status, uint32_t result);

/*
 * The functions below need the device lock.
 */

/* Has the thread of submission queue @queue look at it. */
void nvme_wake(struct uiommufd_device *dev, unsigned int queue);

/* Whether a thread executes commands. */
bool nvme_any_busy(struct uiommufd_device *dev);

/* Sets INTA# as the completion queues and the mask demand. */
void nvme_update_line(struct uiommufd_device *dev);

#endif
