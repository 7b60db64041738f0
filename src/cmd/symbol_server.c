/* SPDX-License-Identifier: MIT */
/*
 * The process is started when a program connects for the first time: most runs need no names. A
 * crash in the reading of debug information ends this process only.
 */
#include "cmd/symbol_server.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/library.h"
#include "cmd/symbol_names.h"

enum {
	BACKLOG = 16,
};

/* ---- the process ---- */

/* Separates the process from the terminal and the signals of the run. */
static void go_into_background(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	setsid();
	prctl(PR_SET_NAME, "uiommufd-names");
	/* A name is not worth a request to the network. */
	unsetenv("DEBUGINFOD_URLS");
}

/* The function that serves a client; NULL: the module cannot be loaded. */
static void (*load(void))(int fd)
{
	char path[PATH_MAX];
	void *module = library_find(SYMBOL_NAMES_MODULE, path) ? NULL : dlopen(path, RTLD_NOW);

	return module ? (void (*)(int))dlsym(module, SYMBOL_NAMES_FUNCTION) : NULL;
}

static _Noreturn void serve_all(int listener, int life)
{
	struct pollfd fds[2] = {{.fd = listener, .events = POLLIN}, {.fd = life}};
	void (*serve)(int fd);
	int fd;

	go_into_background();
	serve = load();
	while (serve) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			break;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(fd);
		close(fd);
	}
	cmd_leave(0);
}

static int open_listener(const char *path)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int fd, rc;

	if (strlen(path) >= sizeof(name.sun_path))
		return -ENAMETOOLONG;
	strcpy(name.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* For programs that give up their rights, too; the directory keeps others out. */
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) || chmod(path, 0666) ||
	    listen(fd, BACKLOG)) {
		rc = -errno;
		close(fd);
		return rc;
	}
	return fd;
}

/* ---- in the command ---- */

int symbol_server_open(struct symbol_server *server, const char *path)
{
	int rc;

	*server = (struct symbol_server){.listener = open_listener(path), .life = {-1, -1}};
	if (server->listener < 0)
		return server->listener;
	if (pipe2(server->life, O_CLOEXEC) == 0)
		return 0;
	rc = -errno;
	symbol_server_forget(server);
	return rc;
}

void symbol_server_start(struct symbol_server *server)
{
	pid_t pid;

	if (server->listener < 0)
		return;
	pid = fork();
	if (pid == 0) {
		close(server->life[1]);
		if (fork() == 0)
			serve_all(server->listener, server->life[0]);
		cmd_leave(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	symbol_server_forget(server);
}

void symbol_server_forget(struct symbol_server *server)
{
	if (server->listener < 0)
		return;
	close(server->listener);
	close(server->life[0]);
	server->listener = -1;
}
