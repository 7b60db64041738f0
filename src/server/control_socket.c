/* SPDX-License-Identifier: MIT */
/*
 * The directory of the socket is its user's alone; who has got in nevertheless, as by a descriptor
 * of it, is not answered. One client is answered at a time, and none waits long (inquiry_serve()).
 */
#include "server/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "inspect/inquiry.h"
#include "preload/engine/device_requests.h"
#include "preload/engine/hotplug.h"
#include "preload/start/layout.h"
#include "server/opened.h"
#include "vfio/device_thread.h"

enum {
	BACKLOG = 128,	      /* programs may join by the dozen, and an asker does not wait long */
	PATIENCE_JOIN = 10,   /* seconds, for a program to come after it was announced */
	PATIENCE_SETTLE = 20, /* milliseconds, until devices are looked after again */
	PAUSE = 10,	      /* milliseconds, when there is no descriptor for a client */
};

static int listener = -1;
static int (*join)(int channel); /* NULL: the machine does not last; set once */

static bool may_ask(int client)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
	       (peer.uid == geteuid() || peer.uid == 0);
}

/* What is to be done when the answer has been sent. */
enum wish {
	WISH_NOTHING,
	WISH_JOIN,
	WISH_STOP,
};

static enum wish wish; /* of the one client that is answered */

static int answer_wish(const char *request, char **text, size_t *len)
{
	wish = strcmp(request, "join") == 0 ? WISH_JOIN : WISH_STOP;
	*len = 0;
	*text = alloc_zeroed(1);
	return *text ? 0 : -ENOMEM;
}

static int answer(const char *request, char **text, size_t *len)
{
	int rc;

	if (join && (strcmp(request, "join") == 0 || strcmp(request, "stop") == 0))
		return answer_wish(request, text, len);
	/* What programs had open that have ended before is not there any more. */
	opened_drain();
	rc = device_request(request, fclose, text, len);
	return rc == -ENOSYS ? inquiry_answer(request, fclose, text, len) : rc;
}

static void serve_client(int client)
{
	const struct timeval patience = {.tv_sec = PATIENCE_JOIN};

	wish = WISH_NOTHING;
	inquiry_serve(client, answer);
	if (wish == WISH_JOIN) {
		(void)setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
		if (join(client) == 0)
			return;
	}
	if (wish == WISH_STOP)
		(void)kill(getpid(), SIGTERM);
	close(client);
}

/* Guards that devices are looked after, which changes the shadow root, until that is removed. */
static pthread_mutex_t settling = PTHREAD_MUTEX_INITIALIZER;
static bool over;

static bool settle(void)
{
	bool left;

	pthread_mutex_lock(&settling);
	left = !over && hotplug_settle();
	pthread_mutex_unlock(&settling);
	return left;
}

void control_socket_finish(void)
{
	pthread_mutex_lock(&settling);
	over = true;
	pthread_mutex_unlock(&settling);
}

/*
 * Waits for a client, and meanwhile looks after devices that were pulled out while programs had
 * them open.
 */
static void wait_for_client(void)
{
	struct pollfd fd = {.fd = listener, .events = POLLIN};

	while (poll(&fd, 1, settle() ? PATIENCE_SETTLE : -1) == 0)
		opened_drain();
}

static void *serve(void *unused)
{
	for (;;) {
		int client;

		wait_for_client();
		client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0) {
			(void)poll(NULL, 0, PAUSE);
			continue;
		}
		if (may_ask(client))
			serve_client(client);
		else
			close(client);
	}
	return unused;
}

/* Through a descriptor of the directory: the path may be longer than the address of a socket. */
static int bind_below(const char *root)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	char path[PATH_MAX];
	int directory, rc = 0;

	if (snprintf(path, sizeof(path), "%s/" LAYOUT_CONTROL, root) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -errno;
	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/" LAYOUT_SERVER,
		 directory);
	if (bind(listener, (const struct sockaddr *)&name, sizeof(name)) ||
	    chmod(name.sun_path, 0600) || listen(listener, BACKLOG))
		rc = -errno;
	close(directory);
	return rc;
}

int control_socket_start(const char *root, int (*take)(int))
{
	int rc;

	join = take;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -errno;
	rc = bind_below(root);
	return rc ? rc : thread_start_detached(serve, NULL);
}
