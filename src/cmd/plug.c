/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd plug` and `uiommufd unplug`: a device comes into, or goes out of, the machine of a
 * program that runs, or of programs that share one. Its processes, or its server, are told first;
 * then the description of the machine and the shadow root change, for those that start later.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/peer.h"
#include "cmd/shadow.h"
#include "cmd/tree.h"
#include "machine/machine.h"
#include "preload/start/layout.h"

enum {
	REQUEST_SIZE = 512,
};

/* A run, seen from outside. */
struct run {
	struct peer peer; /* a process in it that answers */
	struct tree tree;
	struct machine *machine; /* as its description says */
	char sysfs[PATH_MAX];	 /* what its programs see */
};

static int out_of_memory(void)
{
	cmd_complain("out of memory");
	return CMD_FAILED;
}

/* Takes [PID], or --machine NAME, and one more argument, *@last: finds who is asked. */
static int find_run(const char *command, char **args, const char **last, struct peer *peer)
{
	bool missing = false;
	const char *machine = args[0] ? cmd_option_value(&args, "--machine", &missing) : NULL;
	const char *pid;

	if (machine)
		args++;
	pid = !machine && args[0] && args[1] ? *args++ : NULL;
	if (missing || !args[0] || args[1]) {
		cmd_complain("which device? Usage: uiommufd %s [--machine NAME | PID] %s", command,
			     strcmp(command, "plug") ? "BDF" : "MODEL[@BDF][,OPTION=VALUE]...");
		return CMD_USAGE;
	}
	*last = args[0];
	return machine ? peer_find_machine(machine, peer) : peer_find(pid, peer);
}

/* Opens the run that is asked. Returns an exit status. */
static int open_run(const char *command, char **args, const char **last, struct run *run)
{
	char path[PATH_MAX], why[512] = "it cannot be read";
	FILE *in;
	int status, rc;

	status = find_run(command, args, last, &run->peer);
	if (status)
		return status;
	if (!tree_open(&run->tree, run->peer.root)) {
		cmd_complain("the files of process %d cannot be reached", (int)run->peer.pid);
		return CMD_FAILED;
	}
	if (machine_create(&run->machine))
		return out_of_memory();
	tree_real_path(&run->tree, "/sys", run->sysfs);
	machine_set_run(run->machine, run->sysfs);
	tree_real_path(&run->tree, "/" LAYOUT_IDENTITIES, path);
	if (machine_set_identities(run->machine, path)) {
		machine_destroy(run->machine);
		return out_of_memory();
	}
	tree_real_path(&run->tree, "/" LAYOUT_MACHINE, path);
	in = fopen(path, "re");
	rc = in ? machine_parse(run->machine, in, why, sizeof(why)) : -errno;
	if (in)
		fclose(in);
	if (!rc)
		return CMD_OK;
	cmd_complain("%s: %s", path, why);
	machine_destroy(run->machine);
	return CMD_FAILED;
}

static int close_run(struct run *run, int status)
{
	if (!status && run->tree.error) {
		cmd_complain("%s: %s", run->tree.what, strerror(-run->tree.error));
		status = CMD_FAILED;
	}
	machine_destroy(run->machine);
	return status;
}

/* Sends @request, which is about @what, and waits for the answer. */
static int tell(const struct run *run, const char *request, const char *what)
{
	size_t len;
	char *answer = peer_ask(&run->peer, request, what, &len);

	free(answer);
	return answer ? CMD_OK : CMD_FAILED;
}

int cmd_unplug(char **args)
{
	char request[REQUEST_SIZE];
	struct vfio_device *device;
	const char *bdf;
	struct run run;
	int status = open_run("unplug", args, &bdf, &run);

	if (status)
		return status;
	device = machine_find_device(run.machine, bdf);
	if (!device) {
		cmd_complain("the machine of process %d has no device at \"%s\"", (int)run.peer.pid,
			     bdf);
		return close_run(&run, CMD_USAGE);
	}
	snprintf(request, sizeof(request), "pull %s\n", vfio_device_name(device));
	status = tell(&run, request, vfio_device_name(device));
	if (!status && machine_drop_device(run.machine, device))
		status = out_of_memory();
	if (!status)
		shadow_replace_machine(&run.tree, run.machine);
	return close_run(&run, status);
}

/* The number of the device that the machine did not have when it had @before. */
static size_t find_new(const struct machine *machine, struct vfio_device **before, size_t count)
{
	size_t index = 0;

	while (index < count && machine_device(machine, index) == before[index])
		index++;
	return index;
}

/* Adds the device that @text describes. *@index: its number. */
static int add_device(struct run *run, const char *text, size_t *index)
{
	struct vfio_device **before = NULL;
	char why[512] = "";
	size_t count = 0;

	while (machine_device(run->machine, count))
		count++;
	before = calloc(count + 1, sizeof(struct vfio_device *));
	if (!before)
		return out_of_memory();
	for (size_t i = 0; i < count; i++)
		before[i] = machine_device(run->machine, i);
	if (machine_add_device(run->machine, text, why, sizeof(why))) {
		cmd_complain("%s", why);
		free(before);
		return CMD_USAGE;
	}
	*index = find_new(run->machine, before, count);
	free(before);
	return CMD_OK;
}

/* The line of the description that is about device @index, for "plug". */
static int format_request(struct run *run, size_t index, char request[REQUEST_SIZE])
{
	const char *name = vfio_device_name(machine_device(run->machine, index));
	char *text = NULL, *line;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int status = CMD_FAILED;

	if (!out)
		return out_of_memory();
	(void)machine_format(run->machine, out);
	if (fclose(out))
		return out_of_memory();
	for (char *next = text; (line = strsep(&next, "\n")) && status;) {
		if (strncmp(line, "device ", 7) == 0 && strstr(line, name) &&
		    snprintf(request, REQUEST_SIZE, "plug %s\n", line) < REQUEST_SIZE)
			status = CMD_OK;
	}
	free(text);
	if (status)
		cmd_complain("the description of the device is too long");
	return status;
}

int cmd_plug(char **args)
{
	char request[REQUEST_SIZE];
	const char *text;
	size_t index = 0;
	struct run run;
	int status = open_run("plug", args, &text, &run);

	if (status)
		return status;
	status = add_device(&run, text, &index);
	if (!status)
		status = format_request(&run, index, request);
	if (!status)
		shadow_add_identity(&run.tree, run.machine, index);
	if (!status)
		status = tell(&run, request, text);
	if (!status) {
		shadow_add_device(&run.tree, run.machine, index);
		shadow_replace_machine(&run.tree, run.machine);
	}
	return close_run(&run, status);
}
