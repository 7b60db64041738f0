/* SPDX-License-Identifier: MIT */
/*
 * A job is what a thread of the server wants done with a call. One is to finish an mmap(): the
 * tracer seizes the program, answers the call with 0, and so finds the thread behind its `syscall`
 * instruction, which it executes again with arguments of its own: mmap() of the descriptor that the
 * program was given, and close() of that.
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

#include "base/file.h"
#include "base/lock.h"
#include "server/filter.h"
#include "server/program_fd.h"
#include "server/traced_access.h"

enum {
	ENDS = 64, /* that have been seen while something else was waited for */
};

struct job {
	struct job *next;
	int (*run)(struct job *job);
	const struct request *request;
	pid_t pid;
	union {
		struct {
			int fd; /* the program's */
			uint64_t offset;
		};
		struct {
			long (*work)(void *arg);
			void *arg;
		};
	};
	bool done, answered; /* @answered: the call is over, whatever became of it */
	int error;
};

static struct {
	struct lock lock;
	struct condition done;
	struct job *jobs;
	pthread_t thread; /* the tracer, once @waits */
	bool waits;
	atomic_bool traces; /* or has traced anything */
	atomic_int makes;   /* the thread whose call is made by us; 0: none */

	struct {
		pid_t pid;
		int status;
	} ends[ENDS];
	size_t end_count;
} tracer = {
	.lock = LOCK_INIT(LOCK_SERVER),
};

bool tracer_makes(pid_t tid)
{
	return atomic_load_explicit(&tracer.makes, memory_order_acquire) == tid;
}

/* ---- stops ---- */

#if FILE_CAN_TRAP

/* A thread that is stopped behind its call. */
struct stopped {
	pid_t tid;
	struct user_regs_struct regs;
	uint64_t mask; /* of its signals */
};

static const struct stopped *stopped; /* for whose call there is work */

static void resume(pid_t tid, int signo)
{
	(void)ptrace(PTRACE_CONT, tid, NULL, (void *)(long)signo);
}

static bool stops_group(int signo)
{
	return signo == SIGSTOP || signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;
}

/* The kernel's own results of calls that a signal has interrupted. */
enum {
	RESTARTS_IF_HANDLER_SAYS = 512, /* ERESTARTSYS */
	RESTARTS_CALL = 513,		/* ERESTARTNOINTR */
};

/*
 * A signal is about to be delivered. If it ends an ioctl of ours before a thread of the server has
 * received that, the call is made again after the handler, as if the signal had come before it.
 */
static void save_call(pid_t tid)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &regs) || regs.orig_rax != SYS_ioctl ||
	    (regs.rsi >> 8 & 0xff) != FILTER_IOCTL_TYPE ||
	    (long)regs.rax != -RESTARTS_IF_HANDLER_SAYS)
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

/* Goes on to the next entry or end of a system call. False: the thread has ended. */
static bool step_call(pid_t tid)
{
	int status;

	do {
		if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL))
			return false;
		status = wait_for_stop(tid);
	} while (status >= 0 && WSTOPSIG(status) != (SIGTRAP | 0x80));
	return status >= 0;
}

/* Executes system call @number at the instruction before @at. False: the thread has ended. */
static bool inject(pid_t tid, const struct user_regs_struct *at, long number,
		   const uint64_t args[6], long *result)
{
	struct user_regs_struct regs = *at;
	bool lives;

	regs.rip -= 2; /* `syscall` */
	regs.rax = (unsigned long long)number;
	regs.orig_rax = (unsigned long long)-1;
	regs.rdi = args[0];
	regs.rsi = args[1];
	regs.rdx = args[2];
	regs.r10 = args[3];
	regs.r8 = args[4];
	regs.r9 = args[5];
	/* The filter stops it, too: no thread that answers may wait for the tracer then. */
	atomic_store_explicit(&tracer.makes, tid, memory_order_release);
	lives = !ptrace(PTRACE_SETREGS, tid, NULL, &regs) && step_call(tid) && step_call(tid) &&
		!ptrace(PTRACE_GETREGS, tid, NULL, &regs);
	atomic_store_explicit(&tracer.makes, 0, memory_order_release);
	if (!lives)
		return false;
	*result = (long)regs.rax;
	return true;
}

/* The thread is behind its call. No handler may run on its registers. False: it has ended. */
static bool hold(pid_t tid, struct stopped *thread)
{
	uint64_t all = UINT64_MAX;

	*thread = (struct stopped){.tid = tid};
	return !ptrace(PTRACE_GETREGS, tid, NULL, &thread->regs) &&
	       !ptrace(PTRACE_GETSIGMASK, tid, (void *)sizeof(thread->mask), &thread->mask) &&
	       !ptrace(PTRACE_SETSIGMASK, tid, (void *)sizeof(all), &all);
}

/* It may go on, with the result of its call. */
static void let_go(struct stopped *thread, long result)
{
	thread->regs.rax = (unsigned long long)result;
	thread->regs.orig_rax = (unsigned long long)-1;
	(void)ptrace(PTRACE_SETREGS, thread->tid, NULL, &thread->regs);
	(void)ptrace(PTRACE_SETSIGMASK, thread->tid, (void *)sizeof(thread->mask), &thread->mask);
}

/* The thread is behind its call, whose result is still open. */
static void finish_call(pid_t tid, const struct job *job)
{
	const __u64 *args = job->request->call->data.args;
	const uint64_t map[6] = {args[0], args[1],	     args[2],
				 args[3], (uint64_t)job->fd, job->offset};
	const uint64_t closing[6] = {(uint64_t)job->fd};
	struct stopped thread;
	long result, unused;

	if (!hold(tid, &thread) || !inject(tid, &thread.regs, SYS_mmap, map, &result) ||
	    !inject(tid, &thread.regs, SYS_close, closing, &unused))
		return;
	let_go(&thread, result);
	resume(tid, 0);
}

long tracer_make_call(const struct seccomp_data *call)
{
	uint64_t args[6];
	long result;

	for (int i = 0; i < 6; i++)
		args[i] = call->args[i];
	return inject(stopped->tid, &stopped->regs, call->nr, args, &result) ? result : 0;
}

/* ---- jobs ---- */

/* Waits until @tid stops as it was interrupted to. False: it has ended. */
static bool wait_for_interrupt(pid_t tid)
{
	int status;

	while ((status = wait_for_stop(tid)) >= 0) {
		if (status >> 16 == PTRACE_EVENT_STOP)
			return true;
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
	return wait_for_interrupt(tid) ? 0 : 1;
}

static int finish_mmap(struct job *job)
{
	int rc = traced_seize(job->pid);

	if (rc)
		return rc;
	atomic_store(&tracer.traces, true);
	rc = stop_behind_call(job, 0);
	if (!rc)
		finish_call((pid_t)job->request->call->pid, job);
	return rc < 0 ? rc : 0;
}

static int stop_for(struct job *job)
{
	const pid_t tid = (pid_t)job->request->call->pid;
	struct stopped thread;
	bool fresh;
	int rc = traced_seize_thread(tid, &fresh);

	if (!rc)
		rc = stop_behind_call(job, 0);
	if (rc || !hold(tid, &thread))
		return rc < 0 ? rc : 0;
	stopped = &thread;
	let_go(&thread, job->work(job->arg));
	stopped = NULL;
	if (fresh)
		(void)ptrace(PTRACE_DETACH, tid, NULL, NULL);
	else
		resume(tid, 0);
	return 0;
}

/* Of the process, only its first thread is seen by its parent. */
static int release(struct job *job)
{
	const pid_t tid = (pid_t)job->request->call->pid;
	int rc;

	if (tid != job->pid && !ptrace(PTRACE_INTERRUPT, job->pid, NULL, NULL) &&
	    wait_for_interrupt(job->pid))
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

bool tracer_map(struct request *request, int fd, uint64_t offset, int *error)
{
	struct job job = {.run = finish_mmap,
			  .request = request,
			  .pid = request->client->caller.pid,
			  .offset = offset,
			  .fd = program_fd_give(request, fd, O_CLOEXEC, false)};

	*error = job.fd;
	/* Before the program goes on: what holds it is the program's mapping alone. */
	close(fd);
	if (job.fd < 0)
		return false;
	await(&job);
	*error = job.error;
	return job.answered;
}

bool tracer_stop_for(struct request *request, long (*work)(void *arg), void *arg)
{
	struct job job = {.run = stop_for,
			  .request = request,
			  .pid = request->client->caller.pid,
			  .work = work,
			  .arg = arg};

	await(&job);
	return job.answered;
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

bool tracer_stop_for(struct request *request, long (*work)(void *arg), void *arg)
{
	(void)request;
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
			return pid;
	}
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
