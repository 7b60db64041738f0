/* SPDX-License-Identifier: MIT */
/* Each process is named by a descriptor of it (pidfd), so that nothing reaches its successor. */
#include "server/processes.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "server/client.h"
#include "server/proc_file.h"

void processes_tell(void (*tell)(void *arg, pid_t pid, const char *name), void *arg)
{
	struct client *client = NULL;
	char name[PROC_FILE_NAME];

	while ((client = client_next(client))) {
		if (client_has_ended(client))
			continue;
		proc_file_name(client->proc, name);
		tell(arg, client->caller.pid, name);
	}
}

void processes_signal(int signo)
{
	struct client *client = NULL;

	while ((client = client_next(client)))
		(void)syscall(SYS_pidfd_send_signal, client->pidfd, signo, NULL, 0);
}
