/* SPDX-License-Identifier: MIT */
/* See handover.h. A message of one byte, with the descriptor beside it. */
#include "vfio_user/handover.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/sys.h"

enum {
	TAKE_MS = 2000, /* the giver does nothing else */
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(2 * sizeof(int))];
};

static int make_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	strcpy(address->sun_path, path);
	return 0;
}

static int make_socket(void)
{
	return (int)sys_call(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, 0, 0, 0);
}

int vu_handover_listen(const char *path)
{
	struct sockaddr_un address;
	int rc = make_address(&address, path);
	int fd;

	if (rc)
		return rc;
	fd = make_socket();
	if (fd < 0)
		return fd;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 1)) {
		rc = -errno;
		(void)sys_close(fd);
		return rc;
	}
	return fd;
}

int vu_handover_give(int listener, const struct vu_connection *connection)
{
	const int fds[] = {connection->fd, connection->twin};
	const size_t len = (connection->twin >= 0 ? 2 : 1) * sizeof(int);
	union control control;
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = (socklen_t)CMSG_SPACE(len),
	};
	int peer, rc;

	do
		peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	while (peer < 0 && errno == EINTR);
	if (peer < 0)
		return -errno;
	memset(&control, 0, sizeof(control));
	control.align = (struct cmsghdr){
		.cmsg_len = (socklen_t)CMSG_LEN(len),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.align), fds, len);
	rc = sendmsg(peer, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
	(void)sys_close(peer);
	return rc;
}

/* What comes from @peer. 0 or a negative errno. */
static int receive_connection(int peer, struct vu_connection *connection)
{
	struct pollfd pfd = {.fd = peer, .events = POLLIN};
	union control control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct cmsghdr *cmsg;

	*connection = (struct vu_connection){-1, -1};
	if (poll(&pfd, 1, TAKE_MS) != 1 || recvmsg(peer, &msg, MSG_CMSG_CLOEXEC) != 1)
		return -ENOENT;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENOENT;
	memcpy(&connection->fd, CMSG_DATA(cmsg), sizeof(int));
	if (cmsg->cmsg_len >= CMSG_LEN(2 * sizeof(int)))
		memcpy(&connection->twin, CMSG_DATA(cmsg) + sizeof(int), sizeof(int));
	return 0;
}

int vu_handover_take(const char *path, struct vu_connection *connection)
{
	struct sockaddr_un address;
	int rc = make_address(&address, path);
	int peer;

	if (rc)
		return rc;
	peer = make_socket();
	if (peer < 0)
		return peer;
	/* A second one is refused, or waits for nothing until the giver has closed its socket. */
	rc = connect(peer, (const struct sockaddr *)&address, sizeof(address))
		     ? -errno
		     : receive_connection(peer, connection);
	(void)sys_close(peer);
	return rc;
}
