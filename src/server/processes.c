/* SPDX-License-Identifier: MIT */
/* Each process is named by a descriptor of it (pidfd), so that nothing reaches its successor. */
#include "server/processes.h"

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server/client.h"

enum {
	NAME_SIZE = 32, /* the kernel's names have 15 bytes, those of its own threads more */
};

static void read_name(const struct client *client, char name[NAME_SIZE])
{
	int fd = openat(client->proc, "comm", O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, name, NAME_SIZE - 1);

	if (fd >= 0)
		close(fd);
	name[len < 0 ? 0 : len] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

void processes_tell(void (*tell)(void *arg, pid_t pid, const char *name), void *arg)
{
	struct client *client = NULL;
	char name[NAME_SIZE];

	while ((client = client_next(client))) {
		if (client_has_ended(client))
			continue;
		read_name(client, name);
		tell(arg, client->caller.pid, name);
	}
}

void processes_signal(int signo)
{
	struct client *client = NULL;

	while ((client = client_next(client)))
		(void)syscall(SYS_pidfd_send_signal, client->pidfd, signo, NULL, 0);
}
