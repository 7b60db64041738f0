/* SPDX-License-Identifier: MIT */
/*
 * The file of a queue that user space reads events from (fault queue, vEVENTQ): it holds the queue's object and the context, and has a
 * real descriptor whose readiness follows the queue.
 */
#ifndef IOMMUFD_EVENT_FILE_H
#define IOMMUFD_EVENT_FILE_H

#include <pthread.h>

#include "base/file.h"
#include "iommufd/object.h"

struct event_file {
	struct uiommufd_file file;
	struct iommufd_object *object; /* a user of it */
	int readable;		       /* what to poll */
	int signal;		       /* writing makes @readable so */
	unsigned int process;	       /* how many forks lay before it */
};

/*
 * A file of @object with one reference. @writable: always ready for writing, too. The object gets a user, the context a reference.
 * 0; -ENOMEM, -EMFILE, -ENFILE.
 */
int event_file_create(struct iommufd_object *object, const struct file_ops *ops, bool writable,
		      struct event_file **out);

/*
 * Gives the caller a close-on-exec descriptor of @file, whose reference it takes over on success. The descriptor, or a negative
 * errno.
 */
int caller_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file);

/*
 * Delivers the first event to @buf if it fits in @room: its bytes, 0 if there is nothing to deliver, or a negative errno. The queue's lock
 * is held.
 */
typedef ssize_t (*event_deliver_fn)(struct iommufd_object *queue, struct uiommufd_caller *caller,
				    uint64_t buf, size_t room);

/*
 * read: delivers while that goes well, with @lock held. The bytes, or the error of the first.
 */
ssize_t event_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, pthread_mutex_t *lock, event_deliver_fn deliver);

/* For the release and readiness operations of @ops. */
void event_file_release(struct uiommufd_file *file);
int event_file_readiness(struct uiommufd_file *file);

/* In the child of a fork: the descriptors that there are belong to the parent, too, and say what is ready there. */
void event_file_after_fork(void);

/* Makes it ready for reading, or not. The queue's lock is held, and the state did change. */
void event_file_set_readable(struct event_file *event, bool readable);

#endif
