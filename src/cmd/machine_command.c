/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd machine`: a machine that is there before its programs, and after them. A process in the
 * background serves it until it is told to end, by `uiommufd machine --stop` or a signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "cmd/library.h"
#include "cmd/new_machine.h"
#include "cmd/offers.h"
#include "cmd/peer.h"
#include "cmd/run_clean_up.h"
#include "cmd/run_options.h"
#include "cmd/run_watch.h"
#include "cmd/shadow.h"
#include "cmd/tree.h"
#include "machine/machine.h"
#include "preload/start/layout.h"
#include "server/program_server.h"
#include "server/tracer.h"

enum {
	PATIENCE_END = 2000, /* milliseconds, for programs to end when they are asked to */
	PATIENCE_KILL = 1000,
	PATIENCE_STOP = 10000, /* for the server to end */
	PATIENCE_NAME = 3000,  /* for the tree of one that was killed to be removed */
	PAUSE = 10,
};

struct start {
	struct run_options options;
	const char *name, *stop; /* NULL: not given */
	const char *log;
	bool foreground, list;
	struct tree tree;
	struct offers offers;
};

/* ---- the command line ---- */

/* Takes @option's value at *@args to *@to. False: it is another option. */
static bool take_value(char ***args, const char *option, const char **to, int *status)
{
	bool missing = false;
	const char *value = cmd_option_value(args, option, &missing);

	*status = CMD_OK;
	if (missing) {
		cmd_complain("%s needs a value", option);
		*status = CMD_USAGE;
	} else if (value) {
		*to = value;
	}
	return value;
}

static int take_argument(struct start *start, char ***args)
{
	int status;

	if (take_value(args, "--name", &start->name, &status) ||
	    take_value(args, "--stop", &start->stop, &status) ||
	    take_value(args, "--log-file", &start->log, &status) || run_watch_take(args, &status) ||
	    run_options_take_machine(&start->options, args, &status))
		return status;
	if (strcmp(**args, "--foreground") == 0 || strcmp(**args, "--list") == 0) {
		*(strcmp(**args, "--list") ? &start->foreground : &start->list) = true;
		return CMD_OK;
	}
	cmd_complain(
		"machine has no option \"%s\"; there are: --name, --stop, --list, --foreground, "
		"--log-file, and of run: --iommu, --device, --container, --no-iommufd, --mock, "
		"--memlock, --hostile, %s",
		**args, run_watch_options());
	return CMD_USAGE;
}

static int take_arguments(struct start *start, char **args)
{
	int status = CMD_OK;

	for (; *args && !status; args++)
		status = take_argument(start, &args);
	if (!status && start->name && !tree_is_name(start->name)) {
		cmd_complain("\"%s\" is no name: letters, digits, '-', '_' and '.' make one",
			     start->name);
		status = CMD_USAGE;
	}
	return status;
}

/* ---- the server ---- */

/* Programs end as in a system that is shut down. */
static void end_programs(void)
{
	static const struct {
		int signo, patience;
	} ways[] = {{SIGTERM, PATIENCE_END}, {SIGKILL, PATIENCE_KILL}};
	sigset_t none;

	sigemptyset(&none);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (int ms = 0; server_programs() && ms < ways[i].patience; ms += PAUSE) {
			/* Those that have been started meanwhile, too. */
			server_signal(ways[i].signo);
			(void)tracer_serve(&none, PAUSE);
		}
	}
}

static void serve(struct start *start, const sigset_t *ends)
{
	offers_serve(&start->offers);
	(void)tracer_serve(ends, -1);
	end_programs();
	server_finish();
	run_watch_report(&start->tree);
	run_watch_finish(&start->tree);
	run_clean_up(&start->tree);
}

static int redirect(const char *path, int fd)
{
	int to = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

	return to < 0 || dup2(to, fd) < 0 ? -errno : 0;
}

/* Leaves the terminal, and the pipes that the caller may wait for. */
static int leave(const struct start *start)
{
	static const char null[] = "/dev/null";
	int rc = start->log ? redirect(start->log, STDERR_FILENO) : 0;

	if (rc || start->foreground)
		return rc;
	if (!start->log)
		rc = redirect(null, STDERR_FILENO);
	for (int fd = STDIN_FILENO; !rc && fd <= STDOUT_FILENO; fd++)
		rc = redirect(null, fd);
	setsid();
	return rc ? rc : chdir("/") ? -errno : 0;
}

/* All signals are blocked before there are threads; @ends are those that end the machine. */
static void hold_signals(sigset_t *ends)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(ends);
	sigaddset(ends, SIGTERM);
	sigaddset(ends, SIGINT);
	sigaddset(ends, SIGHUP);
}

/* A script needs the name, and knows by it that the machine is there. */
static void announce(const struct start *start)
{
	puts(start->name);
	(void)fflush(stdout);
}

/* In the process that serves, which tells @to how it has begun. */
static int be_server(struct start *start, int to)
{
	sigset_t ends;
	int rc;

	hold_signals(&ends);
	library_offer_instructions();
	rc = server_begin(start->tree.root, true);
	if (!rc)
		rc = leave(start);
	if (to >= 0 && write(to, &rc, sizeof(rc)) != sizeof(rc))
		rc = -EPIPE;
	if (to >= 0)
		close(to);
	else if (!rc)
		announce(start);
	if (!rc)
		serve(start, &ends);
	else
		tree_remove(&start->tree);
	return rc;
}

/* ---- starting ---- */

static int complain_of_start(int rc)
{
	if (rc)
		cmd_complain("the machine cannot be served: %s", strerror(-rc));
	return rc ? CMD_FAILED : CMD_OK;
}

/* Starts the process in the background. Returns an exit status when it serves. */
static int start_server(struct start *start)
{
	int report[2], rc = -ECHILD;
	pid_t pid;

	if (pipe2(report, O_CLOEXEC))
		return complain_of_start(-errno);
	pid = fork();
	if (pid == 0) {
		close(report[0]);
		cmd_leave(be_server(start, report[1]) ? CMD_FAILED : CMD_OK);
	}
	close(report[1]);
	if (pid < 0)
		rc = -errno;
	else if (read(report[0], &rc, sizeof(rc)) != sizeof(rc))
		rc = -ECHILD;
	close(report[0]);
	offers_forget(&start->offers);
	start->tree.root[0] = '\0'; /* the server's */
	return complain_of_start(rc);
}

static int complain_of_tree(const struct start *start)
{
	if (start->tree.error == -EEXIST && !start->tree.root[0])
		cmd_complain("there is a machine \"%s\" already", start->name);
	else
		tree_complain(&start->tree);
	return CMD_FAILED;
}

/* Another run may be about to remove what a machine of the name has left. */
static void create_tree(struct start *start)
{
	struct peer peer;

	for (int ms = 0; ms < PATIENCE_NAME; ms += PAUSE) {
		tree_create(&start->tree, start->name);
		if (start->tree.error != -EEXIST || peer_is_machine(start->name, &peer))
			return;
		usleep(PAUSE * 1000);
	}
}

static int start_machine(struct start *start)
{
	static char number[16];
	char *none[] = {NULL};
	int status;

	if (!start->name) {
		snprintf(number, sizeof(number), "%d", (int)getpid());
		start->name = number;
	}
	create_tree(start);
	shadow_fill(&start->tree, start->options.machine);
	offers_prepare(&start->offers, &start->tree, start->options.machine);
	tree_text(&start->tree, "/" LAYOUT_SERVED, 0444, "%s", "");
	run_options_fill(&start->options, &start->tree);
	run_watch_fill(&start->tree, none);
	if (start->tree.error) {
		status = complain_of_tree(start);
		tree_remove(&start->tree);
		return status;
	}
	if (start->foreground)
		return complain_of_start(be_server(start, -1));
	status = start_server(start);
	if (!status)
		announce(start);
	return status;
}

/* ---- stopping ---- */

/* Waits until the server has ended. */
static int stop_machine(const char *name)
{
	struct pollfd end = {.events = POLLIN};
	struct peer peer;
	int status = peer_find_machine(name, &peer);
	char *answer;
	size_t len;

	if (status)
		return status;
	end.fd = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	answer = peer_ask(&peer, "stop\n", name, &len);
	if (answer && end.fd >= 0 && poll(&end, 1, PATIENCE_STOP) != 1) {
		cmd_complain("the machine \"%s\" does not end", name);
		status = CMD_FAILED;
	}
	if (end.fd >= 0)
		close(end.fd);
	free(answer);
	return answer ? status : CMD_FAILED;
}

static void list_machine(const char *name)
{
	struct peer peer;

	if (peer_is_machine(name, &peer))
		puts(name);
}

static int do_what_is_wanted(struct start *start)
{
	if (start->list)
		tree_list(list_machine);
	else
		return start->stop ? stop_machine(start->stop) : start_machine(start);
	return CMD_OK;
}

int cmd_machine(char **args)
{
	struct start start = {.name = NULL};
	int status;

	start.options.machine = new_machine();
	if (!start.options.machine)
		return CMD_FAILED;
	status = take_arguments(&start, args);
	if (!status)
		status = do_what_is_wanted(&start);
	machine_destroy(start.options.machine);
	return status;
}
