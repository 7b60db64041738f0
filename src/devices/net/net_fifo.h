/* SPDX-License-Identifier: MIT */
/*
 * A queue of frames in a bounded number of bytes. One thread at a time uses it. Adding and taking
 * a frame copy it.
 */
#ifndef DEVICES_NET_NET_FIFO_H
#define DEVICES_NET_NET_FIFO_H

#include "devices/net/net_frame.h"

struct net_fifo {
	uint8_t *bytes;
	uint32_t size;
	uint32_t first; /* where the oldest frame begins */
	uint32_t used;
};

/* @size: bytes, in which each frame takes four more than its length. 0 or -ENOMEM. */
int net_fifo_create(struct net_fifo *fifo, uint32_t size);

/* Also of one that was never created, and is zeroed. */
void net_fifo_destroy(struct net_fifo *fifo);

void net_fifo_clear(struct net_fifo *fifo);

/* False: no space, and nothing was added. */
bool net_fifo_put(struct net_fifo *fifo, const uint8_t *data, uint32_t len);

/* Takes the oldest frame. False: there is none. */
bool net_fifo_get(struct net_fifo *fifo, struct net_frame *frame);

/*
 * Copies bytes of the oldest frame, from @skip on, and at most @size. Returns how many were copied,
 * and in *@len how long the frame is; *@len is 0 if there is none.
 */
uint32_t net_fifo_peek(const struct net_fifo *fifo, uint32_t skip, uint8_t *buf, uint32_t size,
		       uint32_t *len);

/* Drops the oldest frame, of @len bytes. */
void net_fifo_drop(struct net_fifo *fifo, uint32_t len);

#endif
