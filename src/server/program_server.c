/* SPDX-License-Identifier: MIT */
/*
 * Threads that answer. Each takes the next call that waits, from whichever program, and answers it.
 * There is always one that is not at work, so a call that takes long holds up nothing but its own
 * thread; of those, a few are kept.
 */
#include "server/program_server.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "inspect/show_state.h"
#include "mem/account.h"
#include "mem/displace.h"
#include "mem/guard.h"
#include "mem/user_share.h"
#include "preload/engine/watch.h"
#include "preload/start/layout.h"
#include "server/answer.h"
#include "server/answer_memory.h"
#include "server/client.h"
#include "server/control_socket.h"
#include "server/files.h"
#include "server/filter.h"
#include "server/mapped.h"
#include "server/notification.h"
#include "server/opened.h"
#include "server/processes.h"
#include "server/union_path.h"
#include "vfio/device_thread.h"

/* Missing in older headers; a kernel before 6.6 does without. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

enum {
	MAX_THREADS = 512,
	KEPT_IDLE = 4,
	FINISH_MS = 2000, /* for the last writes to sysfs, which nothing tells of later */
};

/* Where the calls of a program arrive, and of all that it has started. */
struct listener {
	int channel; /* on which it arrives; then it is closed */
	struct notifications calls;
	atomic_int idle, threads; /* the last thread frees it */
};

static struct {
	char root[PATH_MAX];
	atomic_uint listeners; /* that have not ended */
	atomic_bool served;    /* there has been one */
} server;

/* ---- answering ---- */

/* The call of @request fails with @rc, unless the thread must not go on after it. */
static struct answer give_up(const struct request *request, int rc)
{
	/* Not of a thread that has been killed meanwhile. */
	if (client_waits(request))
		log_error("a call of process %u cannot be answered: %s", request->call->pid,
			  strerror(-rc));
	return request->call->data.nr == SYS_exit_group ? answer_by_kernel() : answer_result(rc);
}

static void handle(const struct listener *listener, const struct seccomp_notif *call)
{
	struct request request = {.call = call, .listener = listener->calls.fd};
	struct answer answer;
	int rc;

	if (answer_memory_is_kernels(call)) {
		notification_answer(&listener->calls, call, answer_by_kernel());
		return;
	}
	rc = client_begin(&request);
	if (rc) {
		notification_answer(&listener->calls, call, give_up(&request, rc));
		return;
	}
	rc = answer_in_world(&request, &answer);
	if (rc)
		answer = give_up(&request, rc);
	/* Before the thread goes on: its next call finds its entry free. */
	client_end(&request);
	notification_answer(&listener->calls, call, answer);
}

static void *answer_calls(void *arg);

/* One more thread is needed if the calling one was the last that was idle. */
static void go_to_work(struct listener *listener)
{
	if (atomic_fetch_sub(&listener->idle, 1) > 1 ||
	    atomic_load(&listener->threads) >= MAX_THREADS)
		return;
	atomic_fetch_add(&listener->idle, 1);
	atomic_fetch_add(&listener->threads, 1);
	if (thread_start_detached(answer_calls, listener)) {
		atomic_fetch_sub(&listener->idle, 1);
		atomic_fetch_sub(&listener->threads, 1);
	}
}

static void destroy(struct listener *listener)
{
	if (listener->channel >= 0)
		close(listener->channel);
	if (listener->calls.fd >= 0)
		close(listener->calls.fd);
	alloc_free(listener);
	atomic_fetch_sub(&server.listeners, 1);
}

static void *answer_calls(void *arg)
{
	struct listener *listener = arg;
	struct seccomp_notif call;

	while (notification_take(&listener->calls, &call)) {
		go_to_work(listener);
		handle(listener, &call);
		if (atomic_fetch_add(&listener->idle, 1) >= KEPT_IDLE)
			break;
	}
	atomic_fetch_sub(&listener->idle, 1);
	if (atomic_fetch_sub(&listener->threads, 1) == 1)
		destroy(listener);
	return NULL;
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
static void *serve(void *arg)
{
	struct listener *listener = arg;

	listener->calls.fd = receive_listener(listener->channel);
	if (listener->calls.fd < 0) {
		destroy(listener);
		return NULL;
	}
	raise_descriptors();
	/* Of a thread and the one that answers it, one waits: no other processor is to be woken. */
	(void)ioctl(listener->calls.fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
		    SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	if (guard_install())
		log_error("bad memory of a program may end the server: no handler for SIGSEGV");
	atomic_store(&server.served, true);
	/* The program goes on. */
	close(listener->channel);
	listener->channel = -1;
	atomic_store(&listener->idle, 1);
	atomic_store(&listener->threads, 1);
	return answer_calls(listener);
}

int server_take(int channel)
{
	struct listener *listener = alloc_zeroed(sizeof(*listener));
	int rc;

	if (!listener)
		return -ENOMEM;
	listener->channel = channel;
	listener->calls.fd = -1;
	lock_init(&listener->calls.turn, LOCK_TURN);
	atomic_fetch_add(&server.listeners, 1);
	rc = thread_start_detached(serve, listener);
	if (rc) {
		listener->channel = -1;
		destroy(listener);
	}
	return rc;
}

unsigned int server_programs(void)
{
	return atomic_load(&server.listeners);
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

/* As each process with a machine of its own does (preload/engine/memlock.c). */
static void share_accounts(const char *root)
{
	char directory[PATH_MAX];

	account_set_locked_by_system(client_locked_by_system);
	if (user_share_directory(root, directory, sizeof(directory)))
		account_share(directory);
}

int server_begin(const char *root, bool lasts)
{
	int rc;

	if (snprintf(server.root, sizeof(server.root), "%s", root) >= (int)sizeof(server.root))
		return -ENAMETOOLONG;
	union_set_root(server.root);
	read_memlock(root);
	share_accounts(root);
	watch_start();
	displace_enable();
	rc = files_build_machine(root);
	if (!rc)
		rc = opened_start();
	if (rc)
		return rc;
	show_set_processes(processes_tell);
	return control_socket_start(root, lasts ? server_take : NULL);
}

int server_channel(void)
{
	int ends[2];
	int rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	rc = server_take(ends[0]);
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

void server_signal(int signo)
{
	processes_signal(signo);
}

void server_finish(void)
{
	if (atomic_load(&server.served)) {
		opened_drain();
		mapped_sweep();
		/* While the shadow root is there, without which no attribute is. */
		opened_settle_writes(FINISH_MS);
	}
	account_share_end();
	control_socket_finish();
	watch_finish();
}
