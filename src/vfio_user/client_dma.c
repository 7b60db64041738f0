/* SPDX-License-Identifier: MIT */
/* See client_dma.h. */
#include "vfio_user/client_dma.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/log.h"

/* A request on its way. */
struct exchange {
	struct cds_list_head link;
	uint16_t id;
	struct vu_message *reply; /* NULL: not yet */
};

static const char *word(bool write)
{
	return write ? "DMA_WRITE" : "DMA_READ";
}

void vu_dma_init(struct vu_dma *dma, struct vu_channel *channel)
{
	pthread_condattr_t attr;

	*dma = (struct vu_dma){.channel = channel, .max_data = VU_MAX_DATA};
	lock_init(&dma->lock, LOCK_VFIO_USER);
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&dma->answered, &attr);
	(void)pthread_condattr_destroy(&attr);
	CDS_INIT_LIST_HEAD(&dma->waiting);
}

void vu_dma_destroy(struct vu_dma *dma)
{
	assert(cds_list_empty(&dma->waiting));
	(void)pthread_cond_destroy(&dma->answered);
	lock_destroy(&dma->lock);
}

void vu_dma_end(struct vu_dma *dma)
{
	lock_acquire(&dma->lock);
	dma->over = true;
	(void)pthread_cond_broadcast(&dma->answered);
	lock_release(&dma->lock);
}

/* False: the session is over. */
static bool begin(struct vu_dma *dma, struct exchange *exchange)
{
	bool begun;

	lock_acquire(&dma->lock);
	begun = !dma->over;
	if (begun) {
		/* A thread has one request on its way, so 2^16 are never waiting. */
		exchange->id = ++dma->last_id;
		cds_list_add_tail(&exchange->link, &dma->waiting);
	}
	lock_release(&dma->lock);
	return begun;
}

/* Waits for the reply. 0, -ETIMEDOUT, or -ESHUTDOWN: the session is over. */
static int await(struct vu_dma *dma, struct exchange *exchange)
{
	const int timeout = dma->channel->timeout_ms;
	struct timespec deadline;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout / 1000 + 1;
	lock_acquire(&dma->lock);
	while (!exchange->reply && !dma->over && !rc) {
		if (timeout < 0)
			lock_wait(&dma->lock, &dma->answered);
		else
			rc = lock_wait_until(&dma->lock, &dma->answered, &deadline);
	}
	cds_list_del(&exchange->link);
	if (exchange->reply)
		rc = 0;
	else if (dma->over)
		rc = -ESHUTDOWN;
	lock_release(&dma->lock);
	return rc;
}

int vu_dma_deliver(struct vu_dma *dma, struct vu_message *reply)
{
	struct exchange *exchange;

	lock_acquire(&dma->lock);
	cds_list_for_each_entry (exchange, &dma->waiting, link) {
		if (exchange->id != reply->header.id || exchange->reply)
			continue;
		exchange->reply = reply;
		(void)pthread_cond_broadcast(&dma->answered);
		lock_release(&dma->lock);
		return 0;
	}
	lock_release(&dma->lock);
	vu_message_free(reply);
	return -EPROTO;
}

/* Whether @reply answers @request; a DMA_WRITE may be answered by a header alone. */
static bool answers(const struct vu_message *reply, const struct vu_dma_access *request, bool write)
{
	struct vu_dma_access access;

	if (reply->header.command != (write ? VU_DMA_WRITE : VU_DMA_READ) || reply->fd_count)
		return false;
	if (write && !reply->len)
		return true;
	if (reply->len != sizeof(access) + (write ? 0 : request->count))
		return false;
	memcpy(&access, reply->payload, sizeof(access));
	return access.address == request->address && access.count == request->count;
}

/* The client cannot be trusted any more. */
static void give_up(struct vu_dma *dma)
{
	vu_dma_end(dma);
	vu_channel_shut(dma->channel);
}

/* Looks at the reply that has come. 0 or -EFAULT. */
static int take_reply(struct vu_dma *dma, const struct vu_message *reply,
		      const struct vu_dma_access *request, void *buf, bool write)
{
	if (reply->header.flags & VU_ERROR) {
		log_fault("vfio-user: the client refuses %s of %llu bytes at 0x%llx: %s",
			  word(write), (unsigned long long)request->count,
			  (unsigned long long)request->address,
			  strerror((int)(reply->header.error & 0xfff)));
		return -EFAULT;
	}
	if (!answers(reply, request, write)) {
		log_fault("vfio-user: the client's answer to %s of %llu bytes at 0x%llx is "
			  "malformed; its connection is closed",
			  word(write), (unsigned long long)request->count,
			  (unsigned long long)request->address);
		give_up(dma);
		return -EFAULT;
	}
	if (!write)
		memcpy(buf, reply->payload + sizeof(*request), request->count);
	return 0;
}

/* One request and its reply. */
static int transfer(struct vu_dma *dma, const struct vu_dma_access *request, void *buf, bool write)
{
	struct vu_header header = {.command = write ? VU_DMA_WRITE : VU_DMA_READ};
	const struct vu_part parts[2] = {{request, sizeof(*request)},
					 {buf, write ? request->count : 0}};
	struct exchange exchange = {.reply = NULL};
	int rc;

	if (!begin(dma, &exchange))
		return -EFAULT;
	header.id = exchange.id;
	rc = vu_channel_send(dma->channel, &header, parts);
	if (rc)
		vu_dma_end(dma);
	rc = await(dma, &exchange);
	if (rc == -ETIMEDOUT) {
		log_fault("vfio-user: the client does not answer %s of %llu bytes at 0x%llx; its "
			  "connection is closed",
			  word(write), (unsigned long long)request->count,
			  (unsigned long long)request->address);
		give_up(dma);
	}
	rc = rc ? -EFAULT : take_reply(dma, exchange.reply, request, buf, write);
	vu_message_free(exchange.reply);
	return rc;
}

int vu_dma_move(struct vu_dma *dma, uint64_t address, void *buf, uint64_t len, bool write)
{
	uint64_t done = 0;
	int rc = 0;

	while (done < len && !rc) {
		const struct vu_dma_access request = {
			.address = address + done,
			.count = min_u64(len - done, dma->max_data),
		};

		rc = transfer(dma, &request, (char *)buf + done, write);
		done += request.count;
	}
	return rc;
}
