/* SPDX-License-Identifier: MIT */
/*
 * Actions and masks of the program's signals.
 *
 * Our handlers stay in front of the program's. Those for SIGSEGV and SIGBUS, once something
 * emulated is open, forward what is not ours (mem/guard.h); those for other signals let a call into
 * the engine end first (process/defer.h).
 *
 * SIGSEGV and SIGBUS stay unblocked in the kernel, whatever the program asks: an access to mapped
 * registers is answered in their handler, and the kernel kills a thread that raises one of them
 * while it is blocked (QEMU blocks SIGBUS in every thread). What the program believes is kept for
 * each thread and returned when it asks.
 *
 * Where system calls of the program arrive as SIGSYS (trap/user_dispatch.h), the same holds for it.
 *
 * Not followed: masks of signal handlers (sa_mask) and of calls that wait (ppoll, sigsuspend),
 * which do not access registers meanwhile; and the mask that a new thread inherits: there the two
 * signals look unblocked.
 */
#include <signal.h>

#include "mem/guard.h"
#include "preload/process/defer.h"
#include "preload/start/libc.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "preload/trap/user_dispatch.h"

/* ---- actions ---- */

static bool is_guarded(int signo)
{
	/* Inside the engine it is guard_install() itself that asks. */
	return (signo == SIGSEGV || signo == SIGBUS) && guard_installed() && !defer_active();
}

/* SIGSYS, by which calls of the program reach us. */
static bool is_dispatched(int signo)
{
	return signo == SIGSYS && user_dispatch_on() && !defer_active();
}

static bool is_deferred(int signo)
{
	return defer_covers(signo) && root_active();
}

static bool is_ours(int signo)
{
	return is_guarded(signo) || is_dispatched(signo) || is_deferred(signo);
}

static int change_action(int signo, const struct sigaction *act, struct sigaction *old)
{
	struct sigaction open;

	if (is_dispatched(signo))
		return user_dispatch_sigaction(act, old);
	if (act && user_dispatch_on()) { /* or a handler that makes a call would end the program */
		open = *act;
		sigdelset(&open.sa_mask, SIGSYS);
		act = &open;
	}
	return is_guarded(signo) ? guard_sigaction(signo, act, old)
				 : defer_sigaction(signo, act, old);
}

EXPORT int sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	if (!is_ours(signo))
		return REAL(sigaction)(signo, act, old);
	return (int)libc_result(change_action(signo, act, old));
}

EXPORT_ALIAS(__sigaction, sigaction);

static sighandler_t change_handler(int signo, sighandler_t handler, int flags)
{
	struct sigaction act = {.sa_flags = flags};
	struct sigaction old;

	act.sa_handler = handler;
	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (!(flags & SA_NODEFER))
		sigaddset(&act.sa_mask, signo);
	if (libc_result(change_action(signo, &act, &old)) < 0)
		return SIG_ERR;
	return old.sa_handler;
}

EXPORT sighandler_t signal(int signo, sighandler_t handler)
{
	if (!is_ours(signo))
		return REAL(signal)(signo, handler);
	return change_handler(signo, handler, SA_RESTART);
}

EXPORT sighandler_t sysv_signal(int signo, sighandler_t handler)
{
	if (!is_ours(signo))
		return REAL(sysv_signal)(signo, handler);
	return change_handler(signo, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

EXPORT_ALIAS(bsd_signal, signal);
EXPORT_ALIAS(ssignal, signal);
EXPORT_ALIAS(__sysv_signal, sysv_signal);

/* ---- masks ---- */

enum {
	KEPT = 3,
};

/* The last one only where calls are dispatched. */
static const int kept[KEPT] = {SIGSEGV, SIGBUS, SIGSYS};

static int kept_count(void)
{
	return user_dispatch_on() ? KEPT : KEPT - 1;
}

/* Which of them the program believes to be blocked in this thread. */
static __thread bool hidden[KEPT] __attribute__((tls_model("initial-exec")));

typedef int (*sigmask_fn)(int how, const sigset_t *set, sigset_t *old);

static void remember(int how, const sigset_t *set)
{
	for (int i = 0; i < kept_count(); i++) {
		bool member = sigismember(set, kept[i]) == 1;

		if (how == SIG_SETMASK)
			hidden[i] = member;
		else if (member)
			hidden[i] = how == SIG_BLOCK;
	}
}

static int change_mask(sigmask_fn real, int how, const sigset_t *set, sigset_t *old)
{
	const int count = kept_count();
	bool before[KEPT];
	sigset_t kernel, asked;
	int rc;

	if (set) {
		asked = *set;
		kernel = asked;
		for (int i = 0; i < count && how != SIG_UNBLOCK; i++)
			sigdelset(&kernel, kept[i]);
	}
	for (int i = 0; i < count; i++)
		before[i] = hidden[i];
	rc = real(how, set ? &kernel : NULL, old);
	if (rc)
		return rc;
	if (set)
		remember(how, &asked);
	for (int i = 0; i < count && old; i++) {
		if (before[i])
			sigaddset(old, kept[i]);
	}
	return 0;
}

EXPORT int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return change_mask(REAL(sigprocmask), how, set, old);
}

EXPORT int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
	return change_mask(REAL(pthread_sigmask), how, set, old);
}
