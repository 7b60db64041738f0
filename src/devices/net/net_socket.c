/* SPDX-License-Identifier: MIT */
/*
 * A port whose cable ends in a UNIX socket, at which another device or a QEMU is. The framing is
 * that of QEMU's "-netdev stream" (each frame behind its length, four bytes, big-endian) and
 * "-netdev dgram" (each frame is a datagram).
 *
 * A stream that ends takes the link down; then the port connects, or waits for a peer, again. A
 * socket that the process has bound disappears with it; one that a killed process has left is
 * replaced.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/check.h"
#include "base/sys.h"
#include "devices/net/net_port.h"

enum {
	STREAM_HEADER = 4,
	STREAM_BYTES = 64 << 10, /* of port->stream */
	LOOKS = 10,
	LOOK_PAUSE_NS = 1000000,
};

/* ---- names ---- */

static bool fits(const char *path)
{
	struct sockaddr_un address;

	return strlen(path) < sizeof(address.sun_path);
}

static struct sockaddr_un address_of(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	memcpy(address.sun_path, path, strlen(path));
	return address;
}

static int make_socket(const struct net_port *port)
{
	const int type = (port->datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC |
			 SOCK_NONBLOCK;

	return (int)sys_call(SYS_socket, AF_UNIX, type, 0, 0, 0, 0);
}

/* A descriptor that is connected to @path, or a negative errno. */
static int connect_to(const struct net_port *port, const char *path)
{
	const struct sockaddr_un address = address_of(path);
	const int fd = make_socket(port);
	long rc;

	if (fd < 0)
		return fd;
	rc = sys_call(SYS_connect, fd, (long)&address, sizeof(address), 0, 0, 0);
	if (rc < 0) {
		sys_close(fd);
		return (int)rc;
	}
	return sys_move_away(fd);
}

/* As look_for(), now. */
static int look_once(const struct net_port *port, const char *path)
{
	const struct sockaddr_un address = address_of(path);
	const int other = (port->datagrams ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
	const int fd = (int)sys_call(SYS_socket, AF_UNIX, other, 0, 0, 0, 0);
	long rc;

	if (fd < 0)
		return fd;
	rc = sys_call(SYS_connect, fd, (long)&address, sizeof(address), 0, 0, 0);
	sys_close(fd);
	return (int)rc;
}

/*
 * Looks for the socket at @path without a connection, which its owner would see: the kernel refuses
 * a socket of the other type with -EPROTOTYPE, if a process has the one at @path; else with
 * -ECONNREFUSED. Returns what it says; 0: the socket there is of the wrong type.
 *
 * bind(2) makes the name before the socket can be found by it, and a process may be put aside in
 * between: so what is refused is looked at again for some milliseconds.
 */
static int look_for(const struct net_port *port, const char *path)
{
	const struct timespec pause = {.tv_nsec = LOOK_PAUSE_NS};
	int rc = look_once(port, path);

	for (unsigned int i = 1; i < LOOKS && rc == -ECONNREFUSED; i++) {
		(void)sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
		rc = look_once(port, path);
	}
	return rc;
}

/* Whether @path is a socket that no process has. */
static bool is_stale(const struct net_port *port, const char *path)
{
	struct stat st;

	return !sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)&st, AT_SYMLINK_NOFOLLOW, 0,
			 0) &&
	       S_ISSOCK(st.st_mode) && look_for(port, path) == -ECONNREFUSED;
}

static void remove_path(const char *path)
{
	(void)sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

/* A descriptor that is bound to @path, or a negative errno. */
static int bind_to(const struct net_port *port, const char *path)
{
	const struct sockaddr_un address = address_of(path);
	const int fd = make_socket(port);
	long rc;

	if (fd < 0)
		return fd;
	rc = sys_call(SYS_bind, fd, (long)&address, sizeof(address), 0, 0, 0);
	if (rc == -EADDRINUSE && is_stale(port, path)) {
		remove_path(path);
		rc = sys_call(SYS_bind, fd, (long)&address, sizeof(address), 0, 0, 0);
	}
	if (!rc && !port->datagrams)
		rc = sys_call(SYS_listen, fd, 1, 0, 0, 0, 0);
	if (rc < 0) {
		sys_close(fd);
		return (int)rc;
	}
	return sys_move_away(fd);
}

/* ---- life ---- */

/* What is bound, if anything is. */
static const char *own_path(const struct net_port *port)
{
	if (port->datagrams)
		return port->local;
	return port->listens ? port->path : NULL;
}

static int socket_probe(struct net_port *port, struct uiommufd_device *dev)
{
	const char *own = own_path(port);
	int fd, rc;

	if (!fits(port->path) || (own && !fits(own)))
		return uiommufd_device_refuse(dev, -EINVAL,
					      "the path of a socket has at most 107 bytes");
	if (!uiommufd_device_claims(dev))
		return 0;
	if (own) {
		fd = bind_to(port, own);
		if (fd < 0)
			return uiommufd_device_refuse(dev, fd, "%s=%s: %s",
						      port->datagrams ? "local" : "path", own,
						      strerror(-fd));
		remove_path(own);
		sys_close(fd);
		return 0;
	}
	rc = look_for(port, port->path);
	if (rc == -EPROTOTYPE)
		return 0;
	if (rc == -ECONNREFUSED)
		return uiommufd_device_refuse(dev, rc, "path=%s: nothing listens there",
					      port->path);
	return uiommufd_device_refuse(dev, rc ? rc : -EPROTOTYPE, "path=%s: %s", port->path,
				      strerror(rc ? -rc : EPROTOTYPE));
}

static int32_t process(void)
{
	return (int32_t)sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
}

static int open_listener(struct net_port *port)
{
	const int fd = bind_to(port, own_path(port));

	if (fd < 0)
		return fd;
	port->owner = process();
	atomic_store(port->datagrams ? &port->fd : &port->listener, fd);
	return 0;
}

static int accept_peer(struct net_port *port)
{
	const long fd = sys_call(SYS_accept4, atomic_load(&port->listener), 0, 0,
				 SOCK_CLOEXEC | SOCK_NONBLOCK, 0, 0);

	if (fd < 0)
		return (int)fd;
	atomic_store(&port->fd, sys_move_away((int)fd));
	return 0;
}

static int socket_open(struct net_port *port)
{
	int fd, rc;

	if (own_path(port) && atomic_load(&port->listener) < 0) {
		rc = open_listener(port);
		if (rc || port->datagrams)
			return rc;
	}
	if (port->listens)
		return accept_peer(port);
	fd = connect_to(port, port->path);
	if (fd < 0)
		return fd;
	atomic_store(&port->fd, fd);
	return 0;
}

/* The peer's descriptor; the listener stays. */
static void socket_close(struct net_port *port)
{
	const int fd = atomic_load(&port->fd);

	if (fd < 0)
		return;
	atomic_store(&port->fd, -1);
	sys_close(fd);
}

static void socket_destroy(struct net_port *port)
{
	socket_close(port);
	if (atomic_load(&port->listener) >= 0)
		sys_close(atomic_load(&port->listener));
	atomic_store(&port->listener, -1);
	/* Not a child's, which has a copy of the port. */
	if (port->owner && port->owner == process())
		remove_path(own_path(port));
	port->owner = 0;
}

/* ---- frames ---- */

static int send_error(long rc)
{
	if (rc == -EAGAIN || rc == -EINTR || rc == -ENOBUFS)
		return -EAGAIN;
	return -EPIPE;
}

/* A datagram without a receiver is lost, as on a cable that nothing is at the end of. */
static int send_datagram(const struct net_port *port, const uint8_t *data, uint32_t len)
{
	const struct sockaddr_un address = address_of(port->path);
	const long rc = sys_call(SYS_sendto, atomic_load(&port->fd), (long)data, len, MSG_NOSIGNAL,
				 (long)&address, sizeof(address));

	return rc < 0 && send_error(rc) == -EAGAIN ? -EAGAIN : 0;
}

/* Goes on where the call before has stopped, which was about the same frame. */
static int send_stream(struct net_port *port, const uint8_t *data, uint32_t len)
{
	uint8_t header[STREAM_HEADER];
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	long rc;

	net_put32(header, len);
	while (port->unsent_done < STREAM_HEADER + len) {
		const uint32_t done = port->unsent_done;
		const uint32_t skip = done > STREAM_HEADER ? done - STREAM_HEADER : 0;
		const uint32_t from = done < STREAM_HEADER ? done : STREAM_HEADER;

		parts[0] = (struct iovec){header + from, STREAM_HEADER - from};
		parts[1] = (struct iovec){(void *)(uintptr_t)(data + skip), len - skip};
		rc = sys_call(SYS_sendmsg, atomic_load(&port->fd), (long)&message, MSG_NOSIGNAL, 0,
			      0, 0);
		if (rc < 0)
			return send_error(rc);
		port->unsent_done += (uint32_t)rc;
	}
	port->unsent_done = 0;
	return 0;
}

static int socket_send(struct net_port *port, const uint8_t *data, uint32_t len)
{
	return port->datagrams ? send_datagram(port, data, len) : send_stream(port, data, len);
}

static int receive_datagram(const struct net_port *port, struct net_frame *frame)
{
	long rc;

	do {
		rc = sys_call(SYS_recvfrom, atomic_load(&port->fd), (long)frame->data, NET_LONGEST,
			      MSG_TRUNC, 0, 0);
		if (rc < 0)
			return -EAGAIN;
	} while (rc > NET_LONGEST || !rc);
	frame->len = (uint32_t)rc;
	return 0;
}

/* Reads as much as there is space for. 0, -EAGAIN or -EPIPE. */
static int fill_stream(struct net_port *port)
{
	const long rc = sys_call(SYS_recvfrom, atomic_load(&port->fd),
				 (long)(port->stream + port->stream_len),
				 STREAM_BYTES - port->stream_len, 0, 0, 0);

	if (rc > 0)
		port->stream_len += (uint32_t)rc;
	if (rc == 0)
		return -EPIPE;
	return rc < 0 ? send_error(rc) : 0;
}

static int receive_stream(struct net_port *port, struct net_frame *frame)
{
	uint32_t len;
	int rc;

	for (;;) {
		uint8_t *next = port->stream + port->stream_first;
		const uint32_t have = port->stream_len - port->stream_first;

		len = have >= STREAM_HEADER ? net_get32(next) : 0;
		/* What no device sends: the stream is out of step, or another protocol. */
		if (len > NET_LONGEST)
			return -EPIPE;
		if (have >= STREAM_HEADER && have - STREAM_HEADER >= len) {
			port->stream_first += STREAM_HEADER + len;
			if (!len)
				continue;
			memcpy(frame->data, next + STREAM_HEADER, len);
			frame->len = len;
			return 0;
		}
		memmove(port->stream, next, have);
		port->stream_first = 0;
		port->stream_len = have;
		rc = fill_stream(port);
		if (rc)
			return rc;
	}
}

static int socket_receive(struct net_port *port, struct net_frame *frame)
{
	return port->datagrams ? receive_datagram(port, frame) : receive_stream(port, frame);
}

const struct net_port_ops net_socket = {
	.name = "socket",
	.probe = socket_probe,
	.open = socket_open,
	.send = socket_send,
	.receive = socket_receive,
	.close = socket_close,
	.destroy = socket_destroy,
};
