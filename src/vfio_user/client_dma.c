/* SPDX-License-Identifier: MIT */
/* See client_dma.h. */
#include "vfio_user/client_dma.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/log.h"

static const char *word(bool write)
{
	return write ? "DMA_WRITE" : "DMA_READ";
}

void vu_dma_init(struct vu_dma *dma, struct vu_channel *channel)
{
	*dma = (struct vu_dma){.max_data = VU_MAX_DATA};
	vu_exchanges_init(&dma->exchanges, channel);
}

void vu_dma_destroy(struct vu_dma *dma)
{
	vu_exchanges_destroy(&dma->exchanges);
}

void vu_dma_end(struct vu_dma *dma)
{
	vu_exchanges_end(&dma->exchanges);
}

int vu_dma_deliver(struct vu_dma *dma, struct vu_message *reply)
{
	return vu_exchanges_deliver(&dma->exchanges, reply);
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
	vu_channel_shut(dma->exchanges.channel);
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
	const struct vu_part parts[2] = {{request, sizeof(*request)},
					 {buf, write ? request->count : 0}};
	struct vu_message *reply;
	int rc = vu_exchange(&dma->exchanges, write ? VU_DMA_WRITE : VU_DMA_READ, parts, NULL,
			     &reply);

	if (rc == -ETIMEDOUT)
		log_fault("vfio-user: the client does not answer %s of %llu bytes at 0x%llx; its "
			  "connection is closed",
			  word(write), (unsigned long long)request->count,
			  (unsigned long long)request->address);
	if (rc)
		return -EFAULT;
	rc = take_reply(dma, reply, request, buf, write);
	vu_message_free(reply);
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
