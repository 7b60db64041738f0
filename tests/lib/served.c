/* SPDX-License-Identifier: MIT */
#include "served.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "devices/remote/remote.h"
#include "require.h"

enum {
	TEXT_SIZE = 1024,
	PATIENCE = 2000, /* times 10 ms */
	NOT_EXECUTABLE = 126,
};

static void start_process(struct served *served, const char *program, const char *text)
{
	served->pid = fork();
	require(served->pid >= 0);
	if (served->pid)
		return;
	execl(program, program, "serve", text, "--socket", served->socket, (char *)NULL);
	_exit(errno == ENOEXEC ? NOT_EXECUTABLE : 127);
}

/* Ends the test as skipped if the program is for another processor, which is emulated here. */
static void await_socket(const struct served *served)
{
	int status;

	for (int i = 0; access(served->socket, F_OK); i++) {
		if (waitpid(served->pid, &status, WNOHANG) == served->pid) {
			require(status == NOT_EXECUTABLE << 8);
			fputs("skipped: the system starts no programs of this processor\n", stderr);
			_exit(77);
		}
		require(i < PATIENCE);
		usleep(10000);
	}
}

bool served_start(struct served *served, const struct uiommufd_model *model,
		  const struct option_value *options, unsigned int count)
{
	const char *program = getenv("RIG_SERVED");
	static unsigned int number;
	struct vu_identity identity;
	char text[TEXT_SIZE], line[256] = "";
	const struct vu_why why = {line, sizeof(line)};
	struct vu_connection kept;
	int len, rc;

	if (!program)
		return false;
	len = snprintf(text, sizeof(text), "%s", model->name);
	for (unsigned int i = 0; i < count; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, ",%s=%s", options[i].name,
				options[i].value);
	snprintf(served->socket, sizeof(served->socket), "/tmp/rig-%d-%u.socket", getpid(),
		 number++);
	start_process(served, program, text);
	await_socket(served);
	rc = remote_probe(served->socket, NULL, &identity, &kept, &why);
	if (rc)
		fprintf(stderr, "%s\n", line);
	require(!rc);
	served->remote = remote_model_create(&identity, &kept, &why);
	require(served->remote);
	served->option = (struct option_value){"socket", served->socket};
	return true;
}

void served_stop(struct served *served)
{
	if (!served->pid)
		return;
	kill(served->pid, SIGTERM);
	require(waitpid(served->pid, NULL, 0) == served->pid);
	served->pid = 0;
	remote_model_destroy(served->remote);
}
