/* SPDX-License-Identifier: MIT */
/*
 * Event queues. A pipe or a socket carries the readiness of the file, because a program may pass
 * the descriptor to select(), poll() or epoll, which only the kernel can answer. It holds one byte
 * while there is an event to read, and none otherwise.
 *
 * queue->lock guards the events and queue->file. Cost: a system call when the readiness changes.
 */
#include "iommufd/queue/event_queue.h"

#include <sys/socket.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/fail.h"
#include "base/sys.h"
#include "iommufd/object/ucmd.h"

struct event_file {
	struct uiommufd_file file; /* first member: so that it is cast to one */
	struct event_queue *queue; /* a user of it */
	int readable;		   /* the end to poll */
	int signal;		   /* the other end */
	unsigned int process;	   /* value of @forks when it was created */
};

/* How many forks lead from the first process to this one. Changes while single-threaded. */
static unsigned int forks;

void event_file_after_fork(void)
{
	forks++;
}

/* ---- the queue ---- */

void *event_queue_create(struct iommufd_ctx *ctx, const struct object_class *class)
{
	struct event_queue *queue = object_create(ctx, class);

	if (queue)
		lock_init(&queue->lock, LOCK_QUEUE);
	return queue;
}

void event_queue_free(struct event_queue *queue)
{
	lock_destroy(&queue->lock);
	object_free(&queue->object);
}

void event_queue_set_readable(struct event_queue *queue, bool readable)
{
	const struct event_file *event;
	char byte = 0;

	lock_assert_held(&queue->lock);
	event = queue->file;
	if (!event || event->process != forks)
		return;
	if (readable)
		(void)sys_call(SYS_write, event->signal, (long)&byte, sizeof(byte), 0, 0, 0);
	else
		(void)sys_call(SYS_read, event->readable, (long)&byte, sizeof(byte), 0, 0, 0);
}

/* ---- its file ---- */

static int open_descriptors(struct event_file *event, bool writable)
{
	int ends[2];
	long rc;

	if (fail_inject())
		return -EMFILE;
	/* To poll(), a socket is a pipe that is ready for writing as well. */
	if (writable)
		rc = sys_call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      0, (long)ends, 0, 0);
	else
		rc = sys_call(SYS_pipe2, (long)ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);
	if (rc < 0)
		return (int)rc;
	event->readable = sys_move_away(ends[0]);
	event->signal = sys_move_away(ends[1]);
	return 0;
}

/* Creates the file of @queue, with one reference. It takes a user of @queue and the context. */
static int create_file(struct event_queue *queue, const struct file_ops *ops, bool writable)
{
	struct event_file *event = alloc_zeroed(sizeof(*event));
	int rc;

	if (!event)
		return -ENOMEM;
	rc = open_descriptors(event, writable);
	if (rc) {
		alloc_free(event);
		return rc;
	}
	file_init(&event->file, ops, 0);
	object_hold(&queue->object);
	file_get(&queue->object.ctx->file);
	event->queue = queue;
	event->process = forks;
	queue->file = event;
	return 0;
}

/* Gives the caller a descriptor of @file, and *@fd with the answer. On failure puts @file. */
static int hand_out(struct ucmd *ucmd, struct uiommufd_file *file, uint32_t *fd)
{
	int installed = caller_install_file(ucmd->caller, file, O_CLOEXEC);
	int rc;

	if (installed < 0) {
		file_put(file);
		return installed;
	}
	*fd = (uint32_t)installed;
	rc = ucmd_respond(ucmd);
	if (rc)
		caller_uninstall_file(ucmd->caller, installed);
	return rc;
}

int event_queue_publish(struct ucmd *ucmd, struct event_queue *queue, const struct file_ops *ops,
			bool writable, uint32_t *id, uint32_t *fd)
{
	struct iommufd_object *object = &queue->object;
	int rc;

	/*
	 * From its installation on any thread of the program may use, copy and close the
	 * descriptor.
	 */
	object_set_transient(object, true);
	object_hold(object);
	*id = object->id;
	rc = create_file(queue, ops, writable);
	if (rc)
		goto out_put;
	rc = hand_out(ucmd, &queue->file->file, fd);
	if (rc)
		goto out_put;
	object_publish(object);
	object_set_transient(object, false);
out_put:
	object_put(object);
	return rc;
}

struct event_queue *event_file_queue(struct uiommufd_file *file)
{
	return ((struct event_file *)file)->queue;
}

ssize_t event_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, event_deliver_fn deliver)
{
	struct event_queue *queue = event_file_queue(file);
	size_t done = 0;
	ssize_t rc;

	lock_acquire(&queue->lock);
	do {
		rc = deliver(queue, caller, buf + done, len - done);
		if (rc > 0)
			done += (size_t)rc;
	} while (rc > 0);
	lock_release(&queue->lock);
	return done ? (ssize_t)done : rc;
}

void event_file_release(struct uiommufd_file *file)
{
	struct event_file *event = (struct event_file *)file;
	struct event_queue *queue = event->queue;
	struct iommufd_ctx *ctx = queue->object.ctx;

	/* The events stay queued until the object is destroyed. */
	lock_acquire(&queue->lock);
	queue->file = NULL;
	lock_release(&queue->lock);
	object_put(&queue->object);
	(void)sys_close(event->readable);
	(void)sys_close(event->signal);
	alloc_free(event);
	file_put(&ctx->file);
}

int event_file_readiness(struct uiommufd_file *file)
{
	return ((struct event_file *)file)->readable;
}
