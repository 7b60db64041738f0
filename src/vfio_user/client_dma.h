/* SPDX-License-Identifier: MIT */
/*
 * DMA to memory that only the client can reach: DMA_READ and DMA_WRITE, which the server sends and
 * the client answers.
 *
 * A client that answers wrongly, or not in time, ends the session: nothing it says later can be
 * trusted.
 */
#ifndef VFIO_USER_CLIENT_DMA_H
#define VFIO_USER_CLIENT_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio_user/exchange.h"

struct vu_dma {
	struct vu_exchanges exchanges;
	uint64_t max_data; /* bytes in one message */
};

void vu_dma_init(struct vu_dma *dma, struct vu_channel *channel);
void vu_dma_destroy(struct vu_dma *dma);

/*
 * Moves @len bytes between @buf and @address of the client. 0, or -EFAULT: refused by the client
 * (one line), or the session is over.
 *
 * Context: without a lock.
 */
int vu_dma_move(struct vu_dma *dma, uint64_t address, void *buf, uint64_t len, bool write);

/* Hands over a reply that was received; takes it. 0, or -EPROTO: nothing waits for it. */
int vu_dma_deliver(struct vu_dma *dma, struct vu_message *reply);

/* From now on all fail, those that wait as well. */
void vu_dma_end(struct vu_dma *dma);

#endif
