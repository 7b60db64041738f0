/* SPDX-License-Identifier: MIT */
/*
 * The program's signal handlers, in front of which ours stay: those for SIGSEGV and SIGBUS once
 * something emulated is open, to pass on what is not ours (mem/guard.h); the others, to let a call
 * end first (defer.h).
 */
#include <signal.h>

#include "mem/guard.h"
#include "preload/engine/call.h"
#include "preload/process/defer.h"
#include "preload/start/real.h"
#include "preload/start/root.h"

/* Not declared by today's headers. */
__typeof__(sigaction) __sigaction;
__typeof__(signal) bsd_signal;

static bool is_guarded(int signo)
{
	/* Inside the engine it is guard_install() itself that asks. */
	return (signo == SIGSEGV || signo == SIGBUS) && guard_installed() && !engine_busy();
}

static bool is_deferred(int signo)
{
	return defer_covers(signo) && root_active();
}

static int change_action(int signo, const struct sigaction *act, struct sigaction *old)
{
	return is_guarded(signo) ? guard_sigaction(signo, act, old)
				 : defer_sigaction(signo, act, old);
}

EXPORT int sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	if (!is_guarded(signo) && !is_deferred(signo))
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
	if (!is_guarded(signo) && !is_deferred(signo))
		return REAL(signal)(signo, handler);
	return change_handler(signo, handler, SA_RESTART);
}

EXPORT sighandler_t sysv_signal(int signo, sighandler_t handler)
{
	if (!is_guarded(signo) && !is_deferred(signo))
		return REAL(sysv_signal)(signo, handler);
	return change_handler(signo, handler, (int)(SA_RESETHAND | SA_NODEFER));
}

EXPORT_ALIAS(bsd_signal, signal);
EXPORT_ALIAS(ssignal, signal);
EXPORT_ALIAS(__sysv_signal, sysv_signal);
