/* SPDX-License-Identifier: MIT */
/*
 * SIGSEGV and SIGBUS stay unblocked in the kernel, whatever the program asks: an access to mapped
 * registers is answered in their handler, and a fault while they are blocked is death (QEMU, for
 * one, blocks SIGBUS in every thread). What the program believes is kept per thread, and told when
 * it asks.
 *
 * Not followed: masks of signal handlers (sa_mask) and of calls that wait (ppoll, sigsuspend),
 * which do not touch registers meanwhile; and what a new thread inherits, to which they look
 * unblocked.
 */
#include <signal.h>

#include "preload/start/real.h"

static const int kept[] = {SIGSEGV, SIGBUS};

enum {
	KEPT = sizeof(kept) / sizeof(kept[0])
};

/* Which of them the program believes to be blocked in this thread. */
static __thread bool hidden[KEPT] __attribute__((tls_model("initial-exec")));

typedef int (*sigmask_fn)(int how, const sigset_t *set, sigset_t *old);

static void remember(int how, const sigset_t *set)
{
	for (int i = 0; i < KEPT; i++) {
		bool member = sigismember(set, kept[i]) == 1;

		if (how == SIG_SETMASK)
			hidden[i] = member;
		else if (member)
			hidden[i] = how == SIG_BLOCK;
	}
}

static int change_mask(sigmask_fn real, int how, const sigset_t *set, sigset_t *old)
{
	bool before[KEPT];
	sigset_t kernel, asked;
	int rc;

	if (set) {
		asked = *set;
		kernel = asked;
		for (int i = 0; i < KEPT && how != SIG_UNBLOCK; i++)
			sigdelset(&kernel, kept[i]);
	}
	for (int i = 0; i < KEPT; i++)
		before[i] = hidden[i];
	rc = real(how, set ? &kernel : NULL, old);
	if (rc)
		return rc;
	if (set)
		remember(how, &asked);
	for (int i = 0; i < KEPT && old; i++) {
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
