/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd serve`: a device of the machine at a socket, for a client of vfio-user such as QEMU.
 * The device is behind an emulated IOMMU, so its DMA is checked and reported as under
 * `uiommufd run`.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/new_machine.h"
#include "machine/machine.h"
#include "vfio_user/server.h"

enum {
	DEFAULT_TIMEOUT = 30, /* seconds */
	MAX_TIMEOUT = 86400,
};

struct serve {
	struct machine *machine;
	const char *device, *socket;
	int timeout_ms;
};

/* ---- the command line ---- */

static int take_timeout(struct serve *serve, const char *text)
{
	char *end;
	unsigned long seconds;

	errno = 0;
	seconds = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || seconds > MAX_TIMEOUT) {
		cmd_complain("--timeout %s: not a number of seconds from 0 (none) to %d", text,
			     MAX_TIMEOUT);
		return CMD_USAGE;
	}
	serve->timeout_ms = seconds ? (int)seconds * 1000 : -1;
	return CMD_OK;
}

static int add(struct serve *serve, const char *text,
	       int (*function)(struct machine *, const char *, char *, size_t))
{
	char error[512] = "";
	int rc = function(serve->machine, text, error, sizeof(error));

	if (rc)
		cmd_complain("%s", error[0] ? error : strerror(-rc));
	return rc ? CMD_USAGE : CMD_OK;
}

/* Takes one word at *@args, with its value. */
static int take_argument(struct serve *serve, char ***args)
{
	const char *word = **args, *value;
	bool missing = false;

	if (word[0] != '-') {
		if (serve->device) {
			cmd_complain("serve takes one MODEL, not \"%s\" as well", word);
			return CMD_USAGE;
		}
		serve->device = word;
		return CMD_OK;
	}
	value = cmd_option_value(args, "--socket", &missing);
	if (value && !missing) {
		serve->socket = value;
		return CMD_OK;
	}
	if (!value && (value = cmd_option_value(args, "--iommu", &missing)) && !missing)
		return add(serve, value, machine_add_iommu);
	if (!value && (value = cmd_option_value(args, "--timeout", &missing)) && !missing)
		return take_timeout(serve, value);
	if (missing)
		cmd_complain("%s needs a value", word);
	else
		cmd_complain("serve has no option \"%s\"; there are: --socket, --iommu, --timeout",
			     word);
	return CMD_USAGE;
}

static int take_arguments(struct serve *serve, char **args)
{
	int status;

	for (; *args; args++) {
		status = take_argument(serve, &args);
		if (status)
			return status;
	}
	if (!serve->device || !serve->socket) {
		cmd_complain("serve what, and where? Usage: uiommufd serve MODEL[,OPTION=VALUE]... "
			     "--socket PATH");
		return CMD_USAGE;
	}
	return add(serve, serve->device, machine_add_device);
}

/* ---- serving ---- */

/* A descriptor that is readable when the server has to end. */
static int make_stop(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	return signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
}

static const char *explain(int rc)
{
	switch (rc) {
	case -EADDRINUSE:
		return "another server listens there";
	case -EEXIST:
		return "there is a file that is no socket";
	case -ENAMETOOLONG:
		return "the path of a socket has at most 107 bytes, of which we need some";
	default:
		return strerror(-rc);
	}
}

static int serve_device(const struct serve *serve)
{
	struct vu_listener listener;
	int stop = make_stop();
	int rc;

	if (stop < 0) {
		cmd_complain("cannot wait for signals: %m");
		return CMD_FAILED;
	}
	rc = vu_listener_open(&listener, serve->socket);
	if (rc) {
		cmd_complain("%s: %s", serve->socket, explain(rc));
		close(stop);
		return CMD_FAILED;
	}
	rc = vu_serve(&listener, machine_device(serve->machine, 0), stop, serve->timeout_ms);
	vu_listener_close(&listener);
	close(stop);
	if (rc)
		cmd_complain("%s: %s", serve->socket, strerror(-rc));
	return rc ? CMD_FAILED : CMD_OK;
}

int cmd_serve(char **args)
{
	struct serve serve = {.timeout_ms = DEFAULT_TIMEOUT * 1000};
	int status;

	serve.machine = new_machine();
	if (!serve.machine)
		return CMD_FAILED;
	status = take_arguments(&serve, args);
	if (!status)
		status = serve_device(&serve);
	machine_destroy(serve.machine);
	return status;
}
