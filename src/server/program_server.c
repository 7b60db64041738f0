/* SPDX-License-Identifier: MIT */
/*
 * Threads that answer. Each takes the next call that waits, from whichever program, and answers it.
 * There is always one that is not at work, so a call that takes long holds up nothing but its own
 * thread; of those, a few are kept.
 */
#include "server/program_server.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "mem/guard.h"
#include "preload/start/layout.h"
#include "server/answer.h"
#include "server/client.h"
#include "server/files.h"
#include "server/filter.h"
#include "server/mapped.h"
#include "server/opened.h"
#include "server/union_path.h"
#include "vfio/device_thread.h"

enum {
	MAX_THREADS = 512,
	KEPT_IDLE = 4,
};

static struct {
	char root[PATH_MAX];
	int channel; /* on which the listener arrives */
	int listener;
	atomic_int idle, threads;
} server = {.channel = -1, .listener = -1};

/* ---- answering ---- */

static void send_answer(const struct seccomp_notif *call, struct answer answer)
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
	/* ENOENT: the thread has been killed. */
	(void)ioctl(server.listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

static void handle(const struct seccomp_notif *call)
{
	struct request request = {.call = call, .listener = server.listener};
	struct answer answer = {.kind = ANSWER_RESULT};
	int rc = client_begin(&request);

	if (rc) {
		/* Not of a thread that has been killed meanwhile. */
		if (client_waits(&request))
			log_error("a call of process %u cannot be answered: %s", call->pid,
				  strerror(-rc));
		answer.value = rc;
		/* It must not go on after it. */
		if (call->data.nr == SYS_exit_group)
			answer.kind = ANSWER_KERNEL;
		send_answer(call, answer);
		return;
	}
	answer = answer_call(&request);
	/* Before the thread goes on: its next call finds its entry free. */
	client_end(&request);
	send_answer(call, answer);
}

/* Takes the next call. False: there will be none. */
static bool take(struct seccomp_notif *call)
{
	struct pollfd listener = {.fd = server.listener, .events = POLLIN};

	for (;;) {
		memset(call, 0, sizeof(*call));
		if (ioctl(server.listener, SECCOMP_IOCTL_NOTIF_RECV, call) == 0)
			return true;
		if (errno == EINTR)
			continue;
		/* The thread was killed before, or all programs have ended. */
		if (errno != ENOENT || (poll(&listener, 1, 0) == 1 && listener.revents & POLLHUP))
			return false;
	}
}

static void *answer_calls(void *unused);

/* One more thread is needed if the calling one was the last that was idle. */
static void go_to_work(void)
{
	if (atomic_fetch_sub(&server.idle, 1) > 1 || atomic_load(&server.threads) >= MAX_THREADS)
		return;
	atomic_fetch_add(&server.idle, 1);
	atomic_fetch_add(&server.threads, 1);
	if (thread_start_detached(answer_calls, NULL)) {
		atomic_fetch_sub(&server.idle, 1);
		atomic_fetch_sub(&server.threads, 1);
	}
}

static void *answer_calls(void *unused)
{
	struct seccomp_notif call;

	while (take(&call)) {
		go_to_work();
		handle(&call);
		if (atomic_fetch_add(&server.idle, 1) >= KEPT_IDLE)
			break;
	}
	atomic_fetch_sub(&server.idle, 1);
	atomic_fetch_sub(&server.threads, 1);
	return unused;
}

/* ---- the beginning ---- */

/* Receives the listener. A negative errno: the program could not be started. */
static int receive_listener(int channel)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header;
	int fd;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) <= 0)
		return -ENODATA;
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return -ENODATA;
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* The server keeps several descriptors for each of a program's. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* The program's process exists when the listener arrives, and has inherited what we change. */
static void *serve(void *unused)
{
	server.listener = receive_listener(server.channel);
	if (server.listener < 0)
		return unused;
	raise_descriptors();
	if (guard_install())
		log_error("bad memory of a program may end the server: no handler for SIGSEGV");
	atomic_store(&server.idle, 1);
	atomic_store(&server.threads, 1);
	return answer_calls(unused);
}

static void read_memlock(const char *root)
{
	char path[PATH_MAX];
	unsigned long long bytes;
	FILE *in;

	snprintf(path, sizeof(path), "%s/" LAYOUT_MEMLOCK, root);
	in = fopen(path, "re");
	if (!in)
		return;
	if (fscanf(in, "%llu", &bytes) == 1)
		client_set_memlock(bytes);
	(void)fclose(in);
}

int server_begin(const char *root)
{
	int ends[2];
	int rc;

	if (snprintf(server.root, sizeof(server.root), "%s", root) >= (int)sizeof(server.root))
		return -ENAMETOOLONG;
	union_set_root(server.root);
	read_memlock(root);
	rc = files_build_machine(root);
	if (!rc)
		rc = opened_start();
	if (rc)
		return rc;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	server.channel = ends[0];
	rc = thread_start_detached(serve, NULL);
	if (!rc)
		return ends[1];
	close(ends[0]);
	close(ends[1]);
	return rc;
}

int server_enter(int channel)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS}};
	char byte = 0;
	struct iovec data = {.iov_base = &byte, .iov_len = 1};
	const struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int listener = filter_install();
	int rc = 0;

	if (listener < 0) {
		/*
		 * EBUSY: something else answers its system calls, such as another `uiommufd run`.
		 */
		log_error("the system calls of the program cannot be answered: seccomp: %s",
			  strerror(-listener));
		return listener;
	}
	memcpy(CMSG_DATA(&control.header), &listener, sizeof(listener));
	if (sendmsg(channel, &message, MSG_NOSIGNAL) != 1)
		rc = -errno;
	close(listener);
	return rc;
}

void server_finish(void)
{
	if (server.listener < 0)
		return;
	opened_drain();
	mapped_sweep();
}
