/* SPDX-License-Identifier: MIT */
/* See exchange.h. Cost of a reply: the list of those that wait, one for each thread. */
#include "vfio_user/exchange.h"

#include <errno.h>
#include <time.h>

/* A request on its way. */
struct exchange {
	struct cds_list_head link;
	uint16_t id;
	struct vu_message *reply; /* NULL: not yet */
};

void vu_exchanges_init(struct vu_exchanges *exchanges, struct vu_channel *channel)
{
	*exchanges = (struct vu_exchanges){.channel = channel};
	lock_init(&exchanges->lock, LOCK_VFIO_USER);
	CDS_INIT_LIST_HEAD(&exchanges->waiting);
}

void vu_exchanges_destroy(struct vu_exchanges *exchanges)
{
	assert(cds_list_empty(&exchanges->waiting));
	lock_destroy(&exchanges->lock);
}

void vu_exchanges_end(struct vu_exchanges *exchanges)
{
	lock_acquire(&exchanges->lock);
	exchanges->over = true;
	condition_broadcast(&exchanges->answered);
	lock_release(&exchanges->lock);
}

/* False: the connection is over. */
static bool begin(struct vu_exchanges *exchanges, struct exchange *exchange)
{
	bool begun;

	lock_acquire(&exchanges->lock);
	begun = !exchanges->over;
	if (begun) {
		/* A thread has one request on its way, so 2^16 are never waiting. */
		exchange->id = ++exchanges->last_id;
		cds_list_add_tail(&exchange->link, &exchanges->waiting);
	}
	lock_release(&exchanges->lock);
	return begun;
}

/* Waits for the reply. 0, -ETIMEDOUT, or -ESHUTDOWN: the connection is over. */
static int await(struct vu_exchanges *exchanges, struct exchange *exchange)
{
	const int timeout = exchanges->channel->timeout_ms;
	struct timespec deadline;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += timeout / 1000 + 1;
	lock_acquire(&exchanges->lock);
	while (!exchange->reply && !exchanges->over && !rc) {
		if (timeout < 0)
			lock_wait(&exchanges->lock, &exchanges->answered);
		else
			rc = lock_wait_until(&exchanges->lock, &exchanges->answered, &deadline);
	}
	cds_list_del(&exchange->link);
	if (exchange->reply)
		rc = 0;
	else if (exchanges->over)
		rc = -ESHUTDOWN;
	lock_release(&exchanges->lock);
	return rc;
}

int vu_exchange(struct vu_exchanges *exchanges, uint16_t command, const struct vu_part parts[2],
		const struct vu_descriptors *with, struct vu_message **reply)
{
	struct vu_header header = {.command = command};
	struct exchange exchange = {.reply = NULL};
	int rc, sent;

	if (!begin(exchanges, &exchange))
		return -ESHUTDOWN;
	header.id = exchange.id;
	sent = vu_channel_send_with(exchanges->channel, &header, parts, with ? with->fds : NULL,
				    with ? with->count : 0);
	if (sent)
		vu_exchanges_end(exchanges);
	rc = await(exchanges, &exchange);
	if (rc == -ETIMEDOUT) {
		vu_exchanges_end(exchanges);
		vu_channel_shut(exchanges->channel);
	}
	*reply = exchange.reply;
	return rc && sent ? sent : rc;
}

int vu_exchanges_deliver(struct vu_exchanges *exchanges, struct vu_message *reply)
{
	struct exchange *exchange;

	lock_acquire(&exchanges->lock);
	cds_list_for_each_entry (exchange, &exchanges->waiting, link) {
		if (exchange->id != reply->header.id || exchange->reply)
			continue;
		exchange->reply = reply;
		condition_broadcast(&exchanges->answered);
		lock_release(&exchanges->lock);
		return 0;
	}
	lock_release(&exchanges->lock);
	vu_message_free(reply);
	return -EPROTO;
}
