/* SPDX-License-Identifier: MIT */
/* See control.h. */
#include "preload/engine/control.h"

#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/sys.h"
#include "inspect/inquiry.h"
#include "preload/engine/device_requests.h"
#include "preload/engine/hotplug.h"
#include "preload/engine/last_thread.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "vfio/device_thread.h"
#include "vfio/eventfd.h"

enum {
	BACKLOG = 4,
	PATIENCE_SETTLE = 20, /* milliseconds, until devices are looked after again */
};

_Atomic bool control_wanted;

static int answer(const char *request, char **text, size_t *len)
{
	int rc = device_request(request, REAL(fclose), text, len);

	return rc == -ENOSYS ? inquiry_answer(request, REAL(fclose), text, len) : rc;
}

/* ---- the thread ---- */

/* Puts something at the three standard numbers: output to them must not end up in a socket. */
static int fill_standard_numbers(void)
{
	long fd;

	for (int i = 0; i <= STDERR_FILENO; i++) {
		fd = SYS(SYS_openat, AT_FDCWD, ".", O_PATH | O_CLOEXEC);
		if (fd < 0)
			return (int)fd;
	}
	return 0;
}

/* Separates what this thread uses from what all threads of the program share. */
static int separate(void)
{
	char directory[PATH_MAX];
	long rc;

	snprintf(directory, sizeof(directory), "%s/" LAYOUT_CONTROL, root_path());
	rc = SYS(SYS_unshare, CLONE_FS);
	if (rc)
		return (int)rc;
	SYS(SYS_umask, 077);
	rc = SYS(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);
	if (rc)
		return (int)rc;
	rc = SYS(SYS_chdir, directory);
	if (rc)
		return (int)rc;
	return fill_standard_numbers();
}

/* The socket, named for the process, in the current directory. A descriptor or a negative errno. */
static int open_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = (int)SYS(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long rc;

	if (fd < 0)
		return fd;
	snprintf(name.sun_path, sizeof(name.sun_path), "%d", (int)getpid());
	/* It may exist: the program that this process was before an exec had the same name. */
	SYS(SYS_unlinkat, AT_FDCWD, name.sun_path, 0);
	rc = SYS(SYS_bind, fd, &name, sizeof(name));
	if (rc)
		return (int)rc;
	rc = SYS(SYS_listen, fd, BACKLOG);
	return rc ? (int)rc : fd;
}

/* Interrupts that this thread raises go to the program's eventfds, which are in its table. */
static void reach_program(void)
{
	const long pidfd = SYS(SYS_pidfd_open, getpid(), 0);

	if (pidfd >= 0)
		eventfd_thread_is_apart((int)pidfd);
}

/*
 * Waits no longer than a moment on @fd if there is something to settle: devices that were pulled
 * out while programs had them open.
 */
static void settle(int fd)
{
	const struct timeval pause = {.tv_usec = hotplug_settle() ? PATIENCE_SETTLE * 1000 : 0};

	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &pause, sizeof(pause));
}

/* Whether the thread has come so far that it can be asked, or never will. */
static _Atomic uint32_t started;

static void announce(void)
{
	atomic_store(&started, 1);
	SYS(SYS_futex, &started, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *serve(void *unused)
{
	int fd, client;

	prctl(PR_SET_NAME, "uiommufd");
	fd = separate();
	if (!fd)
		fd = open_socket();
	announce();
	if (fd < 0)
		return unused;
	reach_program();
	for (;;) {
		settle(fd);
		client = (int)SYS(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC);
		if (client == -EINTR || client == -ECONNABORTED || client == -EAGAIN)
			continue;
		if (client < 0)
			break;
		inquiry_serve(client, answer);
		SYS(SYS_close, client);
	}
	return unused;
}

void control_start(void)
{
	char directory[ROOT_MAX + sizeof("/" LAYOUT_CONTROL)];
	pthread_t thread;

	atomic_store_explicit(&control_wanted, false, memory_order_relaxed);
	snprintf(directory, sizeof(directory), "%s/" LAYOUT_CONTROL, root_path());
	/* The child of a program that has confined itself: the call could end it. */
	if (sys_confined() || SYS(SYS_faccessat, AT_FDCWD, directory, W_OK))
		return;
	atomic_store(&started, 0);
	if (thread_start(&thread, serve, NULL))
		return;
	pthread_detach(thread);
	last_thread_engine_started();
	/* What this process has open from now on, others ask it about. */
	while (!atomic_load(&started))
		SYS(SYS_futex, &started, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void control_fork_child(void)
{
	atomic_store_explicit(&control_wanted, true, memory_order_relaxed);
}
