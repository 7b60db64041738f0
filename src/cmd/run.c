/* SPDX-License-Identifier: MIT */
/*
 * `uiommufd run`: builds the machine and its shadow root, runs the program under the preload
 * library, and ends as the program has ended. The shadow root is removed when the last process that
 * the program has left behind has ended, too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/program.h"
#include "cmd/cmd.h"
#include "cmd/config.h"
#include "cmd/join.h"
#include "cmd/launch.h"
#include "cmd/library.h"
#include "cmd/new_machine.h"
#include "cmd/offers.h"
#include "cmd/own_proc.h"
#include "cmd/preloaded.h"
#include "cmd/run_clean_up.h"
#include "cmd/run_options.h"
#include "cmd/run_reports.h"
#include "cmd/run_watch.h"
#include "cmd/shadow.h"
#include "cmd/tree.h"
#include "devices/devices.h"
#include "machine/machine.h"
#include "preload/start/layout.h"
#include "server/program_server.h"
#include "server/tracer.h"

/* Signals that end or inform a program: sent to the command, they are meant for the program. */
static const int forwarded[] = {
	SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT, SIGWINCH,
};

/* The signal mask and SIGCHLD's action that the command was started with, for the child. */
struct signals {
	sigset_t mask;
	struct sigaction child;
};

static int out_of_memory(void)
{
	cmd_complain("out of memory");
	return CMD_FAILED;
}

/* ---- the program's life ---- */

/* Blocks the signals that wait_for() waits for; the child restores the mask. */
static void hold_signals(struct signals *signals)
{
	const struct sigaction standard = {.sa_handler = SIG_DFL};
	sigset_t held;

	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
	sigaddset(&held, SIGINT); /* the terminal sends them to the program, too */
	sigaddset(&held, SIGQUIT);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&held, forwarded[i]);
	sigprocmask(SIG_BLOCK, &held, &signals->mask);
	/* If it were ignored, the kernel would discard the exit status. */
	sigaction(SIGCHLD, &standard, &signals->child);
}

/*
 * The program, and all that it starts, is served instead of loading the library
 * (server/program_server.h): it is static, or the machine is shared.
 */
static bool is_served;
static int served = -1; /* the channel to the server; negative: there is none */

/* In the child, which shares our memory: becomes the program, or leaves errno in *@error. */
static _Noreturn void execute(char **program, const struct signals *signals, volatile int *error)
{
	sigaction(SIGCHLD, &signals->child, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
	if (served >= 0)
		server_enter(served);
	execvp(program[0], program);
	*error = errno;
	_exit(*error == ENOENT ? CMD_NOT_FOUND : CMD_CANNOT_RUN);
}

/*
 * Starts the program. Returns its PID; *@error: errno of execvp(3), 0 if it runs. We wait while the
 * child has our memory (vfork(2)), and have no handlers of signals that could run in it.
 */
static pid_t spawn(char **program, const struct signals *signals, int *error)
{
	volatile int failed = 0;
	pid_t pid = vfork();

	if (pid == 0)
		execute(program, signals, &failed);
	*error = failed;
	return pid;
}

/* ---- the keeper ---- */

/*
 * The process between us and the program. Processes that the program leaves behind become its
 * children, so it knows when the last one has ended, and removes the tree then: the machine lives
 * as long as a process in it does, although we end with the program.
 */
struct started {
	pid_t pid; /* of the program; negative: there is none */
	int error; /* errno of starting or executing it */
};

struct ended {
	int status;
	bool stays; /* the keeper, with processes that the program has left behind */
};

/* Waits for a child, as waitpid(2) does; served programs may be traced by this thread. */
static pid_t wait_for_child(bool hang, int *status)
{
	return served >= 0 ? tracer_wait(hang, status) : waitpid(-1, status, hang ? 0 : WNOHANG);
}

/* Whether a child is left, after having waited for those that have ended. */
static bool has_children(void)
{
	int status;
	pid_t pid;

	do
		pid = wait_for_child(false, &status);
	while (pid > 0 || (pid < 0 && errno == EINTR));
	return pid == 0;
}

static void wait_for_all(void)
{
	int status;

	while (wait_for_child(true, &status) > 0 || errno == EINTR)
		;
}

/* Lets go of the terminal or pipe that the program's caller may wait for. */
static void go_into_background(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	setsid();
}

static void keeper_send(int to, const void *data, size_t len)
{
	if (write(to, data, len) < 0)
		return; /* whoever waited has been killed */
}

static _Noreturn void keep(struct tree *tree, struct offers *offers, char **program,
			   const struct signals *signals, int to)
{
	struct started started = {.error = 0};
	struct ended ended = {.status = 0};
	sigset_t all;
	pid_t pid;

	run_reports_leave_names();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (is_served) {
		library_offer_instructions();
		served = server_begin(tree->root, false);
	}
	if (is_served && !served)
		served = server_channel();
	if (is_served && served < 0)
		cmd_complain("the system calls of %s cannot be answered: it sees the real /dev "
			     "and /sys",
			     program[0]);
	started.pid = spawn(program, signals, &started.error);
	if (started.pid < 0)
		started.error = errno;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signal(SIGPIPE, SIG_IGN);
	keeper_send(to, &started, sizeof(started));
	if (started.pid < 0)
		cmd_leave(CMD_FAILED);
	offers_serve(offers);
	do
		pid = wait_for_child(true, &ended.status);
	while (pid != started.pid);
	ended.status = run_reports_judge(tree, ended.status);
	/* Of a machine that programs share, there is one profile, when the last has ended. */
	if (served < 0)
		run_watch_report(tree);
	ended.stays = has_children();
	if (ended.stays) {
		keeper_send(to, &ended, sizeof(ended));
		close(to);
		go_into_background();
		wait_for_all();
		server_finish();
		run_watch_report(tree);
		run_watch_finish(tree);
		run_clean_up(tree);
		cmd_leave(CMD_OK);
	}
	server_finish();
	if (served >= 0)
		run_watch_report(tree);
	run_watch_finish(tree);
	run_clean_up(tree);
	keeper_send(to, &ended, sizeof(ended));
	cmd_leave(CMD_OK);
}

/* Passes the signal that is to be read from @signals on to @pid. */
static void pass_on(int signals, pid_t pid)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info) || info.ssi_code > 0)
		return; /* of the terminal: the program has it, too */
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		if (info.ssi_signo == (uint32_t)forwarded[i])
			kill(pid, (int)info.ssi_signo);
	}
}

/*
 * Passes signals on to @pid until its end is told on @from, and starts what finds names when it is
 * asked for. False: the keeper was killed.
 */
static bool wait_for(pid_t pid, int from, struct ended *ended)
{
	struct pollfd fds[] = {{.fd = from}, {.fd = -1}, {.fd = -1}};
	const nfds_t count = sizeof(fds) / sizeof(fds[0]);
	sigset_t held;

	sigprocmask(SIG_BLOCK, NULL, &held);
	fds[1].fd = signalfd(-1, &held, SFD_CLOEXEC | SFD_NONBLOCK);
	for (nfds_t i = 0; i < count; i++)
		fds[i].events = POLLIN;
	for (;;) {
		fds[2].fd = run_reports_names();
		if (poll(fds, count, -1) < 0)
			continue;
		if (fds[0].revents)
			return read(from, ended, sizeof(*ended)) == sizeof(*ended);
		if (fds[1].revents)
			pass_on(fds[1].fd, pid);
		if (fds[2].revents)
			run_reports_serve_names();
	}
}

/* Ends as a process with wait status @status did. */
static int end_as(int status)
{
	const struct rlimit none = {0};
	sigset_t unblocked;
	int signo;

	if (!WIFSIGNALED(status))
		return WEXITSTATUS(status);
	signo = WTERMSIG(status);
	setrlimit(RLIMIT_CORE, &none); /* the program has dumped its own core */
	signal(signo, SIG_DFL);
	sigemptyset(&unblocked);
	sigaddset(&unblocked, signo);
	raise(signo);
	sigprocmask(SIG_UNBLOCK, &unblocked, NULL);
	return 128 + signo;
}

/* The program @name has not started. One that is called as a model was meant as a device. */
static void complain_of_program(const char *name, int error)
{
	const bool is_model = error == ENOENT && device_model_find(name);

	cmd_complain("%s: %s%s%s", name, strerror(error),
		     is_model ? "; a device is added by --device " : "", is_model ? name : "");
}

static int run_kept(struct tree *tree, struct offers *offers, char **program,
		    const struct signals *signals)
{
	struct started started = {.pid = -1};
	struct ended ended;
	int report[2];
	ssize_t got;
	pid_t keeper;

	if (pipe2(report, O_CLOEXEC)) {
		cmd_complain("cannot start a process: %m");
		return CMD_FAILED;
	}
	keeper = fork();
	if (keeper == 0) {
		close(report[0]);
		keep(tree, offers, program, signals, report[1]);
	}
	offers_forget(offers);
	close(report[1]);
	got = keeper < 0 ? -1 : read(report[0], &started, sizeof(started));
	if (got == 0) {
		cmd_complain("the process that starts the program was killed");
		return CMD_FAILED;
	}
	if (got != sizeof(started) || started.pid < 0) {
		cmd_complain("cannot start a process: %s",
			     strerror(started.error ? started.error : errno));
		return CMD_FAILED;
	}
	if (started.error)
		complain_of_program(program[0], started.error);
	tree->root[0] = '\0'; /* the keeper's */
	if (wait_for(started.pid, report[0], &ended)) {
		/*
		 * Processes that stay may ask for names when we are gone. Else files of devices are
		 * free when we are.
		 */
		if (ended.stays)
			run_reports_serve_names();
		else
			(void)waitpid(keeper, NULL, 0);
		return end_as(ended.status);
	}
	cmd_complain("the process that keeps the machine was killed");
	return CMD_FAILED;
}

/* What programs need to load our library. */
static int prepare_library(struct tree *tree, const char *runtime)
{
	char library[PATH_MAX];

	if (library_find(LAYOUT_LIBRARY, library)) {
		cmd_complain("%s: %m", library);
		return CMD_FAILED;
	}
	return preloaded_set(tree, runtime, library) ? out_of_memory() : CMD_OK;
}

/* A process of the server looks into its programs, the preload into its own process. */
static int check_proc(void)
{
	const enum own_proc found = own_proc_find();

	if (found == OWN_PROC_IS_THERE || (found == OWN_PROC_OF_OTHERS && !is_served))
		return CMD_OK;
	cmd_complain(found == OWN_PROC_MISSING ? "there is no /proc, without which nothing can be "
						 "emulated: %s"
					       : "/proc is that of another PID namespace, so the "
						 "program cannot be served: %s",
		     OWN_PROC_CURE);
	return CMD_FAILED;
}

static int run_program(struct tree *tree, struct offers *offers, bool shared, char **program)
{
	struct program_facts facts;
	struct signals signals;
	int status;

	program_examine(program[0], &facts);
	is_served = facts.is_static || shared;
	status = check_proc();
	if (status)
		return status;
	if (is_served)
		tree_text(tree, "/" LAYOUT_SERVED, 0444, "%s", "");
	if (facts.obstacle && !is_served)
		cmd_complain("%s %s: it cannot be reached, and sees the real /dev and /sys",
			     program[0], facts.obstacle);
	/* By this `uiommufd show` finds them, too. */
	if (setenv(LAYOUT_ROOT_VARIABLE, tree->root, 1))
		return out_of_memory();
	/* Programs that a static one starts load the library, too. */
	if (!shared)
		status = prepare_library(tree, facts.runtime);
	else if (preloaded_set_client(tree))
		status = out_of_memory();
	if (status)
		return status;
	program = launch_prepare(tree, program);
	if (!program)
		return out_of_memory();
	hold_signals(&signals);
	return run_kept(tree, offers, program, &signals);
}

int cmd_run(char **args)
{
	struct run_options options = {.machine = NULL, .shared = !CONFIG_HAS_PRELOAD};
	struct machine *machine;
	struct offers offers;
	struct tree tree;
	int status;

	machine = new_machine();
	if (!machine)
		return CMD_FAILED;
	options.machine = machine;
	status = run_options_take_environment(&options);
	if (!status)
		status = run_options_take(&options, &args);
	if (status) {
		machine_destroy(machine);
		return status;
	}
	if (options.join) {
		machine_destroy(machine);
		return join_machine(options.join, args);
	}
	tree_create(&tree, NULL);
	shadow_fill(&tree, machine);
	offers_prepare(&offers, &tree, machine);
	run_options_fill(&options, &tree);
	run_reports_fill(&tree);
	run_watch_fill(&tree, args);
	if (tree.error) {
		tree_complain(&tree);
		status = CMD_FAILED;
	} else {
		status = run_program(&tree, &offers, options.shared, args);
	}
	run_clean_up(&tree);
	/* Until here, and in the keeper, its devices have claimed what they have for themselves. */
	machine_destroy(machine);
	return status;
}
