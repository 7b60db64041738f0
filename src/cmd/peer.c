/* SPDX-License-Identifier: MIT */
/*
 * A process answers if its environment (in /proc) names a shadow root with a socket for it, or for
 * the server of its machine. The path is resolved in the process' root directory, and the socket is
 * named by the PID in its namespace, so that this works across containers.
 */
#include "cmd/peer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state.h"
#include "cmd/tree.h"
#include "preload/start/layout.h"

enum {
	MAX_PEERS = 32, /* named when there are too many */
	LINE_SIZE = 256,
	PATIENCE_START = 1000, /* milliseconds, for a program to answer at all */
	PATIENCE_ALL = 10000,  /* for all of its answer */
	LONGEST_ANSWER = 1 << 28,
};

#define SILENCE "process %d does not answer; is it stopped?"

/* ---- /proc ---- */

static char *read_all(int fd, size_t *len)
{
	size_t capacity = 1 << 16;
	char *text = malloc(capacity);

	*len = 0;
	while (text) {
		ssize_t got = read(fd, text + *len, capacity - *len - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(text);
			return NULL;
		}
		*len += (size_t)got;
		text[*len] = '\0';
		if (!got)
			break;
		if (capacity - *len < 2) {
			char *more = realloc(text, capacity *= 2);

			if (!more)
				free(text);
			text = more;
		}
	}
	return text;
}

/* File @name of @pid in /proc, or NULL. */
static char *proc_file(pid_t pid, const char *name, size_t *len)
{
	char path[64];
	char *text;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	text = read_all(fd, len);
	close(fd);
	return text;
}

/* The last number of the line @name in the status of @pid; 0: there is none. */
static pid_t status_number(pid_t pid, const char *name)
{
	size_t len;
	char *text = proc_file(pid, "status", &len);
	char *line = text ? strstr(text, name) : NULL;
	char *blank;
	pid_t number = 0;

	if (line) {
		line[strcspn(line, "\n")] = '\0';
		blank = strrchr(line, '\t');
		number = blank ? (pid_t)atoi(blank + 1) : 0;
	}
	free(text);
	return number;
}

/*
 * The path is that in the root directory of @pid, or in that of this process if @pid has changed
 * its root directory since.
 */
static int find_root(pid_t pid, const char *named, char *root, size_t size)
{
	char path[PATH_MAX];

	for (int own = 0; own < 2; own++) {
		char prefix[32] = "";

		if (!own)
			snprintf(prefix, sizeof(prefix), "/proc/%d/root", (int)pid);
		if (snprintf(root, size, "%s%s", prefix, named) >= (int)size)
			return -ENOENT;
		snprintf(path, sizeof(path), "%.4000s/" LAYOUT_CONTROL, root);
		if (access(path, F_OK) == 0)
			return 0;
	}
	return -ENOENT;
}

/* The shadow root of @pid. 0 or -ENOENT. */
static int root_of(pid_t pid, char *root, size_t size)
{
	static const char variable[] = LAYOUT_ROOT_VARIABLE "=";
	size_t len;
	char *environment = proc_file(pid, "environ", &len);
	int rc = -ENOENT;

	for (char *entry = environment; entry && entry < environment + len;
	     entry += strlen(entry) + 1) {
		if (strncmp(entry, variable, sizeof(variable) - 1) != 0)
			continue;
		rc = find_root(pid, entry + sizeof(variable) - 1, root, size);
		break;
	}
	free(environment);
	return rc;
}

/* ---- connections ---- */

static long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/*
 * All that arrives on @fd: *@len bytes, owned by the caller. NULL with errno: ETIMEDOUT, EMSGSIZE,
 * or what reading fails with.
 */
static char *receive(int fd, size_t *len)
{
	const long start = milliseconds();
	size_t capacity = 1 << 16;
	char *text = malloc(capacity);
	char *larger;
	ssize_t got;

	*len = 0;
	while (text) {
		struct pollfd readable = {.fd = fd, .events = POLLIN};
		const long left = start + (*len ? PATIENCE_ALL : PATIENCE_START) - milliseconds();

		errno = ETIMEDOUT;
		if (left <= 0 || poll(&readable, 1, (int)left) <= 0)
			goto out_free;
		if (capacity - *len < 2) {
			errno = EMSGSIZE;
			larger = capacity < LONGEST_ANSWER ? realloc(text, 2 * capacity) : NULL;
			if (!larger)
				goto out_free;
			text = larger;
			capacity *= 2;
		}
		got = read(fd, text + *len, capacity - *len - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			goto out_free;
		*len += (size_t)got;
		text[*len] = '\0';
		if (!got)
			break;
	}
	return text;

out_free:
	free(text);
	return NULL;
}

/* Connects @fd to the socket @name in @directory. 0 or an errno. */
static int connect_below(int fd, int directory, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	/* Through the descriptor: the path may be longer than the address of a socket. */
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%.16s", directory,
		 name);
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? errno : 0;
}

/*
 * A connection to @peer, or -1. A program that is stopped may not accept it: ETIMEDOUT. *@served:
 * its server answers.
 */
static int connect_to(const struct peer *peer, bool *served)
{
	const struct timeval patience = {.tv_sec = PATIENCE_START / 1000};
	char path[PATH_MAX + sizeof("/" LAYOUT_CONTROL)], name[16];
	int fd, directory, error;

	snprintf(path, sizeof(path), "%s/" LAYOUT_CONTROL, peer->root);
	directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (directory < 0)
		return -1;
	snprintf(name, sizeof(name), "%d", (int)status_number(peer->pid, "NSpid:"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	error = connect_below(fd, directory, name);
	*served = error == ENOENT || error == ECONNREFUSED;
	if (*served)
		error = connect_below(fd, directory, LAYOUT_SERVER);
	close(directory);
	if (!error)
		return fd;
	if (fd >= 0)
		close(fd);
	errno = error == EAGAIN ? ETIMEDOUT : error;
	return -1;
}

/* Whether @pid is there to be asked: *@peer, and whether its server answers. */
static bool answers(pid_t pid, struct peer *peer, bool *served)
{
	int fd;

	peer->pid = pid;
	errno = 0;
	fd = root_of(pid, peer->root, sizeof(peer->root)) ? -1 : connect_to(peer, served);
	if (fd >= 0)
		close(fd);
	else if (errno == ETIMEDOUT)
		cmd_complain(SILENCE, (int)pid);
	return fd >= 0;
}

static bool is_below(pid_t pid, pid_t ancestor)
{
	while (pid > 1 && pid != ancestor)
		pid = status_number(pid, "PPid:");
	return pid == ancestor;
}

/* ---- the functions ---- */

/* Those that answer. */
struct peers {
	size_t count;
	struct peer list[MAX_PEERS];
	ino_t machines[MAX_PEERS]; /* of those that have a server, the directory of its sockets */
};

/* Adds @peer, unless the server that answers for it is there. */
static void add_peer(struct peers *peers, const struct peer *peer, bool served)
{
	char path[PATH_MAX + sizeof("/" LAYOUT_CONTROL)];
	struct stat st = {.st_ino = 0};

	snprintf(path, sizeof(path), "%s/" LAYOUT_CONTROL, peer->root);
	if (served && stat(path, &st))
		return;
	for (size_t i = 0; served && i < peers->count; i++) {
		if (peers->machines[i] == st.st_ino)
			return;
	}
	peers->machines[peers->count] = st.st_ino;
	peers->list[peers->count++] = *peer;
}

/* The processes that answer and are @ancestor or below it (0: all). */
static void find_all(pid_t ancestor, struct peers *peers)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	struct peer peer;
	bool served;

	peers->count = 0;
	while (dir && peers->count < MAX_PEERS && (entry = readdir(dir))) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid > 0 && (!ancestor || is_below(pid, ancestor)) &&
		    answers(pid, &peer, &served))
			add_peer(peers, &peer, served);
	}
	if (dir)
		closedir(dir);
}

static int complain_of_many(const struct peers *peers)
{
	char list[LINE_SIZE] = "";

	for (size_t i = 0; i < peers->count; i++) {
		size_t used = strlen(list), len;
		char *name = proc_file(peers->list[i].pid, "comm", &len);

		if (name)
			text_clean(name, strcspn(name, "\n"));
		snprintf(list + used, sizeof(list) - used, "%s%d (%.*s)", used ? ", " : "",
			 (int)peers->list[i].pid, name ? (int)strcspn(name, "\n") : 1,
			 name ? name : "?");
		free(name);
	}
	cmd_complain("which one? There are: %s", list);
	return CMD_USAGE;
}

int peer_find(const char *text, struct peer *peer)
{
	static struct peers peers;
	pid_t wanted = 0;
	bool served;
	char *end;

	if (text) {
		wanted = (pid_t)strtol(text, &end, 10);
		if (*end || wanted <= 0) {
			cmd_complain("\"%s\" is no PID", text);
			return CMD_USAGE;
		}
	}
	if (wanted && answers(wanted, peer, &served))
		return CMD_OK;
	find_all(wanted, &peers);
	if (peers.count > 1)
		return complain_of_many(&peers);
	if (!peers.count) {
		if (wanted)
			cmd_complain("process %d has opened nothing emulated, or is not yours",
				     (int)wanted);
		else
			cmd_complain("no program that runs under `uiommufd run` has opened "
				     "anything emulated");
		return CMD_FAILED;
	}
	*peer = peers.list[0];
	return CMD_OK;
}

int peer_connect(const struct peer *peer)
{
	bool served;

	return connect_to(peer, &served);
}

bool peer_is_machine(const char *name, struct peer *peer)
{
	struct ucred server;
	socklen_t len = sizeof(server);
	int fd, failed;

	peer->pid = 0;
	if (tree_find(name, peer->root))
		return false;
	fd = peer_connect(peer);
	if (fd < 0)
		return false;
	failed = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &server, &len);
	close(fd);
	peer->pid = server.pid;
	peer->uid = server.uid;
	return !failed;
}

int peer_find_machine(const char *name, struct peer *peer)
{
	if (peer_is_machine(name, peer))
		return CMD_OK;
	switch (tree_find(name, peer->root)) {
	case 0:
		cmd_complain("the machine \"%s\" does not answer; has it ended?", name);
		break;
	case -EACCES:
		cmd_complain("the machine \"%s\" is another user's", name);
		break;
	default:
		cmd_complain("no machine is called \"%s\"", name);
	}
	return CMD_FAILED;
}

static const char *error_text(int error)
{
	switch (error) {
	case ENOENT:
		return "there is no such thing";
	case EINVAL:
		return "it is neither IOAS nor HWPT";
	case EBUSY:
		return "a call is in progress that does not end; try again";
	case ENOSYS:
		return "it cannot do that";
	default:
		return strerror(error);
	}
}

char *peer_try(const struct peer *peer, const char *request, const char *what, size_t *len,
	       char *why, size_t size)
{
	const int pid = (int)peer->pid;
	bool served;
	int fd;
	char *answer = NULL;
	int error = 0;

	errno = 0;
	fd = connect_to(peer, &served);
	if (fd >= 0 && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
		answer = receive(fd, len);
	error = errno;
	if (fd >= 0)
		close(fd);
	if (answer)
		text_clean(answer, *len ? *len - 1 : 0);
	if (!answer && error == ETIMEDOUT)
		snprintf(why, size, SILENCE, pid);
	else if (!answer && error == EMSGSIZE)
		snprintf(why, size, "the answer of process %d has no end", pid);
	else if (!answer || !*len)
		snprintf(why, size, "process %d does not answer", pid);
	else if (answer[--*len])
		snprintf(why, size, "process %d ended before it had answered", pid);
	else if (sscanf(answer, "{\"error\":%d}", &error) == 1)
		snprintf(why, size, "%s in process %d: %s", what, pid, error_text(error));
	else
		return answer;
	errno = answer ? error : 0;
	free(answer);
	return NULL;
}

char *peer_ask(const struct peer *peer, const char *request, const char *what, size_t *len)
{
	char why[2 * LINE_SIZE];
	char *answer = peer_try(peer, request, what, len, why, sizeof(why));

	if (!answer)
		cmd_complain("%s", why);
	return answer;
}

bool peer_has_ended(const struct peer *peer)
{
	size_t len;
	char *status = proc_file(peer->pid, "status", &len);
	const bool ended = !status || strstr(status, "\nState:\tZ");

	free(status);
	return ended;
}
