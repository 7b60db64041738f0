/* SPDX-License-Identifier: MIT */
/*
 * Messages over a stream socket, with the descriptors beside them.
 *
 * One thread receives; any thread sends, one message at a time. Neither waits for a peer that has
 * stopped in the middle of a message for longer than the channel's timeout. Sizes are bounded
 * before anything is allocated.
 *
 * Locks: send_lock, for as long as a message is sent.
 */
#ifndef VFIO_USER_CHANNEL_H
#define VFIO_USER_CHANNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <urcu/list.h>

#include "base/lock.h"
#include "vfio_user/protocol.h"

enum {
	VU_MAX_FDS = 16,       /* with one message */
	VU_MAX_DATA = 1 << 20, /* bytes that one access transfers */
	VU_MAX_PAYLOAD = VU_MAX_DATA + 64,
};

/* A message that was received. */
struct vu_message {
	struct vu_header header;
	struct cds_list_head link;
	uint32_t len; /* of the payload */
	unsigned int fd_count;
	int fds[VU_MAX_FDS]; /* -1: taken */
	bool fds_lost;	     /* there were more */
	uint8_t payload[];
};

/* A part of a message that is sent. */
struct vu_part {
	const void *data;
	size_t len;
};

struct vu_channel {
	int fd;
	int timeout_ms;	   /* -1: none */
	_Atomic bool shut; /* by us */
	struct lock send_lock;
};

/* Takes @fd, a connected socket. */
void vu_channel_init(struct vu_channel *channel, int fd, int timeout_ms);
void vu_channel_destroy(struct vu_channel *channel);

/* Ends both directions; the receiver and senders find out. */
void vu_channel_shut(struct vu_channel *channel);

/*
 * Sends @header, whose size is set here, and up to two parts behind it (len 0: none). 0;
 * -ETIMEDOUT: the peer does not read; or another error of the socket. After an error the channel is
 * of no use.
 */
int vu_channel_send(struct vu_channel *channel, struct vu_header *header,
		    const struct vu_part parts[2]);

/* The same with the @count descriptors @fds (borrowed; at most VU_MAX_FDS) beside the message. */
int vu_channel_send_with(struct vu_channel *channel, struct vu_header *header,
			 const struct vu_part parts[2], const int *fds, unsigned int count);

/*
 * Receives one message; the caller owns it (vu_message_free()). @stop: a descriptor that ends the
 * wait when it becomes readable; -1: none. 0, or
 * -ESHUTDOWN: the peer has left, between two messages
 * -ECONNRESET: it has left within one
 * -ETIMEDOUT: the rest of a message does not come
 * -EPROTO: the message is shorter than its header
 * -EMSGSIZE: it is too long
 * -ECANCELED: @stop
 * -ENOMEM, or another error of the socket
 */
int vu_channel_receive(struct vu_channel *channel, int stop, struct vu_message **message);

/* A message for @len bytes of payload, zeroed and without descriptors; NULL: no memory. */
struct vu_message *vu_message_create(uint32_t len);

/* Closes the descriptors that were not taken. NULL is allowed. */
void vu_message_free(struct vu_message *message);

#endif
