/* SPDX-License-Identifier: MIT */
/*
 * A job is what a thread of the server wants done with a call. One is to finish an mmap(): the
 * tracer seizes the program, answers the call with 0, and so finds the thread behind its `syscall`
 * instruction, which it executes again with arguments of its own (server/traced_call.h): mmap() of
 * the descriptor that the program was given, and close() of that.
 *
 * `tracer.lock` guards the jobs; the rest is the tracer's own.
 */
#include "server/tracer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock.h"
#include "base/log.h"
#include "server/filter.h"
#include "server/program_fd.h"
#include "server/traced_access.h"
#include "server/traced_call.h"

enum {
	ENDS = 64, /* that have been seen while something else was waited for */
};

struct job {
	struct job *next;
	int (*run)(struct job *job);
	const struct request *request;
	pid_t pid;
	int *fd; /* the server's, and then its number in the program; NULL: none */
	union {
		uint64_t offset;
		struct {
			long (*work)(void *arg);
			void *arg;
		};
	};
	bool done, answered; /* @answered: the call is over, whatever became of it */
	bool given;	     /* @fd is the program's */
	bool group_stops;    /* the thread is to stop with its process */
	int error;
};

static struct {
	struct lock lock;
	struct condition done;
	struct job *jobs;
	pthread_t thread; /* the tracer, once @waits */
	bool waits;
	atomic_bool traces; /* or has traced anything */

	struct {
		pid_t pid;
		int status;
	} ends[ENDS];
	size_t end_count;
} tracer = {
	.lock = LOCK_INIT(LOCK_SERVER),
};

/* ---- stops ---- */

#if TRACER_CAN_TRAP

static struct traced_call *stopped; /* for which there is work */

static void resume(pid_t tid, int signo)
{
	(void)ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signo);
}

static bool stops_group(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

enum {
	RESTARTS_CALL = 513, /* ERESTARTNOINTR, as TRACED_CALL_RESTARTS */
};

/*
 * A signal is about to be delivered. If it ends an ioctl of ours before a thread of the server has
 * received that, the call is made again after the handler, as if the signal had come before it.
 */
static void save_call(pid_t tid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) || regs.orig_rax != SYS_ioctl ||
	    (regs.rsi >> 8 & 0xff) != FILTER_IOCTL_TYPE || (long)regs.rax != -TRACED_CALL_RESTARTS)
		return;
	regs.rax = (unsigned long long)-RESTARTS_CALL;
	(void)ptrace(PTRACE_SETREGS, tid, NULL, &regs);
}

static void deliver(pid_t tid, int signo)
{
	if (signo == SIGBUS && traced_access(tid))
		signo = 0;
	else
		save_call(tid);
	resume(tid, signo);
}

static void handle_stop(pid_t tid, int status)
{
	const int signo = WSTOPSIG(status), event = status >> 16;

	if (traced_call_stopped(tid, status))
		return;
	if (event == PTRACE_EVENT_STOP && stops_group(signo))
		(void)ptrace(PTRACE_LISTEN, tid, NULL, NULL);
	else if (event == PTRACE_EVENT_EXEC)
		/* What it had mapped is gone. */
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
	else if (event || signo == (SIGTRAP | 0x80))
		resume(tid, 0);
	else
		deliver(tid, signo);
}

static void remember_end(pid_t pid, int status)
{
	traced_call_ended(pid);
	if (tracer.end_count == ENDS)
		return;
	tracer.ends[tracer.end_count].pid = pid;
	tracer.ends[tracer.end_count++].status = status;
}

/* Waits until @tid stops: its status, or -1 if it has ended. */
static int wait_for_stop(pid_t tid)
{
	int status;
	pid_t got;

	do
		got = waitpid(tid, &status, __WALL);
	while (got < 0 && errno == EINTR);
	if (got == tid && WIFSTOPPED(status))
		return status;
	if (got == tid)
		remember_end(tid, status);
	return -1;
}

/* ---- calls of the program that we make ---- */

long tracer_make_call(const struct seccomp_data *call)
{
	uint64_t args[6];
	long result;

	for (int i = 0; i < 6; i++)
		args[i] = call->args[i];
	return traced_call_make(stopped, call->nr, args, &result) ? result : 0;
}

/* ---- jobs ---- */

/*
 * Gives the program the descriptor of @job, while its call waits, when it is certain that a call in
 * its stead can close it again. From then on it is the program's alone. 0 or a negative errno.
 */
static int give(struct job *job)
{
	const int fd = *job->fd;

	*job->fd = program_fd_give(job->request, fd, O_CLOEXEC, false);
	job->given = true;
	close(fd);
	return *job->fd < 0 ? *job->fd : 0;
}

/* Waits until @tid stops for @job as it was interrupted to. False: it has ended. */
static bool wait_for_interrupt(struct job *job, pid_t tid)
{
	int status;

	while ((status = wait_for_stop(tid)) >= 0) {
		if (status >> 16 == PTRACE_EVENT_STOP) {
			job->group_stops = stops_group(WSTOPSIG(status));
			return true;
		}
		handle_stop(tid, status);
	}
	return false;
}

/* Stops the thread of @job behind its call, which has @result. 1: it has ended. */
static int stop_behind_call(struct job *job, int result)
{
	const struct request *request = job->request;
	struct seccomp_notif_resp response = {.id = request->call->id, .error = result};
	const pid_t tid = (pid_t)request->call->pid;

	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		return -errno;
	job->answered = true;
	/* ENOENT: it has been killed. */
	if (ioctl(request->listener, SECCOMP_IOCTL_NOTIF_SEND, &response))
		return 1;
	return wait_for_interrupt(job, tid) ? 0 : 1;
}

/* The call is over, with @result. If it is late, no other of its process is waited for. */
static void end_call(const struct job *job, struct traced_call *call, long result)
{
	if (traced_call_is_late(call)) {
		atomic_store(&job->request->client->stalls, true);
		log_error("a call of process %d by which it maps a device or takes pinned memory "
			  "away takes long: its calls are not waited for any more",
			  job->pid);
	}
	traced_call_end(call, result);
}

/* Maps what stands for the file, in the thread of @job, which is behind its call. */
static void make_mmap(const struct job *job, struct traced_call *call)
{
	const __u64 *args = job->request->call->data.args;
	const uint64_t map[6] = {args[0],    args[1], args[2], args[3], (uint64_t)*job->fd,
				 job->offset};
	const uint64_t closing[6] = {(uint64_t)*job->fd};
	long result = -ENOMEM, unused;

	if (traced_call_make(call, SYS_mmap, map, &result))
		(void)traced_call_make(call, SYS_close, closing, &unused);
	end_call(job, call, result);
}

static int finish_mmap(struct job *job)
{
	struct traced_call *call = traced_call_create((pid_t)job->request->call->pid);
	int rc = call ? traced_seize(job->pid) : -ENOMEM;

	if (!rc) {
		atomic_store(&tracer.traces, true);
		rc = give(job);
	}
	if (!rc)
		rc = stop_behind_call(job, 0);
	if (!rc && traced_call_begin(call, false, job->group_stops))
		make_mmap(job, call);
	else
		traced_call_destroy(call);
	return rc < 0 ? rc : 0;
}

static int stop_for(struct job *job)
{
	const pid_t tid = (pid_t)job->request->call->pid;
	struct traced_call *call = traced_call_create(tid);
	bool fresh;
	long result;
	int rc = call ? traced_seize_thread(tid, &fresh) : -ENOMEM;

	/* What it gives may fail: that is for the work. */
	if (!rc && job->fd)
		(void)give(job);
	if (!rc)
		rc = stop_behind_call(job, 0);
	if (rc || !traced_call_begin(call, fresh, job->group_stops)) {
		traced_call_destroy(call);
		return rc < 0 ? rc : 0;
	}
	stopped = call;
	result = job->work(job->arg);
	stopped = NULL;
	end_call(job, call, result);
	return 0;
}

/* Of the process, only its first thread is seen by its parent. */
static int release(struct job *job)
{
	const pid_t tid = (pid_t)job->request->call->pid;
	int rc;

	if (tid != job->pid && !ptrace(PTRACE_INTERRUPT, job->pid, NULL, NULL) &&
	    wait_for_interrupt(job, job->pid))
		(void)ptrace(PTRACE_DETACH, job->pid, NULL, NULL);
	rc = stop_behind_call(job, -RESTARTS_CALL);
	if (!rc)
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
	return rc < 0 ? rc : 0;
}

static struct job *take_job(void)
{
	struct job *job;

	lock_acquire(&tracer.lock);
	job = tracer.jobs;
	if (job)
		tracer.jobs = job->next;
	lock_release(&tracer.lock);
	return job;
}

static void do_jobs(void)
{
	struct job *job;

	while ((job = take_job())) {
		int error = job->run(job);

		lock_acquire(&tracer.lock);
		job->error = error;
		job->done = true;
		condition_broadcast(&tracer.done);
		lock_release(&tracer.lock);
	}
}

/* Has the tracer do @job. */
static void await(struct job *job)
{
	lock_acquire(&tracer.lock);
	job->next = tracer.jobs;
	tracer.jobs = job;
	if (tracer.waits)
		(void)pthread_kill(tracer.thread, SIGCHLD);
	while (!job->done)
		lock_wait(&tracer.lock, &tracer.done);
	lock_release(&tracer.lock);
}

/* Has the tracer do @job, unless the process makes it wait. True: the call has been answered. */
static bool carry_out(struct job *job)
{
	if (!atomic_load(&job->request->client->stalls))
		await(job);
	if (job->fd && !job->given)
		close(*job->fd);
	return job->answered;
}

bool tracer_map(struct request *request, int fd, uint64_t offset, int *error)
{
	struct job job = {.run = finish_mmap,
			  .request = request,
			  .pid = request->client->caller.pid,
			  .fd = &fd,
			  .offset = offset,
			  .error = -ETIMEDOUT};
	const bool answered = carry_out(&job);

	*error = job.error;
	return answered;
}

bool tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg)
{
	struct job job = {.run = stop_for,
			  .request = request,
			  .pid = request->client->caller.pid,
			  .fd = fd,
			  .work = work,
			  .arg = arg};

	return carry_out(&job);
}

bool tracer_release(struct request *request)
{
	struct job job = {.run = release, .request = request, .pid = request->client->caller.pid};

	if (!atomic_load(&tracer.traces) || !traced_has(request->task))
		return false;
	await(&job);
	return job.answered;
}

#else

static void handle_stop(pid_t tid, int status)
{
	(void)tid;
	(void)status;
}

static void do_jobs(void)
{
}

bool tracer_map(struct request *request, int fd, uint64_t offset, int *error)
{
	(void)request;
	close(fd);
	(void)offset;
	*error = -ENOSYS;
	return false;
}

bool tracer_stop_for(struct request *request, int *fd, long (*work)(void *arg), void *arg)
{
	(void)request;
	if (fd)
		close(*fd);
	(void)work;
	(void)arg;
	return false;
}

long tracer_make_call(const struct seccomp_data *call)
{
	(void)call;
	return -ENOSYS;
}

bool tracer_release(struct request *request)
{
	(void)request;
	return false;
}

#endif

/* ---- waiting ---- */

/* Blocks all signals but those of faults: memory of programs is copied (mem/guard.h). */
static void begin(void)
{
	sigset_t faults;

	sigemptyset(&faults);
	sigaddset(&faults, SIGSEGV);
	sigaddset(&faults, SIGBUS);
	pthread_sigmask(SIG_UNBLOCK, &faults, NULL);
	lock_acquire(&tracer.lock);
	tracer.thread = pthread_self();
	tracer.waits = true;
	lock_release(&tracer.lock);
}

/*
 * Does what is to be done. Returns the PID of a child that has ended, with its status; 0: nothing
 * is left to do; -1: nor is there a child.
 */
static pid_t work(int *status)
{
	pid_t pid;

	for (;;) {
		do_jobs();
		if (tracer.end_count) {
			*status = tracer.ends[--tracer.end_count].status;
			return tracer.ends[tracer.end_count].pid;
		}
		pid = waitpid(-1, status, WNOHANG | __WALL);
		if (pid > 0 && WIFSTOPPED(*status))
			handle_stop(pid, *status);
		else if (pid >= 0 || errno != EINTR)
			break;
	}
	if (pid > 0)
		traced_call_ended(pid);
	return pid;
}

pid_t tracer_wait(bool hang, int *status)
{
	sigset_t child;
	pid_t pid;

	if (!tracer.waits)
		begin();
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	while ((pid = work(status)) == 0 && hang)
		(void)sigwaitinfo(&child, NULL);
	return pid;
}

int tracer_serve(const sigset_t *ends, int ms)
{
	const struct timespec patience = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t awaited = *ends;
	int signo, status;

	if (!tracer.waits)
		begin();
	sigaddset(&awaited, SIGCHLD);
	do {
		while (work(&status) > 0)
			continue;
		signo = ms < 0 ? sigwaitinfo(&awaited, NULL)
			       : sigtimedwait(&awaited, NULL, &patience);
	} while (signo == SIGCHLD || (signo < 0 && errno == EINTR));
	return signo < 0 ? 0 : signo;
}
