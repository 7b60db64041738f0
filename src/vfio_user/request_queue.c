/* SPDX-License-Identifier: MIT */
/* See request_queue.h. */
#include "vfio_user/request_queue.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "base/sys.h"

enum {
	MAX_COUNT = 256,
	MAX_BYTES = 4 << 20,
	FD_BYTES = 16384, /* what a descriptor counts as: a process has few of them */
};

static size_t cost(const struct vu_message *message)
{
	return message->len + (size_t)message->fd_count * FD_BYTES;
}

int request_queue_init(struct request_queue *queue)
{
	int room = (int)sys_call(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0, 0, 0);

	if (room < 0)
		return room;
	*queue = (struct request_queue){.room = room};
	lock_init(&queue->lock, LOCK_VFIO_USER);
	CDS_INIT_LIST_HEAD(&queue->requests);
	return 0;
}

void request_queue_destroy(struct request_queue *queue)
{
	struct vu_message *message, *next;

	cds_list_for_each_entry_safe (message, next, &queue->requests, link)
		vu_message_free(message);
	lock_destroy(&queue->lock);
	(void)sys_close(queue->room);
}

/* False: there is no room. */
static bool try_add(struct request_queue *queue, struct vu_message *message, bool *closed)
{
	bool added = false;

	lock_acquire(&queue->lock);
	*closed = queue->closed;
	if (!queue->closed && queue->count < MAX_COUNT && queue->bytes < MAX_BYTES) {
		cds_list_add_tail(&message->link, &queue->requests);
		queue->count++;
		queue->bytes += cost(message);
		condition_signal(&queue->added);
		added = true;
	}
	lock_release(&queue->lock);
	return added;
}

int request_queue_add(struct request_queue *queue, struct vu_message *message, int stop)
{
	struct pollfd fds[2] = {{.fd = queue->room, .events = POLLIN},
				{.fd = stop, .events = POLLIN}};
	uint64_t count;
	bool closed;

	while (!try_add(queue, message, &closed)) {
		if (!closed)
			(void)poll(fds, 2, -1);
		if (closed || fds[1].revents) {
			vu_message_free(message);
			return -ECANCELED;
		}
		/* Whatever is taken from here on is announced again. */
		(void)sys_read(queue->room, &count, sizeof(count));
	}
	return 0;
}

static void announce(struct request_queue *queue)
{
	static const uint64_t one = 1;

	(void)sys_write(queue->room, &one, sizeof(one));
}

struct vu_message *request_queue_take(struct request_queue *queue)
{
	struct vu_message *message = NULL;

	lock_acquire(&queue->lock);
	while (!queue->closed && cds_list_empty(&queue->requests))
		lock_wait(&queue->lock, &queue->added);
	if (!queue->closed) {
		message = cds_list_first_entry(&queue->requests, struct vu_message, link);
		cds_list_del(&message->link);
		queue->count--;
		queue->bytes -= cost(message);
	}
	lock_release(&queue->lock);
	announce(queue);
	return message;
}

void request_queue_close(struct request_queue *queue)
{
	lock_acquire(&queue->lock);
	queue->closed = true;
	condition_signal(&queue->added);
	lock_release(&queue->lock);
	announce(queue);
}
