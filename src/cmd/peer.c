/* SPDX-License-Identifier: MIT */
/*
 * A process answers if its environment (in /proc) names a shadow root with a socket for it. The
 * path is resolved in the process' root directory, and the socket is named by the PID in its
 * namespace, so that this works across containers.
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
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/state.h"
#include "preload/start/layout.h"

enum {
	MAX_PEERS = 32, /* named when there are too many */
	LINE_SIZE = 256,
	PATIENCE_START = 1000, /* milliseconds, for a program to answer at all */
	PATIENCE_ALL = 10000,  /* for all of its answer */
	LONGEST_ANSWER = 1 << 28,
};

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

int peer_root(pid_t pid, char *root, size_t size)
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

/* Opens the directory of sockets of the run that @pid is in. */
static int open_control(pid_t pid)
{
	char root[PATH_MAX], path[PATH_MAX];

	if (peer_root(pid, root, sizeof(root)))
		return -1;
	snprintf(path, sizeof(path), "%.4000s/" LAYOUT_CONTROL, root);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
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

/* A connection to @pid, or -1. A program that is stopped may not accept it: ETIMEDOUT. */
static int connect_to(pid_t pid)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const struct timeval patience = {.tv_sec = PATIENCE_START / 1000};
	int directory = open_control(pid);
	int error = 0;
	int fd;

	if (directory < 0)
		return -1;
	/* Through the descriptor: the path may be longer than the address of a socket. */
	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/%d", directory,
		 (int)status_number(pid, "NSpid:"));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name))) {
		error = errno == EAGAIN ? ETIMEDOUT : errno;
		close(fd);
		fd = -1;
	}
	close(directory);
	errno = error;
	return fd;
}

static void complain_of_silence(pid_t pid)
{
	cmd_complain("process %d does not answer; is it stopped?", (int)pid);
}

/* Whether @pid is there to be asked. */
static bool answers(pid_t pid)
{
	int fd = connect_to(pid);

	if (fd >= 0)
		close(fd);
	else if (errno == ETIMEDOUT)
		complain_of_silence(pid);
	return fd >= 0;
}

static bool is_below(pid_t pid, pid_t ancestor)
{
	while (pid > 1 && pid != ancestor)
		pid = status_number(pid, "PPid:");
	return pid == ancestor;
}

/* ---- the functions ---- */

/* The processes that answer and are @ancestor or below it (0: all). */
static size_t find_all(pid_t ancestor, pid_t peers[MAX_PEERS])
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	size_t count = 0;

	while (dir && count < MAX_PEERS && (entry = readdir(dir))) {
		pid_t pid = (pid_t)atoi(entry->d_name);

		if (pid > 0 && (!ancestor || is_below(pid, ancestor)) && answers(pid))
			peers[count++] = pid;
	}
	if (dir)
		closedir(dir);
	return count;
}

static int complain_of_many(const pid_t *peers, size_t count)
{
	char list[LINE_SIZE] = "";

	for (size_t i = 0; i < count; i++) {
		size_t used = strlen(list), len;
		char *name = proc_file(peers[i], "comm", &len);

		if (name)
			text_clean(name, strcspn(name, "\n"));
		snprintf(list + used, sizeof(list) - used, "%s%d (%.*s)", used ? ", " : "",
			 (int)peers[i], name ? (int)strcspn(name, "\n") : 1, name ? name : "?");
		free(name);
	}
	cmd_complain("which one? There are: %s", list);
	return CMD_USAGE;
}

int peer_find(const char *text, pid_t *pid)
{
	pid_t peers[MAX_PEERS];
	pid_t wanted = 0;
	size_t count;
	char *end;

	if (text) {
		wanted = (pid_t)strtol(text, &end, 10);
		if (*end || wanted <= 0) {
			cmd_complain("\"%s\" is no PID", text);
			return CMD_USAGE;
		}
	}
	if (wanted && answers(wanted)) {
		*pid = wanted;
		return CMD_OK;
	}
	count = find_all(wanted, peers);
	if (count > 1)
		return complain_of_many(peers, count);
	if (!count) {
		if (wanted)
			cmd_complain("process %d has opened nothing emulated, or is not yours",
				     (int)wanted);
		else
			cmd_complain("no program that runs under `uiommufd run` has opened "
				     "anything emulated");
		return CMD_FAILED;
	}
	*pid = peers[0];
	return CMD_OK;
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
	default:
		return strerror(error);
	}
}

char *peer_ask(pid_t pid, const char *request, const char *what, size_t *len)
{
	int fd;
	char *answer = NULL;
	int error = 0;

	errno = 0;
	fd = connect_to(pid);
	if (fd >= 0 && send(fd, request, strlen(request), MSG_NOSIGNAL) > 0)
		answer = receive(fd, len);
	error = errno;
	if (fd >= 0)
		close(fd);
	if (answer)
		text_clean(answer, *len ? *len - 1 : 0);
	if (!answer && error == ETIMEDOUT) {
		complain_of_silence(pid);
	} else if (!answer && error == EMSGSIZE) {
		cmd_complain("the answer of process %d has no end", (int)pid);
	} else if (!answer || !*len) {
		cmd_complain("process %d does not answer", (int)pid);
	} else if (answer[--*len]) {
		cmd_complain("process %d ended before it had answered", (int)pid);
	} else if (sscanf(answer, "{\"error\":%d}", &error) == 1) {
		cmd_complain("%s in process %d: %s", what, (int)pid, error_text(error));
	} else {
		return answer;
	}
	free(answer);
	return NULL;
}
