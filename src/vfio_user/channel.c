/* SPDX-License-Identifier: MIT */
/* See channel.h. */
#include "vfio_user/channel.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/sys.h"

/* A message that is arriving: first its header, then the rest. */
struct arrival {
	struct vu_header header;
	struct vu_message *message; /* NULL: the header is not complete */
	size_t have;		    /* bytes of both */
	unsigned int fd_count;
	int fds[VU_MAX_FDS];
	bool fds_lost;
};

/* ---- messages ---- */

struct vu_message *vu_message_create(uint32_t len)
{
	struct vu_message *message = alloc_zeroed(sizeof(*message) + len);

	if (message)
		message->len = len;
	return message;
}

static void close_all(const int *fds, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		if (fds[i] >= 0)
			(void)sys_close(fds[i]);
	}
}

void vu_message_free(struct vu_message *message)
{
	if (!message)
		return;
	close_all(message->fds, message->fd_count);
	alloc_free(message);
}

/* ---- the channel ---- */

void vu_channel_init(struct vu_channel *channel, int fd, int timeout_ms)
{
	channel->fd = fd;
	channel->timeout_ms = timeout_ms;
	atomic_init(&channel->shut, false);
	lock_init(&channel->send_lock, LOCK_VFIO_USER);
}

void vu_channel_destroy(struct vu_channel *channel)
{
	if (channel->fd >= 0)
		(void)sys_close(channel->fd);
	lock_destroy(&channel->send_lock);
}

void vu_channel_shut(struct vu_channel *channel)
{
	atomic_store(&channel->shut, true);
	if (channel->fd >= 0)
		(void)shutdown(channel->fd, SHUT_RDWR);
}

/* ---- sending ---- */

/* Waits until the peer has read something. */
static int wait_writable(const struct vu_channel *channel)
{
	struct pollfd pfd = {.fd = channel->fd, .events = POLLOUT};
	int rc;

	do
		rc = poll(&pfd, 1, channel->timeout_ms);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return -errno;
	return rc ? 0 : -ETIMEDOUT;
}

/* Leaves out the first @done bytes of @msg. */
static void advance(struct msghdr *msg, size_t done)
{
	while (msg->msg_iovlen && done >= msg->msg_iov->iov_len) {
		done -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (!msg->msg_iovlen)
		return;
	msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + done;
	msg->msg_iov->iov_len -= done;
}

static int send_all(const struct vu_channel *channel, struct msghdr *msg)
{
	while (msg->msg_iovlen) {
		ssize_t done = sendmsg(channel->fd, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		int rc;

		if (done >= 0) {
			/* The descriptors went with the first byte. */
			msg->msg_control = NULL;
			msg->msg_controllen = 0;
			advance(msg, (size_t)done);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		rc = wait_writable(channel);
		if (rc)
			return rc;
	}
	return 0;
}

/* Room for descriptors. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(VU_MAX_FDS * sizeof(int))];
};

static void add_fds(struct msghdr *msg, union control *control, const int *fds, unsigned int count)
{
	assert(count <= VU_MAX_FDS);
	memset(control, 0, sizeof(*control));
	control->align = (struct cmsghdr){
		.cmsg_len = (socklen_t)CMSG_LEN(count * sizeof(*fds)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control->align), fds, count * sizeof(*fds));
	msg->msg_control = control;
	msg->msg_controllen = (socklen_t)CMSG_SPACE(count * sizeof(*fds));
}

int vu_channel_send(struct vu_channel *channel, struct vu_header *header,
		    const struct vu_part parts[2])
{
	return vu_channel_send_with(channel, header, parts, NULL, 0);
}

int vu_channel_send_with(struct vu_channel *channel, struct vu_header *header,
			 const struct vu_part parts[2], const int *fds, unsigned int count)
{
	struct iovec iov[3] = {
		{header, sizeof(*header)},
		{(void *)(uintptr_t)parts[0].data, parts[0].len},
		{(void *)(uintptr_t)parts[1].data, parts[1].len},
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 3};
	union control control;
	int rc;

	if (count)
		add_fds(&msg, &control, fds, count);
	header->size = (uint32_t)(sizeof(*header) + parts[0].len + parts[1].len);
	lock_acquire(&channel->send_lock);
	rc = send_all(channel, &msg);
	lock_release(&channel->send_lock);
	return rc;
}

/* ---- receiving ---- */

static void take_fds(struct arrival *arrival, struct msghdr *msg)
{
	struct cmsghdr *cmsg;

	if (msg->msg_flags & MSG_CTRUNC)
		arrival->fds_lost = true;
	for (cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t count;
		int fd;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
		for (size_t i = 0; i < count; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			if (arrival->fd_count < VU_MAX_FDS) {
				arrival->fds[arrival->fd_count++] = fd;
			} else {
				(void)sys_close(fd);
				arrival->fds_lost = true;
			}
		}
	}
}

/* Receives some of the next @len bytes. Returns how many; 0: the peer has left. */
static ssize_t receive_some(const struct vu_channel *channel, struct arrival *arrival, void *to,
			    size_t len)
{
	union control control;
	struct iovec iov = {to, len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t done = recvmsg(channel->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (done < 0)
		return -errno;
	take_fds(arrival, &msg);
	return done;
}

/* Where the next bytes go. The header says how many there are in all. */
static void *next_bytes(struct arrival *arrival, size_t *len)
{
	const size_t head = sizeof(arrival->header);

	if (!arrival->message) {
		*len = head - arrival->have;
		return (char *)&arrival->header + arrival->have;
	}
	*len = head + arrival->message->len - arrival->have;
	return arrival->message->payload + (arrival->have - head);
}

/* The header is complete. */
static int begin_payload(struct arrival *arrival)
{
	const struct vu_header *header = &arrival->header;

	if (header->size < sizeof(*header))
		return -EPROTO;
	if (header->size - sizeof(*header) > VU_MAX_PAYLOAD)
		return -EMSGSIZE;
	arrival->message = vu_message_create((uint32_t)(header->size - sizeof(*header)));
	if (!arrival->message)
		return -ENOMEM;
	arrival->message->header = *header;
	return 0;
}

/* Milliseconds until @deadline. */
static int left_of(const struct timespec *deadline)
{
	struct timespec now;
	int64_t left;

	clock_gettime(CLOCK_MONOTONIC, &now);
	left = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
	return left > 0 ? (int)left : 0;
}

static struct timespec deadline_in(int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += (ms % 1000) * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return at;
}

/* @deadline: NULL: no message has begun. */
static int wait_readable(const struct vu_channel *channel, int stop,
			 const struct timespec *deadline)
{
	struct pollfd fds[2] = {{.fd = channel->fd, .events = POLLIN},
				{.fd = stop, .events = POLLIN}};
	int rc = poll(fds, 2, deadline ? left_of(deadline) : -1);

	if (rc < 0)
		return errno == EINTR ? 0 : -errno;
	if (fds[1].revents)
		return -ECANCELED;
	return rc ? 0 : -ETIMEDOUT;
}

/* Receives until the message is whole. */
static int receive_all(const struct vu_channel *channel, int stop, struct arrival *arrival)
{
	struct timespec deadline = {0};
	size_t len;
	int rc;

	for (;;) {
		void *to = next_bytes(arrival, &len);
		const bool timed = arrival->have && channel->timeout_ms >= 0;
		ssize_t done;

		if (!len && arrival->message)
			return 0;
		if (!len) {
			rc = begin_payload(arrival);
			if (rc)
				return rc;
			continue;
		}
		done = receive_some(channel, arrival, to, len);
		if (done > 0) {
			if (!arrival->have && channel->timeout_ms >= 0)
				deadline = deadline_in(channel->timeout_ms);
			arrival->have += (size_t)done;
			continue;
		}
		if (!done)
			return arrival->have ? -ECONNRESET : -ESHUTDOWN;
		if (done == -EINTR)
			continue;
		if (done != -EAGAIN)
			return (int)done;
		rc = wait_readable(channel, stop, timed ? &deadline : NULL);
		if (rc)
			return rc;
	}
}

int vu_channel_receive(struct vu_channel *channel, int stop, struct vu_message **message)
{
	struct arrival arrival = {.have = 0};
	int rc;

	/* A peer that never pauses must not keep us from seeing @stop. */
	rc = stop >= 0 ? wait_readable(channel, stop, NULL) : 0;
	if (!rc)
		rc = receive_all(channel, stop, &arrival);
	if (rc) {
		close_all(arrival.fds, arrival.fd_count);
		vu_message_free(arrival.message);
		return rc;
	}
	memcpy(arrival.message->fds, arrival.fds, sizeof(arrival.fds));
	arrival.message->fd_count = arrival.fd_count;
	arrival.message->fds_lost = arrival.fds_lost;
	*message = arrival.message;
	return 0;
}
