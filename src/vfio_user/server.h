/* SPDX-License-Identifier: MIT */
/*
 * A vfio-user server: one device, for one client at a time. Others wait in connect(), and come
 * next. A client that has left leaves the device as a program does that closes it.
 *
 * One thread receives, another one handles (request_queue.h); the device has its own.
 */
#ifndef VFIO_USER_SERVER_H
#define VFIO_USER_SERVER_H

#include <stddef.h>
#include <sys/types.h>

#include "vfio/vfio.h"

/* A socket that waits for clients at a path. */
struct vu_listener {
	int fd;
	char path[108]; /* as long as addresses may be */
	dev_t dev;	/* the node that we made */
	ino_t ino;
};

/*
 * Listens at @path, where clients find the socket when it is ready. A socket without a listener
 * there is replaced. 0; -ENAMETOOLONG; -EADDRINUSE: somebody listens there; -EEXIST: it is no
 * socket; or another error of the system.
 */
int vu_listener_open(struct vu_listener *listener, const char *path);

/* Removes the socket, unless it is another one by now. */
void vu_listener_close(struct vu_listener *listener);

/*
 * Serves @device until @stop is readable. @timeout_ms: how long a client may be in the middle of a
 * message, or take for its answer to DMA; -1: for ever. 0, or a negative errno that keeps the
 * server from accepting clients.
 */
int vu_serve(struct vu_listener *listener, struct vfio_device *device, int stop, int timeout_ms);

/* Serves the client behind the socket @fd, which it takes, until either side ends that. */
void vu_serve_client(struct vfio_device *device, int fd, int stop, int timeout_ms);

#endif
