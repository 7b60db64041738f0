/* SPDX-License-Identifier: MIT */
/*
 * This process becomes the program, so its parent, terminal, signals and exit status are what they
 * are without us. The server of the machine reaches it as one of the same user.
 */
#include "cmd/join.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/peer.h"
#include "cmd/preloaded.h"
#include "preload/start/layout.h"
#include "server/program_server.h"

enum {
	PATIENCE = 10, /* seconds, for the server to answer; others may be answered first */
	ATTEMPTS = 5,  /* the server gives a client up that is slow, as on a busy system */
};

/* Has the server wait for a program on the connection @fd. */
static bool announce(int fd)
{
	static const char request[] = "join\n";
	const struct timeval patience = {.tv_sec = PATIENCE};
	char answer;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
	       recv(fd, &answer, 1, 0) == 1 && answer == '\0';
}

/* A connection on which the server waits for a program, or -1. */
static int connect_and_announce(const struct peer *peer)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		int fd = peer_connect(peer);

		if (fd >= 0 && announce(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* Whether the server can reach a process of this user. */
static bool can_serve(const char *name, const struct peer *peer)
{
	if (peer->uid == geteuid() || peer->uid == 0)
		return true;
	cmd_complain("the machine \"%s\" is of user %u, who cannot reach the memory of this one's "
		     "processes: join it as that user (setpriv --reuid)",
		     name, (unsigned int)peer->uid);
	return false;
}

int join_machine(const char *name, char **program)
{
	struct peer peer;
	int status = peer_find_machine(name, &peer);
	int fd, error;

	if (status)
		return status;
	if (!can_serve(name, &peer))
		return CMD_FAILED;
	fd = connect_and_announce(&peer);
	if (fd < 0 || setenv(LAYOUT_ROOT_VARIABLE, peer.root, 1)) {
		cmd_complain("the machine \"%s\" does not answer", name);
		return CMD_FAILED;
	}
	if (preloaded_set_client(NULL)) {
		cmd_complain("out of memory");
		return CMD_FAILED;
	}
	if (server_enter(fd))
		return CMD_FAILED;
	execvp(program[0], program);
	error = errno;
	cmd_complain("%s: %s", program[0], strerror(error));
	return error == ENOENT ? CMD_NOT_FOUND : CMD_CANNOT_RUN;
}
