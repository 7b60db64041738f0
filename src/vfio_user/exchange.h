/* SPDX-License-Identifier: MIT */
/*
 * Requests of ours and the replies of the peer, of either side.
 *
 * The thread that asks sends its request and sleeps until the thread that receives hands it the
 * reply with the same ID. A peer that does not answer in time is given up: nothing it says later
 * can be trusted.
 *
 * exchanges->lock guards the list of those that wait.
 */
#ifndef VFIO_USER_EXCHANGE_H
#define VFIO_USER_EXCHANGE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfio_user/channel.h"

struct vu_exchanges {
	struct vu_channel *channel;
	struct lock lock;
	struct condition answered;
	struct cds_list_head waiting;
	uint16_t last_id;
	bool over; /* no reply will come */
};

/* Descriptors that go with a message; borrowed. */
struct vu_descriptors {
	const int *fds;
	unsigned int count;
};

void vu_exchanges_init(struct vu_exchanges *exchanges, struct vu_channel *channel);
void vu_exchanges_destroy(struct vu_exchanges *exchanges);

/*
 * Sends @command with @parts and @with (NULL: none), and waits for the reply, which the caller owns
 * (vu_message_free()). It may be an error of the peer, or anything else with that ID. 0, or
 * -ETIMEDOUT: the peer has not answered; the connection is shut
 * -ESHUTDOWN: it is over
 * or another error of the socket
 *
 * Context: any thread but the one that receives.
 */
int vu_exchange(struct vu_exchanges *exchanges, uint16_t command, const struct vu_part parts[2],
		const struct vu_descriptors *with, struct vu_message **reply);

/* Hands over a reply that was received; takes it. 0, or -EPROTO: nothing waits for it. */
int vu_exchanges_deliver(struct vu_exchanges *exchanges, struct vu_message *reply);

/* From now on all fail, those that wait as well. */
void vu_exchanges_end(struct vu_exchanges *exchanges);

#endif
