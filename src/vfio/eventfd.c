/* SPDX-License-Identifier: MIT */
/* See eventfd.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/last_error.h"
#include "vfio/eventfd.h"

#include "base/caller.h"
#include "base/sys.h"

/* Missing in older headers. */
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

void fd_close(int fd)
{
	(void)sys_close(fd);
}

/*
 * Whether @fd has no type, as anonymous inodes, and can be written now, which few others of those
 * say. For where /proc does not tell, or where asking it could end the program.
 */
static bool may_be_eventfd(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLOUT};
	struct timespec now = {.tv_sec = 0};
	struct stat st;

	return !sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) && !(st.st_mode & S_IFMT) &&
	       sys_call(SYS_ppoll, (long)&pfd, 1, (long)&now, 0, 0, 0) == 1 &&
	       pfd.revents == POLLOUT;
}

static bool is_eventfd(int fd)
{
	static const char name[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(name)];
	long len;

	if (sys_confined())
		return may_be_eventfd(fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = sys_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)target, sizeof(target), 0, 0);
	if (len < 0)
		return may_be_eventfd(fd);
	return len == sizeof(name) - 1 && memcmp(target, name, sizeof(name) - 1) == 0;
}

int eventfd_take(struct uiommufd_caller *caller, int fd, int *own)
{
	int copy = caller_dup_fd(caller, fd);

	if (copy < 0)
		return refuse_mistake(copy, "descriptor %d is not open, or cannot be copied", fd);
	if (!is_eventfd(copy)) {
		fd_close(copy);
		return refuse_mistake(-EINVAL, "descriptor %d is no eventfd", fd);
	}
	*own = copy;
	return 0;
}

void eventfd_drop(int own)
{
	if (own >= 0)
		fd_close(own);
}

/*
 * Whether @fd is ready for one of @events by @timeout, which becomes what is left of it, or a
 * negative errno.
 */
static int ready(int fd, short events, struct timespec *timeout)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	long rc = sys_call(SYS_ppoll, (long)&pfd, 1, (long)timeout, 0, 0, 0);

	return rc < 0 ? (int)rc : pfd.revents & events;
}

static void notify(int own)
{
	static const uint64_t one = 1;
	struct timespec now = {.tv_sec = 0};

	/* A write to a full counter would wait for a reader. */
	if (ready(own, POLLOUT, &now) > 0)
		(void)sys_write(own, &one, sizeof(one));
}

/* Of a thread with a table of descriptors of its own: the process, plus one; 0: of any other. */
static __thread int apart __attribute__((tls_model("initial-exec")));

void eventfd_thread_is_apart(int pidfd)
{
	apart = pidfd + 1;
}

void eventfd_notify(int own)
{
	int copy;

	if (own < 0)
		return;
	if (!apart) {
		notify(own);
		return;
	}
	copy = (int)sys_call(SYS_pidfd_getfd, apart - 1, own, 0, 0, 0, 0);
	if (copy < 0)
		return;
	notify(copy);
	/* Not sys_close(), which would take it for a number that the program's table keeps. */
	(void)sys_call(SYS_close, copy, 0, 0, 0, 0, 0);
}

bool eventfd_wait(int own)
{
	uint64_t count;
	ssize_t done;
	int rc;

	for (;;) {
		rc = ready(own, POLLIN, NULL);
		if (rc == -EINTR)
			continue;
		if (rc <= 0)
			return false;
		/* The program may have made it non-blocking, or read it before us. */
		done = sys_read(own, &count, sizeof(count));
		if (done == sizeof(count))
			return true;
		if (done != -EAGAIN && done != -EINTR)
			return false;
	}
}
