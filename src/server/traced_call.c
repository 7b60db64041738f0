/* SPDX-License-Identifier: MIT */
/*
 * All is the tracer's own, but for who is late and whose call is being made: `late_lock` guards the
 * list, and `makes` is read by any thread.
 *
 * Cost of a call: two stops of the thread, and, as the filter stops it, too, an answer.
 */
#include "server/traced_call.h"

#include "server/tracer.h"

#if TRACER_CAN_TRAP

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/alloc.h"
#include "base/lock.h"

enum {
	PATIENCE = 1, /* seconds */
	SYSCALL_STOP = SIGTRAP | 0x80,
};

struct traced_call {
	struct traced_call *next; /* that is late */
	pid_t tid;
	struct user_regs_struct regs;
	uint64_t mask; /* of its signals */
	int stops;     /* that are awaited of what is being made: its entry and its end */
	bool detach, group_stops, late;
};

static struct lock late_lock = LOCK_INIT(LOCK_SERVER);
static struct traced_call *late GUARDED_BY(late_lock);
static atomic_uint late_count;
static atomic_int makes; /* the thread whose call is being made; 0: none */

static struct traced_call **find_late(pid_t tid) REQUIRES(late_lock)
{
	struct traced_call **at = &late;

	lock_assert_held(&late_lock);
	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

/* The call of @tid that is late, or NULL. Only the tracer may use it: it is what frees it. */
static struct traced_call *look_for(pid_t tid)
{
	struct traced_call *call;

	if (!atomic_load_explicit(&late_count, memory_order_acquire))
		return NULL;
	lock_acquire(&late_lock);
	call = *find_late(tid);
	lock_release(&late_lock);
	return call;
}

bool traced_call_makes(pid_t tid)
{
	return atomic_load_explicit(&makes, memory_order_acquire) == tid || look_for(tid);
}

/* ---- waiting ---- */

static bool is_over(const struct timespec *end)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec > end->tv_sec ||
	       (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

/* The end itself is for the thread's own waiting. A stop is told of, too, whether asked or not. */
static bool has_ended(pid_t tid)
{
	siginfo_t info = {.si_pid = 0};

	return waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) ||
	       (info.si_pid && info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED);
}

/* Waits until @tid stops, not beyond @end: its status; -1: it has ended; 0: neither. */
static int wait_for_stop(pid_t tid, const struct timespec *end)
{
	const struct timespec patience = {.tv_sec = PATIENCE};
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (;;) {
		siginfo_t info = {.si_pid = 0};

		if (!waitid(P_PID, (id_t)tid, &info, WSTOPPED | WNOHANG | __WALL) && info.si_pid)
			return info.si_status << 8 | 0x7f;
		if (has_ended(tid))
			return -1;
		if (is_over(end))
			return 0;
		(void)sigtimedwait(&child, NULL, &patience);
	}
}

/* Goes on to the next stop. @status is that of the last one: of signals, only SIGSTOP comes. */
static bool step(struct traced_call *call, int status)
{
	const int signo = WSTOPSIG(status);
	const bool event = status >> 16;

	call->group_stops |= event ? signo != SIGTRAP : signo == SIGSTOP;
	return !ptrace(PTRACE_SYSCALL, call->tid, NULL,
		       (void *)(!event && signo == SIGSTOP ? (long)signo : 0L));
}

/* Goes on until the call that is being made is over. False: the thread has ended, or is late. */
static bool finish(struct traced_call *call)
{
	struct timespec end;
	int status = 0;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += PATIENCE;
	while (call->stops) {
		if (!step(call, status))
			return false;
		status = wait_for_stop(call->tid, &end);
		call->late = status == 0;
		if (status <= 0)
			return false;
		if (WSTOPSIG(status) == SYSCALL_STOP)
			call->stops--;
	}
	return true;
}

/* ---- a call ---- */

struct traced_call *traced_call_create(pid_t tid)
{
	struct traced_call *call = alloc_zeroed(sizeof(*call));

	if (call)
		call->tid = tid;
	return call;
}

void traced_call_destroy(struct traced_call *call)
{
	alloc_free(call);
}

bool traced_call_begin(struct traced_call *call, bool detach, bool group_stops)
{
	uint64_t all = UINT64_MAX;

	call->detach = detach;
	call->group_stops = group_stops;
	return !ptrace(PTRACE_GETREGS, call->tid, NULL, &call->regs) &&
	       !ptrace(PTRACE_GETSIGMASK, call->tid, (void *)sizeof(call->mask), &call->mask) &&
	       !ptrace(PTRACE_SETSIGMASK, call->tid, (void *)sizeof(all), &all);
}

/* Makes the call of @regs, which become those behind it. */
static bool make_once(struct traced_call *call, struct user_regs_struct *regs)
{
	call->stops = 2;
	return !ptrace(PTRACE_SETREGS, call->tid, NULL, regs) && finish(call) &&
	       !ptrace(PTRACE_GETREGS, call->tid, NULL, regs);
}

bool traced_call_make(struct traced_call *call, long number, const uint64_t args[6], long *result)
{
	struct user_regs_struct regs, wanted = call->regs;
	bool lives;

	if (call->late)
		return false;
	wanted.rip -= 2; /* `syscall` */
	wanted.rax = (unsigned long long)number;
	wanted.orig_rax = (unsigned long long)-1;
	wanted.rdi = args[0];
	wanted.rsi = args[1];
	wanted.rdx = args[2];
	wanted.r10 = args[3];
	wanted.r8 = args[4];
	wanted.r9 = args[5];
	/* The filter stops it, too: no thread that answers may wait for the tracer then. */
	atomic_store_explicit(&makes, call->tid, memory_order_release);
	/* SIGSTOP ends it before a thread that answers has received it. */
	do {
		regs = wanted;
		lives = make_once(call, &regs);
	} while (lives && (long)regs.rax == -TRACED_CALL_RESTARTS);
	if (!call->late)
		atomic_store_explicit(&makes, 0, memory_order_release);
	*result = (long)regs.rax;
	return lives;
}

bool traced_call_is_late(const struct traced_call *call)
{
	return call->late;
}

/* The thread, which is stopped, goes on with @result. */
static void let_go(struct traced_call *call, long result)
{
	call->regs.rax = (unsigned long long)result;
	call->regs.orig_rax = (unsigned long long)-1;
	(void)ptrace(PTRACE_SETREGS, call->tid, NULL, &call->regs);
	(void)ptrace(PTRACE_SETSIGMASK, call->tid, (void *)sizeof(call->mask), &call->mask);
	if (call->detach) {
		(void)ptrace(PTRACE_DETACH, call->tid, NULL, NULL);
	} else {
		/* It stops at once, with its process. */
		if (call->group_stops)
			(void)ptrace(PTRACE_INTERRUPT, call->tid, NULL, NULL);
		(void)ptrace(PTRACE_CONT, call->tid, NULL, NULL);
	}
}

void traced_call_end(struct traced_call *call, long result)
{
	if (call->late) {
		lock_acquire(&late_lock);
		call->next = late;
		late = call;
		atomic_fetch_add_explicit(&late_count, 1, memory_order_release);
		lock_release(&late_lock);
		atomic_store_explicit(&makes, 0, memory_order_release);
	} else {
		let_go(call, result);
		alloc_free(call);
	}
}

/* ---- those that are late ---- */

void traced_call_ended(pid_t tid)
{
	struct traced_call **at, *call;

	if (!atomic_load_explicit(&late_count, memory_order_relaxed))
		return;
	lock_acquire(&late_lock);
	at = find_late(tid);
	call = *at;
	if (call) {
		*at = call->next;
		atomic_fetch_sub_explicit(&late_count, 1, memory_order_release);
	}
	lock_release(&late_lock);
	alloc_free(call);
}

bool traced_call_stopped(pid_t tid, int status)
{
	struct traced_call *call = look_for(tid);
	struct user_regs_struct regs;

	if (!call)
		return false;
	if (status >> 16 == PTRACE_EVENT_EXEC) {
		/* It is another program's thread now. */
		traced_call_ended(tid);
		return false;
	}
	if (WSTOPSIG(status) == SYSCALL_STOP)
		call->stops--;
	if (call->stops) {
		(void)step(call, status);
		return true;
	}
	if (!ptrace(PTRACE_GETREGS, tid, NULL, &regs))
		let_go(call, (long)regs.rax);
	traced_call_ended(tid);
	return true;
}

#else

void traced_call_ended(pid_t tid)
{
	(void)tid;
}

bool traced_call_makes(pid_t tid)
{
	(void)tid;
	return false;
}

#endif
