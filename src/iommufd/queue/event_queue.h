/* SPDX-License-Identifier: MIT */
/*
 * Event queues, the common part of fault queues and vEVENTQs: an object with a file that user space
 * reads events from. The file is a user of the object and keeps the context. A real descriptor
 * carries its readiness.
 */
#ifndef IOMMUFD_EVENT_QUEUE_H
#define IOMMUFD_EVENT_QUEUE_H

#include "base/file.h"
#include "base/lock.h"
#include "iommufd/object/object.h"

struct event_file;
struct ucmd;

/* First member of every kind of queue. */
struct event_queue {
	struct iommufd_object object;
	struct lock lock;	 /* guards the events and @file */
	struct event_file *file; /* NULL after it is closed */
};

/*
 * Creates a queue of @class, without a file, not published. NULL: no memory or no ID. The class's
 * destroy() ends with event_queue_free().
 */
void *event_queue_create(struct iommufd_ctx *ctx, const struct object_class *class);
void event_queue_free(struct event_queue *queue);

/*
 * Completes a creation: gives the queue a file of @ops (@writable: also always ready for writing),
 * installs a descriptor of it for the caller, answers the command with *@id and *@fd, which are
 * fields of it, and publishes the object. 0; -ENOMEM, -EMFILE, -ENFILE, -EFAULT: then the object is
 * destroyed, at once or, if another thread already uses the descriptor, with the last file.
 */
int event_queue_publish(struct ucmd *ucmd, struct event_queue *queue, const struct file_ops *ops,
			bool writable, uint32_t *id, uint32_t *fd);

/* Makes the file ready for reading, or not. Only called when that changes. */
void event_queue_set_readable(struct event_queue *queue, bool readable) REQUIRES(queue->lock);

/* ---- for the operations of the file ---- */

/* The queue of @file. */
struct event_queue *event_file_queue(struct uiommufd_file *file);

/*
 * Delivers the first event to @buf if it fits into @space bytes: returns its length, 0 if there is
 * nothing to deliver, or a negative errno. Called with queue->lock held.
 */
typedef ssize_t (*event_deliver_fn)(struct event_queue *queue, struct uiommufd_caller *caller,
				    uint64_t buf, size_t space);

/*
 * read(): delivers events until @deliver returns 0 or fails. Returns the bytes, or the error if the
 * first event failed.
 */
ssize_t event_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, event_deliver_fn deliver);
void event_file_release(struct uiommufd_file *file);
int event_file_readiness(struct uiommufd_file *file);

/*
 * In the child of a fork: from now on the existing descriptors are left alone. They are shared with
 * the parent, whose queues they report.
 */
void event_file_after_fork(void);

#endif
