/* SPDX-License-Identifier: MIT */
/*
 * Requests between the thread that receives them and the one that handles them. There are two, as a
 * request may have to wait for DMA that itself waits for a reply of the client, which is behind it
 * on the same socket.
 *
 * The queue is bounded: a client may post writes faster than they are handled. It then has to wait.
 *
 * queue->lock guards the list.
 */
#ifndef VFIO_USER_REQUEST_QUEUE_H
#define VFIO_USER_REQUEST_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "vfio_user/channel.h"

struct request_queue {
	struct lock lock;
	struct condition added;
	struct cds_list_head requests;
	unsigned int count;
	size_t bytes;
	bool closed;
	int room; /* an eventfd: something has been taken */
};

/* 0, or -EMFILE and others: there is no descriptor for it. */
int request_queue_init(struct request_queue *queue);

/* Frees what is left. */
void request_queue_destroy(struct request_queue *queue);

/*
 * Adds @message, which the queue takes, when there is room. 0; -ECANCELED: @stop is readable, or
 * the queue is closed.
 */
int request_queue_add(struct request_queue *queue, struct vu_message *message, int stop);

/* Takes the oldest; waits for one. NULL: the queue is closed. */
struct vu_message *request_queue_take(struct request_queue *queue);

/* No more are taken or added. */
void request_queue_close(struct request_queue *queue);

#endif
