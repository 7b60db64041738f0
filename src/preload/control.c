/* SPDX-License-Identifier: MIT */
/*
 * The thread answers with the world standing still (base/world.h), as a fork has it: what it tells
 * is one moment of all objects, and that it holds some of them while it reads is seen by nobody.
 * The program goes on before the answer is sent. A call of the program that does not end, because
 * it waits for another thread's perhaps, is not waited for: "busy" is an answer.
 */
#include "preload/control.h"

#include <inttypes.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdio.h>
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
#include "preload/layout.h"
#include "preload/path.h"
#include "preload/real.h"
#include "vfio/thread.h"

enum {
	REQUEST_SIZE = 128,
	BACKLOG = 4,
	PATIENCE_ASK = 2,    /* seconds, for a client to say what it wants */
	PATIENCE_SEND = 10,  /* seconds, for it to listen */
	PATIENCE_CALL = 100, /* milliseconds, for calls into the engine to end */
};

_Atomic bool control_wanted;

/* ---- answers ---- */

static int answer(const char *request, char **text, size_t *len)
{
	uint64_t mappings, iova;
	uint32_t context, pt_id;
	int end, rc = -EINVAL;

	if (!world_try_stop(PATIENCE_CALL))
		return -EBUSY;
	if (sscanf(request, "show %" SCNu64 "%n", &mappings, &end) == 1 && !request[end])
		rc = show_state(mappings, text, len);
	else if (sscanf(request, "lookup %" SCNu32 " %" SCNu32 " %" SCNx64 "%n", &context, &pt_id,
			&iova, &end) == 3 &&
		 !request[end])
		rc = show_lookup(context, pt_id, iova, text, len);
	else if (sscanf(request, "dump %" SCNu32 " %" SCNu32 "%n", &context, &pt_id, &end) == 2 &&
		 !request[end])
		rc = show_dump(context, pt_id, text, len);
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

/* One line, without its end; it comes in one piece. */
static bool read_request(int fd, char request[REQUEST_SIZE])
{
	long len = SYS(SYS_read, fd, request, REQUEST_SIZE - 1);

	if (len <= 0)
		return false;
	request[len] = '\0';
	request[strcspn(request, "\n")] = '\0';
	return true;
}

static void serve_client(int fd)
{
	const struct timeval ask = {.tv_sec = PATIENCE_ASK}, sending = {.tv_sec = PATIENCE_SEND};
	char request[REQUEST_SIZE], error[32];
	char *text;
	size_t len;
	int rc;

	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &ask, sizeof(ask));
	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &sending, sizeof(sending));
	if (!read_request(fd, request))
		return;
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

/* Parts from the program all that threads share and that we use. */
static int part(void)
{
	char directory[PATH_MAX];
	long rc;

	snprintf(directory, sizeof(directory), "%s/" LAYOUT_CONTROL, path_root());
	rc = SYS(SYS_unshare, CLONE_FS);
	if (!rc)
		rc = SYS(SYS_close_range, 0, ~0u, CLOSE_RANGE_UNSHARE);
	if (!rc)
		rc = SYS(SYS_chdir, directory);
	SYS(SYS_umask, 077);
	/* What is written to standard error must not end up in a socket. */
	for (int fd = 0; !rc && fd <= STDERR_FILENO; fd++) {
		rc = SYS(SYS_openat, AT_FDCWD, ".", O_PATH | O_CLOEXEC);
		rc = rc < 0 ? rc : 0;
	}
	return (int)rc;
}

/* The socket, named for the process, in the current directory. */
static int open_socket(void)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd = (int)SYS(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	long rc;

	if (fd < 0)
		return fd;
	snprintf(name.sun_path, sizeof(name.sun_path), "%d", (int)getpid());
	/* One of that name is of a program that this process was before an exec. */
	SYS(SYS_unlinkat, AT_FDCWD, name.sun_path, 0);
	rc = SYS(SYS_bind, fd, &name, sizeof(name));
	if (!rc)
		rc = SYS(SYS_listen, fd, BACKLOG);
	return rc ? (int)rc : fd;
}

static void *serve(void *unused)
{
	int fd;

	prctl(PR_SET_NAME, "uiommufd");
	fd = part();
	if (!fd)
		fd = open_socket();
	while (fd >= 0) {
		int client = (int)SYS(SYS_accept4, fd, NULL, NULL, SOCK_CLOEXEC);

		if (client == -EINTR || client == -ECONNABORTED)
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
	char directory[PATH_MAX];
	pthread_t thread;

	atomic_store_explicit(&control_wanted, false, memory_order_relaxed);
	snprintf(directory, sizeof(directory), "%s/" LAYOUT_CONTROL, path_root());
	if (SYS(SYS_faccessat, AT_FDCWD, directory, W_OK))
		return;
	if (!thread_start(&thread, serve, NULL))
		pthread_detach(thread);
}

void control_fork_child(void)
{
	atomic_store_explicit(&control_wanted, true, memory_order_relaxed);
}
