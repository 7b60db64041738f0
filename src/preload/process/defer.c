/* SPDX-License-Identifier: MIT */
/*
 * Our handler stands in front of each of the program's. In a section it keeps the signal, and
 * returns with all other signals blocked, so the kernel queues them. At the end of the outermost
 * section the thread sends itself the signal that it kept, and unblocks. A section that no signal
 * interrupts pays one load.
 *
 * Invariants:
 * - a thread keeps at most one signal, and only in a section;
 * - outside of sections no signal is blocked by us.
 *
 * The program's action is one word for each signal, which a handler may read at any time. If
 * threads change the action of one signal at the same time, it may end with the handler of one of
 * them and the mask of the other.
 */
#include "preload/process/defer.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <ucontext.h>

#include "preload/start/real.h"

enum {
	SIGNALS = 64,
	FIRST_OF_LIBC = 32, /* the first of two that the C library keeps for itself */
};

/* The kernel's set of signals has one bit for each. */
#define SIGNAL_BIT(signo) (UINT64_C(1) << ((signo)-1))

static const uint64_t not_covered = SIGNAL_BIT(SIGSEGV) | SIGNAL_BIT(SIGBUS) | SIGNAL_BIT(SIGILL) |
				    SIGNAL_BIT(SIGFPE) | SIGNAL_BIT(SIGTRAP) | SIGNAL_BIT(SIGSYS) |
				    SIGNAL_BIT(SIGKILL) | SIGNAL_BIT(SIGSTOP) |
				    SIGNAL_BIT(FIRST_OF_LIBC) | SIGNAL_BIT(FIRST_OF_LIBC + 1);

/*
 * The program's handler; in bits that no address has, the flags of its action in which ours
 * differs.
 */
#define WANTED_SIGINFO	 (UINT64_C(1) << 62)
#define WANTED_RESETHAND (UINT64_C(1) << 63)
#define WANTED_HANDLER	 (WANTED_SIGINFO - 1)

static _Atomic uint64_t wanted[SIGNALS + 1];

/* The signal that a thread has kept, and its mask before. */
struct kept {
	siginfo_t info;
	uint64_t mask;
};

static __thread unsigned int depth __attribute__((tls_model("initial-exec"))); /* of sections */
static __thread bool waiting __attribute__((tls_model("initial-exec"))); /* @kept is a signal */
static __thread struct kept kept __attribute__((tls_model("initial-exec")));

GENERAL_REGISTERS bool defer_active(void)
{
	return depth != 0;
}

bool defer_covers(int signo)
{
	return signo >= 1 && signo <= SIGNALS && !(not_covered & SIGNAL_BIT(signo));
}

static void keep(const siginfo_t *info, ucontext_t *context)
{
	uint64_t blocked;

	assert(!waiting);
	kept.info = *info;
	memcpy(&kept.mask, &context->uc_sigmask, sizeof(kept.mask));
	blocked = kept.mask | ~not_covered;
	memcpy(&context->uc_sigmask, &blocked, sizeof(blocked));
	waiting = true;
}

static void on_signal(int signo, siginfo_t *info, void *context);

/* Turns @act, which may be our action, into what the program set. */
static void show_program_action(struct sigaction *act, uint64_t was)
{
	if (act->sa_sigaction != on_signal)
		return;
	act->sa_sigaction = (void (*)(int, siginfo_t *, void *))(uintptr_t)(was & WANTED_HANDLER);
	if (!(was & WANTED_SIGINFO))
		act->sa_flags &= ~SA_SIGINFO;
	if (was & WANTED_RESETHAND)
		act->sa_flags = (int)((unsigned int)act->sa_flags | SA_RESETHAND);
}

/* SA_RESETHAND: flags and mask stay, as the kernel has it. */
static void reset_handler(int signo, uint64_t action)
{
	struct sigaction act;

	if (REAL(sigaction)(signo, NULL, &act) || act.sa_sigaction != on_signal)
		return; /* another thread has changed it */
	show_program_action(&act, action);
	act.sa_handler = SIG_DFL;
	(void)REAL(sigaction)(signo, &act, NULL);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
	uint64_t action = atomic_load_explicit(&wanted[signo], memory_order_relaxed);
	void (*handler)(int, siginfo_t *, void *);

	if (defer_active()) {
		keep(info, context);
		return;
	}
	if (action & WANTED_RESETHAND)
		reset_handler(signo, action);
	/* A handler that takes only the number ignores the other arguments. */
	handler = (void (*)(int, siginfo_t *, void *))(uintptr_t)(action & WANTED_HANDLER);
	handler(signo, info, context);
}

static void unblock(uint64_t mask)
{
	(void)SYS(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
}

void defer_fork_child(void)
{
	assert(defer_active());
	if (!waiting)
		return;
	waiting = false;
	unblock(kept.mask);
}

static __attribute__((noinline)) void deliver(void)
{
	const struct kept now = kept;
	const int signo = now.info.si_signo;
	const long process = SYS(SYS_getpid), thread = SYS(SYS_gettid);

	waiting = false;
	if (SYS(SYS_rt_tgsigqueueinfo, process, thread, signo, &now.info))
		(void)SYS(SYS_tgkill, process, thread, signo);
	unblock(now.mask);
}

/*
 * The thread is in the section from the first step on and up to the last: a signal that arrives in
 * between waits.
 */
void defer_begin(struct defer_section *section)
{
	depth++;
	atomic_signal_fence(memory_order_seq_cst);
	section->saved_errno = errno;
	/*
	 * The C library looks at the type alone when a cancellation that was sent before arrives
	 * after the state has changed.
	 */
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &section->cancel_type);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &section->cancel_state);
}

void defer_end(const struct defer_section *section)
{
	assert(defer_active());
	pthread_setcancelstate(section->cancel_state, NULL);
	if (section->cancel_type != PTHREAD_CANCEL_DEFERRED)
		pthread_setcanceltype(section->cancel_type, NULL);
	errno = section->saved_errno;
	atomic_signal_fence(memory_order_seq_cst);
	if (--depth == 0 && waiting)
		deliver();
}

static bool is_handler(const struct sigaction *act)
{
	return act->sa_handler != SIG_DFL && act->sa_handler != SIG_IGN;
}

static uint64_t wanted_of(const struct sigaction *act)
{
	return (uint64_t)(uintptr_t)act->sa_sigaction |
	       (act->sa_flags & SA_SIGINFO ? WANTED_SIGINFO : 0) |
	       ((unsigned int)act->sa_flags & SA_RESETHAND ? WANTED_RESETHAND : 0);
}

/* The action with our handler in front of @act. *@was: what the program wanted before. */
static struct sigaction in_front(int signo, const struct sigaction *act, uint64_t *was)
{
	struct sigaction ours = *act;

	/*
	 * The child of a vfork shares our memory but has its own actions. And a function of the C
	 * library, whose own calls we do not see, may set an action again that it has read: ours.
	 */
	if (!is_handler(act) || act->sa_sigaction == on_signal || !preload_tracks_process())
		return ours;
	*was = atomic_exchange_explicit(&wanted[signo], wanted_of(act), memory_order_relaxed);
	ours.sa_sigaction = on_signal;
	ours.sa_flags = (int)(((unsigned int)act->sa_flags & ~(unsigned int)SA_RESETHAND) |
			      (unsigned int)SA_SIGINFO);
	return ours;
}

int defer_sigaction(int signo, const struct sigaction *act, struct sigaction *old)
{
	uint64_t was = atomic_load_explicit(&wanted[signo], memory_order_relaxed);
	struct sigaction next, former;

	if (act)
		next = in_front(signo, act, &was);
	if (REAL(sigaction)(signo, act ? &next : NULL, &former))
		return -errno;
	if (!old)
		return 0;
	show_program_action(&former, was);
	*old = former;
	return 0;
}
