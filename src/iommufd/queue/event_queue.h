/* SPDX-License-Identifier: MIT */
/*
 * What fault queues and vEVENTQs have in common: an object with a file that user space reads events
 * from. The file is a user of the object, keeps the context, and has a real descriptor whose
 * readiness follows the queue.
 */
#ifndef IOMMUFD_EVENT_QUEUE_H
#define IOMMUFD_EVENT_QUEUE_H

#include "base/file.h"
#include "base/lock.h"
#include "iommufd/object/object.h"

struct event_file;
struct ucmd;

/* First member of a queue. */
struct event_queue {
	struct iommufd_object object;
	struct lock lock;	 /* guards what is queued, and the next; a leaf */
	struct event_file *file; /* NULL once it is closed */
};

/*
 * A new queue of @class, without a file, not published. NULL: no memory or no ID. Ends with
 * event_queue_free().
 */
void *event_queue_create(struct iommufd_ctx *ctx, const struct object_class *class);
void event_queue_free(struct event_queue *queue);

/*
 * The end of a creation: gives the queue a file of @ops (@writable: always ready for writing, too),
 * and the caller a descriptor of that; tells both by *@id and *@fd, which are in the command; and
 * publishes the object. 0; -ENOMEM, -EMFILE, -ENFILE, -EFAULT: then the object is destroyed, at
 * once or, if a thread of the program has guessed the descriptor, with the last file.
 */
int event_queue_publish(struct ucmd *ucmd, struct event_queue *queue, const struct file_ops *ops,
			bool writable, uint32_t *id, uint32_t *fd);

/* Makes it ready for reading, or not. The queue's lock is held, and the state did change. */
void event_queue_set_readable(struct event_queue *queue, bool readable);

/* ---- for the operations of the file ---- */

/* The queue that @file is of. */
struct event_queue *event_file_queue(struct uiommufd_file *file);

/*
 * Delivers the first event to @buf if it fits in @room: its bytes, 0 if there is nothing to
 * deliver, or a negative errno. The queue's lock is held.
 */
typedef ssize_t (*event_deliver_fn)(struct event_queue *queue, struct uiommufd_caller *caller,
				    uint64_t buf, size_t room);

/* read: delivers while that goes well, with the lock held. The bytes, or the error of the first. */
ssize_t event_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, event_deliver_fn deliver);
void event_file_release(struct uiommufd_file *file);
int event_file_readiness(struct uiommufd_file *file);

/*
 * In the child of a fork: the descriptors that there are belong to the parent, too, and say what is
 * ready there.
 */
void event_file_after_fork(void);

#endif
