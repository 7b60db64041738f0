/* SPDX-License-Identifier: MIT */
/* See eventfd.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vfio/eventfd.h"

#include "base/caller.h"

void fd_close(int fd)
{
	syscall(SYS_close, fd);
}

static bool is_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(name)];
	long len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = syscall(SYS_readlinkat, AT_FDCWD, path, target, sizeof(target));
	return len == sizeof(name) - 1 && memcmp(target, name, sizeof(name) - 1) == 0;
}

int eventfd_take(struct uiommufd_caller *caller, int fd, int *own)
{
	int copy = caller_dup_fd(caller, fd);

	if (copy < 0)
		return copy;
	if (!is_eventfd(copy)) {
		fd_close(copy);
		return -EINVAL;
	}
	*own = copy;
	return 0;
}

void eventfd_drop(int own)
{
	if (own >= 0)
		fd_close(own);
}

static bool ready(int fd, short events, const struct timespec *timeout)
{
	struct pollfd pfd = {.fd = fd, .events = events};

	errno = 0;
	return syscall(SYS_ppoll, &pfd, 1, timeout, NULL, 0) == 1 && pfd.revents & events;
}

void eventfd_notify(int own)
{
	static const uint64_t one = 1;
	static const struct timespec now;
	int saved = errno;

	/* A write to a full counter would block. */
	if (own >= 0 && ready(own, POLLOUT, &now))
		syscall(SYS_write, own, &one, sizeof(one));
	errno = saved;
}

bool eventfd_wait(int own)
{
	uint64_t count;

	for (;;) {
		/* The program may have made it non-blocking, or read it in the meantime. */
		if (!ready(own, POLLIN, NULL)) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (syscall(SYS_read, own, &count, sizeof(count)) == sizeof(count))
			return true;
		if (errno != EAGAIN && errno != EINTR)
			return false;
	}
}
