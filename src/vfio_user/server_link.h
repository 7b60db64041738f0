/* SPDX-License-Identifier: MIT */
/*
 * The connection of a client to a vfio-user server.
 *
 * Until vu_link_share(), one thread uses it, and each request reads the socket until its reply is
 * there. From then on a thread of the owner receives (vu_link_receive()), and any other asks.
 *
 * A server that breaks the protocol, or that does not answer within the timeout, is given up: one
 * line says why, the connection is shut, and all requests fail with -EIO from then on.
 */
#ifndef VFIO_USER_SERVER_LINK_H
#define VFIO_USER_SERVER_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/capabilities.h"
#include "vfio_user/exchange.h"

struct vu_why;

/* The sockets of a connection that has agreed on a version. -1: none. */
struct vu_connection {
	int fd;
	int twin; /* for requests of the server */
};

struct vu_link {
	const char *name;	  /* of the device or the socket, for lines; borrowed */
	const struct vu_why *why; /* lines go there instead, until it is shared; borrowed */
	struct vu_channel channel;
	struct vu_channel twin; /* its fd is -1 if requests of the server come on @channel, too */
	struct vu_exchanges exchanges;
	struct vu_capabilities theirs;
	bool shared;
	uint16_t last_id;	     /* until it is shared */
	_Atomic bool over;	     /* given up, or the server has left */
	_Atomic uint32_t complained; /* bit n: there is a line about a refusal of command n */
};

/* Where a line about a failure goes. */
struct vu_why {
	char *text;
	size_t size;
};

/*
 * Connects to the socket @path and agrees on a version, each within @timeout_ms (not negative). 0,
 * or -EIO, -ENOMEM and others of the system, and *@why, which is borrowed until vu_link_share() or
 * vu_link_close().
 */
int vu_link_open(struct vu_link *link, const char *name, const char *path, int timeout_ms,
		 const struct vu_why *why);

/*
 * Takes @connection, on which another vu_link has agreed on a version, and @theirs of that. It does
 * not fail.
 */
void vu_link_adopt(struct vu_link *link, const char *name, const struct vu_connection *connection,
		   const struct vu_capabilities *theirs, int timeout_ms, const struct vu_why *why);

/* Closes the link, but not its connection, which is returned. */
struct vu_connection vu_link_keep(struct vu_link *link);

void vu_connection_close(const struct vu_connection *connection);

/* In the child of a fork: closes its copy of the connection, which is the parent's. */
void vu_link_abandon(struct vu_link *link);

/* Context: nothing uses it any more. */
void vu_link_close(struct vu_link *link);

/* A thread is going to receive. */
void vu_link_share(struct vu_link *link);

/*
 * Asks @command with @parts and @with (NULL: no descriptors). The reply has at least @least bytes;
 * its owner is the caller. 0; the server's errno; -EIO: the server is given up, or was before.
 */
int vu_link_ask(struct vu_link *link, uint16_t command, const struct vu_part parts[2],
		const struct vu_descriptors *with, uint32_t least, struct vu_message **reply);

/* The same with one part, for a reply of which nothing is needed. */
int vu_link_tell(struct vu_link *link, uint16_t command, const void *data, size_t len);

/* Sends @command without waiting, and wants no reply. Context: any lock may be held. */
void vu_link_post(struct vu_link *link, uint16_t command, const void *data, size_t len);

/*
 * Receives one message, @twin: on the second socket. 0 and a command of the server in *@message,
 * which the caller owns; or NULL: it was a reply, which has been delivered. -EIO: the connection is
 * over.
 */
int vu_link_receive(struct vu_link *link, bool twin, struct vu_message **message);

/* Answers @command, with @error (0, or a negative errno) or @parts. */
void vu_link_reply(struct vu_link *link, const struct vu_message *command, int error,
		   const struct vu_part parts[2]);

/* Gives the server up, with a line: "NAME: vfio-user: the server ...; its connection is closed". */
void vu_link_give_up(struct vu_link *link, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
