/* SPDX-License-Identifier: MIT */
/* Cost without other processes: reading a directory. */
#include "preload/engine/peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "inspect/inquiry.h"
#include "preload/start/layout.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* A connection to the socket @name in the directory @sockets, or a negative errno. */
static int connect_to(int sockets, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = 1};
	long fd, rc;

	/* Through the descriptor: the path may be longer than the address of a socket. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/thread-self/fd/%d/%.16s",
		 sockets, name);
	fd = SYS(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return (int)fd;
	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	SYS(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	rc = SYS(SYS_connect, fd, &address, sizeof(address));
	if (!rc)
		return (int)fd;
	SYS(SYS_close, fd);
	return (int)rc;
}

/* What has become of a request. */
enum outcome {
	ANSWERED,
	REFUSED, /* the answer is an error */
	SILENT,
};

static enum outcome converse(int fd, const char *request, char answer[PEERS_ANSWER])
{
	size_t len = 0;
	long got;

	if (SYS(SYS_sendto, fd, request, strlen(request), MSG_NOSIGNAL, NULL, 0) < 0)
		return SILENT;
	while (len < PEERS_ANSWER) {
		got = SYS(SYS_read, fd, answer + len, PEERS_ANSWER - len);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		len += (size_t)got;
	}
	if (!len || answer[len - 1] != '\0')
		return SILENT;
	return strncmp(answer, "{\"error\"", 8) == 0 ? REFUSED : ANSWERED;
}

/* Asks the process @name. False: @take has had enough. */
static bool ask(int sockets, const char *name, const char *request,
		bool (*take)(void *arg, const char *answer), void *arg)
{
	char *answer;
	bool more = true;
	int fd;

	if (atoi(name) <= 0 || atoi(name) == getpid())
		return true;
	fd = connect_to(sockets, name);
	if (fd < 0) /* the process has ended, but for -EAGAIN: its queue is full */
		return fd == -EAGAIN ? take(arg, NULL) : true;
	answer = alloc_zeroed(PEERS_ANSWER);
	switch (answer ? converse(fd, request, answer) : SILENT) {
	case ANSWERED:
		more = take(arg, answer);
		break;
	case SILENT:
		more = take(arg, NULL);
		break;
	case REFUSED:
		break;
	}
	alloc_free(answer);
	SYS(SYS_close, fd);
	return more;
}

static void ask_all(int sockets, const char *request, bool (*take)(void *arg, const char *answer),
		    void *arg)
{
	_Alignas(struct dirent) char entries[2048];
	const struct dirent *entry;
	long bytes;

	while ((bytes = SYS(SYS_getdents64, sockets, entries, sizeof(entries))) > 0) {
		for (long at = 0; at < bytes; at += entry->d_reclen) {
			entry = (const struct dirent *)(entries + at);
			if (!ask(sockets, entry->d_name, request, take, arg))
				return;
		}
	}
}

void peers_ask(bool (*take)(void *arg, const char *answer), void *arg, const char *format, ...)
{
	char path[ROOT_MAX + sizeof("/" LAYOUT_CONTROL)];
	char request[INQUIRY_REQUEST];
	va_list args;
	long sockets;

	va_start(args, format);
	vsnprintf(request, sizeof(request) - 1, format, args);
	va_end(args);
	strcat(request, "\n");
	snprintf(path, sizeof(path), "%s/" LAYOUT_CONTROL, root_path());
	sockets = SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (sockets < 0)
		return;
	ask_all((int)sockets, request, take, arg);
	SYS(SYS_close, sockets);
}

void peers_settle(void)
{
}
