/* SPDX-License-Identifier: MIT */
/*
 * A pipe or a socket carries the readiness, because a program may give the descriptor to select, poll or epoll, which only the
 * kernel answers: there is a byte in it while there is something to read.
 */
#include "iommufd/event_file.h"

#include <sys/socket.h>

#include "base/alloc.h"
#include "base/fault.h"
#include "iommufd/ctx.h"
#include "mem/sys.h"

static unsigned int
	forks; /* of this process and of those that it came from; changes while there is one thread */

void event_file_after_fork(void)
{
	forks++;
}

static int open_descriptors(struct event_file *event, bool writable)
{
	int ends[2];
	long rc;

	if (fault_inject())
		return -EMFILE;
	/* To poll, a socket is a pipe that can be written as well. */
	if (writable)
		rc = sys_call(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			      0, (long)ends, 0, 0);
	else
		rc = sys_call(SYS_pipe2, (long)ends, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0);
	if (rc < 0)
		return (int)rc;
	event->readable = ends[0];
	event->signal = ends[1];
	return 0;
}

int event_file_create(struct iommufd_object *object, const struct file_ops *ops, bool writable,
		      struct event_file **out)
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
	object_hold(object);
	file_get(&object->ctx->file);
	event->object = object;
	event->process = forks;
	*out = event;
	return 0;
}

int caller_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file)
{
	if (!caller->ops->install_file || fault_inject())
		return -EMFILE;
	return caller->ops->install_file(caller, file, O_CLOEXEC);
}

ssize_t event_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, pthread_mutex_t *lock, event_deliver_fn deliver)
{
	struct iommufd_object *queue = ((struct event_file *)file)->object;
	size_t done = 0;
	ssize_t rc;

	pthread_mutex_lock(lock);
	do {
		rc = deliver(queue, caller, buf + done, len - done);
		if (rc > 0)
			done += (size_t)rc;
	} while (rc > 0);
	pthread_mutex_unlock(lock);
	return done ? (ssize_t)done : rc;
}

void event_file_release(struct uiommufd_file *file)
{
	struct event_file *event = (struct event_file *)file;
	struct iommufd_ctx *ctx = event->object->ctx;

	object_put(event->object);
	(void)sys_call(SYS_close, event->readable, 0, 0, 0, 0, 0);
	(void)sys_call(SYS_close, event->signal, 0, 0, 0, 0, 0);
	alloc_free(event);
	file_put(&ctx->file);
}

int event_file_readiness(struct uiommufd_file *file)
{
	return ((struct event_file *)file)->readable;
}

void event_file_set_readable(struct event_file *event, bool readable)
{
	char byte = 0;

	if (event->process != forks)
		return;
	if (readable)
		(void)sys_call(SYS_write, event->signal, (long)&byte, sizeof(byte), 0, 0, 0);
	else
		(void)sys_call(SYS_read, event->readable, (long)&byte, sizeof(byte), 0, 0, 0);
}
