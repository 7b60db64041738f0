/* SPDX-License-Identifier: MIT */
/*
 * Before Linux 6.11, SECCOMP_IOCTL_NOTIF_RECV goes on waiting when the last program has ended. Only
 * poll() returns then, to those that are in it. There, one thread at a time waits in poll(), and so
 * gets what has arrived without waiting for it.
 *
 * Cost: a system call each way; before Linux 6.11 one more, and a lock.
 */
#include "server/notification.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

/* Whether to receive ends with the last program. Without a version, it does not. */
static bool receiving_ends(void)
{
	enum {
		UNKNOWN,
		ENDS,
		WAITS
	};
	static atomic_int known = UNKNOWN;
	unsigned int major, minor;
	struct utsname system;
	int how = atomic_load_explicit(&known, memory_order_relaxed);

	if (how == UNKNOWN) {
		how = !uname(&system) && sscanf(system.release, "%u.%u", &major, &minor) == 2 &&
				      (major > 6 || (major == 6 && minor >= 11))
			      ? ENDS
			      : WAITS;
		atomic_store_explicit(&known, how, memory_order_relaxed);
	}
	return how == ENDS;
}

static int receive(int fd, struct seccomp_notif *call)
{
	memset(call, 0, sizeof(*call));
	return ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, call) ? -errno : 0;
}

/* As receive(), which is -ENOENT if the thread has been killed meanwhile, or at the end. */
static int receive_in_turn(struct notifications *from, struct seccomp_notif *call)
{
	struct pollfd arrived = {.fd = from->fd, .events = POLLIN};
	int rc;

	lock_acquire(&from->turn);
	if (poll(&arrived, 1, -1) < 0)
		rc = -errno;
	else
		rc = arrived.revents & POLLIN ? receive(from->fd, call) : -ENOENT;
	lock_release(&from->turn);
	return rc;
}

static bool has_ended(int fd)
{
	struct pollfd end = {.fd = fd, .events = POLLIN};

	return poll(&end, 1, 0) == 1 && end.revents & POLLHUP;
}

bool notification_take(struct notifications *from, struct seccomp_notif *call)
{
	int rc;

	do {
		rc = receiving_ends() ? receive(from->fd, call) : receive_in_turn(from, call);
	} while (rc == -EINTR || (rc == -ENOENT && !has_ended(from->fd)));
	return !rc;
}

void notification_answer(const struct notifications *from, const struct seccomp_notif *call,
			 struct answer answer)
{
	struct seccomp_notif_resp response = {.id = call->id};

	if (answer.kind == ANSWER_GIVEN)
		return;
	if (answer.kind == ANSWER_KERNEL)
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	else if (answer.value < 0)
		response.error = (int)answer.value;
	else
		response.val = answer.value;
	(void)ioctl(from->fd, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
