/* SPDX-License-Identifier: MIT */
/*
 * The thread reads the state while the world stands still (base/world.h), as for a fork: an answer
 * shows all objects at one moment, and no call sees the references that reading takes. The program
 * continues before the answer is sent. If a call into the engine does not end, perhaps because it
 * waits for another thread, the answer is -EBUSY.
 */
#include "preload/engine/control.h"

#include <inttypes.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/world.h"
#include "inspect/dump.h"
#include "inspect/show_lookup.h"
#include "inspect/show_state.h"
#include "preload/engine/device_requests.h"
#include "preload/engine/hotplug.h"
#include "preload/process/path.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "vfio/device_thread.h"
#include "vfio/eventfd.h"

enum {
	BACKLOG = 4,
	PATIENCE_ASK = 300, /* milliseconds, for a client to send its request; others wait for it */
	PATIENCE_SEND = 10, /* seconds, for it to receive the answer */
	PATIENCE_CALL = 100,  /* milliseconds, for calls into the engine to end */
	PATIENCE_SETTLE = 20, /* milliseconds, until devices are looked after again */
};

_Atomic bool control_wanted;

/* ---- answers ---- */

/* Whether @matched is all @wanted conversions of sscanf(), and @rest is the end of the request. */
static bool complete(int matched, int wanted, const char *rest)
{
	return matched == wanted && *rest == '\0';
}

/* *@text: a copy, from alloc(), of the @len bytes and the 0 that the C library has allocated. */
static int take_text(char *from, size_t len, char **text)
{
	*text = alloc_zeroed(len + 1);
	if (*text)
		memcpy(*text, from, len);
	free(from);
	return *text ? 0 : -ENOMEM;
}

/* The stream is closed by the C library's own function: in the engine, fclose() would be ours. */
static int dump_text(uint32_t context, uint32_t pt_id, char **text, size_t *len)
{
	char *written = NULL;
	FILE *out;
	int rc;

	*text = NULL;
	out = open_memstream(&written, len);
	if (!out)
		return -ENOMEM;
	rc = show_dump(context, pt_id, out);
	if (REAL(fclose)(out) && !rc)
		rc = -ENOMEM;
	if (!rc)
		return take_text(written, *len, text);
	free(written);
	return rc;
}

/* *@text: *@len bytes of text, from alloc(), owned by the caller. 0 or a negative errno. */
static int read_state(const char *request, char **text, size_t *len)
{
	uint64_t mappings, iova;
	uint32_t context, pt_id;
	int matched, end = 0;

	matched = sscanf(request, "show %" SCNu64 "%n", &mappings, &end);
	if (complete(matched, 1, request + end))
		return show_state(mappings, text, len);
	matched = sscanf(request, "lookup %" SCNu32 " %" SCNu32 " %" SCNx64 "%n", &context, &pt_id,
			 &iova, &end);
	if (complete(matched, 3, request + end))
		return show_lookup(context, pt_id, iova, text, len);
	matched = sscanf(request, "dump %" SCNu32 " %" SCNu32 "%n", &context, &pt_id, &end);
	if (complete(matched, 2, request + end))
		return dump_text(context, pt_id, text, len);
	return -EINVAL;
}

static int answer(const char *request, char **text, size_t *len)
{
	int rc;

	if (!world_try_stop(PATIENCE_CALL))
		return -EBUSY;
	rc = read_state(request, text, len);
	world_resume();
	return rc;
}

static void send_all(int fd, const char *text, size_t len)
{
	while (len) {
		long sent = SYS(SYS_sendto, fd, text, len, MSG_NOSIGNAL);

		if (sent == -EINTR)
			continue;
		if (sent <= 0)
			return;
		text += sent;
		len -= (size_t)sent;
	}
}

/* Reads one line and removes its end. A client sends it in one piece. */
static bool read_request(int fd, char request[CONTROL_REQUEST])
{
	long len = SYS(SYS_read, fd, request, CONTROL_REQUEST - 1);

	if (len <= 0)
		return false;
	request[len] = '\0';
	request[strcspn(request, "\n")] = '\0';
	return true;
}

static void serve_client(int fd)
{
	const struct timeval ask = {.tv_usec = PATIENCE_ASK * 1000},
			     sending = {.tv_sec = PATIENCE_SEND};
	char request[CONTROL_REQUEST], error[32];
	char *text;
	size_t len;
	int rc;

	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &ask, sizeof(ask));
	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof(sending));
	if (!read_request(fd, request))
		return;
	rc = device_request(request, &text, &len);
	if (rc == -ENOSYS)
		rc = answer(request, &text, &len);
	if (rc) {
		snprintf(error, sizeof(error), "{\"error\":%d}", -rc);
		send_all(fd, error, strlen(error) + 1);
		return;
	}
	send_all(fd, text, len + 1);
	alloc_free(text);
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
		serve_client(client);
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
	if (SYS(SYS_faccessat, AT_FDCWD, directory, W_OK))
		return;
	atomic_store(&started, 0);
	if (thread_start(&thread, serve, NULL))
		return;
	pthread_detach(thread);
	/* What this process has open from now on, others ask it about. */
	while (!atomic_load(&started))
		SYS(SYS_futex, &started, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

void control_fork_child(void)
{
	atomic_store_explicit(&control_wanted, true, memory_order_relaxed);
}
