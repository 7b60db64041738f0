/* SPDX-License-Identifier: MIT */
/* See server.h. */
#include "vfio_user/server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/log.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "vfio/device_thread.h"
#include "vfio_user/request_queue.h"
#include "vfio_user/session.h"

enum {
	BACKLOG = 16 /* clients that wait */
};

/* ---- one client ---- */

struct connection {
	struct vu_channel channel;
	struct vu_session *session;
	struct request_queue queue;
};

/* The thread that handles requests. */
static void *handle_requests(void *arg)
{
	struct connection *connection = arg;
	struct vu_message *request;
	bool open = true;

	while (open && (request = request_queue_take(&connection->queue))) {
		open = vu_session_handle(connection->session, request);
		vu_message_free(request);
	}
	/* The receiver finds out. */
	request_queue_close(&connection->queue);
	vu_channel_shut(&connection->channel);
	return NULL;
}

/* 0, or a negative errno: the client is not served any longer. */
static int take_message(struct connection *connection, struct vu_message *message, int stop)
{
	switch (message->header.flags & VU_TYPE_MASK) {
	case VU_TYPE_COMMAND:
		return request_queue_add(&connection->queue, message, stop);
	case VU_TYPE_REPLY:
		if (!vu_session_deliver(connection->session, message))
			return 0;
		log_fault("vfio-user: the client sends a reply that nothing waits for; its "
			  "connection is closed");
		return -EPROTO;
	default:
		log_fault("vfio-user: the client sends a message of an unknown type; its "
			  "connection is closed");
		vu_message_free(message);
		return -EPROTO;
	}
}

static void log_end(int rc)
{
	switch (rc) {
	case -ECONNRESET:
		log_fault("vfio-user: the client has left in the middle of a message");
		break;
	case -ETIMEDOUT:
		log_fault("vfio-user: the rest of a message does not come; the client's connection "
			  "is closed");
		break;
	case -EPROTO:
		log_fault("vfio-user: the client sends a message that is shorter than its header; "
			  "its connection is closed");
		break;
	case -EMSGSIZE:
		log_fault("vfio-user: the client sends a message that is too long; its connection "
			  "is closed");
		break;
	case -ENOMEM:
		log_error("vfio-user: out of memory; the client's connection is closed");
		break;
	default: /* it has left, or we have */
		break;
	}
}

static void receive_requests(struct connection *connection, int stop)
{
	struct vu_message *message;
	int rc;

	for (;;) {
		rc = vu_channel_receive(&connection->channel, stop, &message);
		if (rc) {
			/* Whoever has shut it has said why. */
			if (!atomic_load(&connection->channel.shut))
				log_end(rc);
			return;
		}
		if (take_message(connection, message, stop))
			return;
	}
}

static int serve(struct connection *connection, int stop)
{
	pthread_t thread;
	int rc = request_queue_init(&connection->queue);

	if (rc)
		return rc;
	rc = thread_start(&thread, handle_requests, connection);
	if (rc)
		goto out;
	receive_requests(connection, stop);
	vu_session_end(connection->session);
	request_queue_close(&connection->queue);
	vu_channel_shut(&connection->channel);
	(void)pthread_join(thread, NULL);
out:
	request_queue_destroy(&connection->queue);
	return rc;
}

void vu_serve_client(struct vfio_device *device, int fd, int stop, int timeout_ms)
{
	struct connection connection;
	int rc;

	vu_channel_init(&connection.channel, fd, timeout_ms);
	rc = vu_session_create(device, &connection.channel, &connection.session);
	if (!rc) {
		rc = serve(&connection, stop);
		vu_session_destroy(connection.session);
	}
	if (rc)
		log_error("vfio-user: a client cannot be served: %s", strerror(-rc));
	vu_channel_destroy(&connection.channel);
}

/* ---- the socket ---- */

static int make_socket(int *fd)
{
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return *fd < 0 ? -errno : 0;
}

static int make_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

/* The file at @path itself, if it is a link. 0 or a negative errno. */
static int look_at(const char *path, struct stat *st)
{
	return (int)sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)st, AT_SYMLINK_NOFOLLOW, 0,
			     0);
}

/* Whether what is at @address may be replaced, or nothing is there. */
static int check_place(const struct sockaddr_un *address)
{
	struct stat st;
	int rc = look_at(address->sun_path, &st);
	int fd;

	if (rc)
		return rc == -ENOENT ? 0 : rc;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	rc = make_socket(&fd);
	if (rc)
		return rc;
	/* Not blocking: a listener whose backlog is full is one, too (EAGAIN). */
	(void)sys_fcntl(fd, F_SETFL, O_NONBLOCK);
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		rc = -EADDRINUSE;
	else
		rc = errno == ECONNREFUSED || errno == ENOENT ? 0 : -errno;
	(void)sys_close(fd);
	return rc;
}

static void remove_node(const char *path)
{
	(void)sys_call(SYS_unlinkat, AT_FDCWD, (long)path, 0, 0, 0, 0);
}

/* Binds @listener to a name of its own, and gives it the path when it listens. */
static int bind_and_rename(struct vu_listener *listener, const struct sockaddr_un *address)
{
	struct sockaddr_un own;
	char path[sizeof(address->sun_path) + 16];
	struct stat st;
	int rc;

	snprintf(path, sizeof(path), "%s.%d", address->sun_path, getpid());
	rc = make_address(&own, path);
	if (rc)
		return rc;
	remove_node(own.sun_path);
	if (bind(listener->fd, (const struct sockaddr *)&own, sizeof(own)))
		return -errno;
	rc = listen(listener->fd, BACKLOG) ? -errno : look_at(own.sun_path, &st);
	if (!rc)
		rc = (int)sys_call(SYS_renameat2, AT_FDCWD, (long)own.sun_path, AT_FDCWD,
				   (long)address->sun_path, 0, 0);
	if (rc) {
		remove_node(own.sun_path);
		return rc;
	}
	listener->dev = st.st_dev;
	listener->ino = st.st_ino;
	return 0;
}

int vu_listener_open(struct vu_listener *listener, const char *path)
{
	struct sockaddr_un address;
	int rc = make_address(&address, path);

	if (!rc)
		rc = check_place(&address);
	if (!rc)
		rc = make_socket(&listener->fd);
	if (rc)
		return rc;
	rc = bind_and_rename(listener, &address);
	if (rc) {
		(void)sys_close(listener->fd);
		return rc;
	}
	strcpy(listener->path, address.sun_path);
	return 0;
}

void vu_listener_close(struct vu_listener *listener)
{
	struct stat st;

	if (!look_at(listener->path, &st) && st.st_dev == listener->dev &&
	    st.st_ino == listener->ino)
		remove_node(listener->path);
	(void)sys_close(listener->fd);
}

/* Waits for a client. Its socket, -ECANCELED: @stop, or another negative errno. */
static int accept_client(const struct vu_listener *listener, int stop)
{
	struct pollfd fds[2] = {{.fd = listener->fd, .events = POLLIN},
				{.fd = stop, .events = POLLIN}};
	int fd;

	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents)
			return -ECANCELED;
		if (!fds[0].revents)
			continue;
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			return fd;
		if (errno != EINTR && errno != ECONNABORTED && errno != EAGAIN)
			return -errno;
	}
}

int vu_serve(struct vu_listener *listener, struct vfio_device *device, int stop, int timeout_ms)
{
	int rc = guard_install();
	int fd;

	/* A client may truncate the memory that it has given. */
	if (rc)
		return rc;
	for (;;) {
		fd = accept_client(listener, stop);
		if (fd < 0)
			return fd == -ECANCELED ? 0 : fd;
		vu_serve_client(device, fd, stop, timeout_ms);
	}
}
