/* SPDX-License-Identifier: MIT */
/* See net_fifo.h. Each frame is behind its length, and may go on at the start of the bytes. */
#include "devices/net/net_fifo.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"

int net_fifo_create(struct net_fifo *fifo, uint32_t size)
{
	*fifo = (struct net_fifo){.bytes = alloc_zeroed(size), .size = size};
	return fifo->bytes ? 0 : -ENOMEM;
}

void net_fifo_destroy(struct net_fifo *fifo)
{
	alloc_free(fifo->bytes);
	*fifo = (struct net_fifo){.bytes = NULL};
}

void net_fifo_clear(struct net_fifo *fifo)
{
	fifo->first = fifo->used = 0;
}

static void copy_in(struct net_fifo *fifo, const void *data, uint32_t len)
{
	const uint32_t at = (fifo->first + fifo->used) % fifo->size;
	const uint32_t part = (uint32_t)min_u64(len, fifo->size - at);

	memcpy(fifo->bytes + at, data, part);
	memcpy(fifo->bytes, (const uint8_t *)data + part, len - part);
	fifo->used += len;
}

static void copy_out(const struct net_fifo *fifo, uint32_t skip, void *data, uint32_t len)
{
	const uint32_t at = (fifo->first + skip) % fifo->size;
	const uint32_t part = (uint32_t)min_u64(len, fifo->size - at);

	memcpy(data, fifo->bytes + at, part);
	memcpy((uint8_t *)data + part, fifo->bytes, len - part);
}

bool net_fifo_put(struct net_fifo *fifo, const uint8_t *data, uint32_t len)
{
	if (fifo->size - fifo->used < sizeof(len) || fifo->size - fifo->used - sizeof(len) < len)
		return false;
	copy_in(fifo, &len, sizeof(len));
	copy_in(fifo, data, len);
	return true;
}

uint32_t net_fifo_peek(const struct net_fifo *fifo, uint32_t skip, uint8_t *buf, uint32_t size,
		       uint32_t *len)
{
	uint32_t part;

	*len = 0;
	if (!fifo->used)
		return 0;
	copy_out(fifo, 0, len, sizeof(*len));
	assert(*len <= fifo->used - sizeof(*len) && skip <= *len);
	part = (uint32_t)min_u64(size, *len - skip);
	copy_out(fifo, (uint32_t)sizeof(*len) + skip, buf, part);
	return part;
}

void net_fifo_drop(struct net_fifo *fifo, uint32_t len)
{
	assert(fifo->used >= sizeof(len) + len);
	fifo->first = (fifo->first + (uint32_t)sizeof(len) + len) % fifo->size;
	fifo->used -= (uint32_t)sizeof(len) + len;
}

bool net_fifo_get(struct net_fifo *fifo, struct net_frame *frame)
{
	if (!fifo->used)
		return false;
	net_fifo_peek(fifo, 0, frame->data, NET_LONGEST, &frame->len);
	net_fifo_drop(fifo, frame->len);
	return true;
}
