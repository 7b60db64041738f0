/* SPDX-License-Identifier: MIT */
/*
 * The kernel looks at the range first, then at a byte of the thread's own. The range is the code of
 * the C library, whose own calls are caught by detours and cost nothing more here; our own enter
 * the kernel by an instruction there, too (sys_set_gate()). The byte always says that the rest is
 * dispatched, until the thread ends.
 *
 * The handler does no work. It changes where the thread goes on, and returns: what follows runs
 * with the program's signal mask, on a stack of our own, and can block, be interrupted and jump out
 * as any call of the program can.
 *
 * The program's action for SIGSYS is under `action_busy`, which is held with all signals blocked,
 * as the handler takes it.
 */
#include "preload/trap/user_dispatch.h"

#include <errno.h>
#include <link.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "base/check.h"
#include "base/log.h"
#include "base/sys.h"
#include "mem/guard.h"
#include "preload/start/real.h"
#include "preload/trap/detour.h"
#include "preload/trap/entry.h"
#include "preload/trap/scan.h"

#if ENTRY_SUPPORTED

/* Missing in older headers. */
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON	     1
#endif

enum {
	SELECT_ALLOW,
	SELECT_BLOCK,
	CODE_USER_DISPATCH = 2, /* si_code of its SIGSYS */
};

static struct {
	bool (*wanted)(long number);
	_Atomic bool on, refused;
	atomic_flag action_busy;
	struct sigaction action; /* the program's */
} dispatch = {.action_busy = ATOMIC_FLAG_INIT};

static __thread volatile unsigned char selector __attribute__((tls_model("initial-exec")));

/* The program has calls of this thread dispatched to itself, and has them all. */
static __thread volatile bool handed_over __attribute__((tls_model("initial-exec")));

bool user_dispatch_on(void)
{
	return atomic_load_explicit(&dispatch.on, memory_order_relaxed);
}

/* ---- the program's own action ---- */

static void action_lock(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	sys_sigmask(SIG_SETMASK, &all, mask);
	while (atomic_flag_test_and_set_explicit(&dispatch.action_busy, memory_order_acquire))
		(void)SYS(SYS_sched_yield);
}

static void action_unlock(const sigset_t *mask)
{
	atomic_flag_clear_explicit(&dispatch.action_busy, memory_order_release);
	sys_sigmask(SIG_SETMASK, mask, NULL);
}

int user_dispatch_sigaction(const struct sigaction *act, struct sigaction *old)
{
	struct sigaction was;
	sigset_t mask;

	action_lock(&mask);
	was = dispatch.action;
	if (act)
		dispatch.action = *act;
	action_unlock(&mask);
	if (old)
		*old = was;
	return 0;
}

/* The kernel ends a program that makes a dispatched call while the signal is blocked. */
static void unblock(void)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGSYS);
	sys_sigmask(SIG_UNBLOCK, &mask, NULL);
}

/* What the kernel does if there is no handler. */
static void end_program(void)
{
	const struct sigaction none = {.sa_handler = SIG_DFL};

	(void)REAL(sigaction)(SIGSYS, &none, NULL);
	(void)SYS(SYS_tgkill, SYS(SYS_getpid), SYS(SYS_gettid), SIGSYS);
	unblock();
}

/* A SIGSYS of another origin: a seccomp filter, or kill(). */
static void forward(int signo, siginfo_t *info, ucontext_t *context)
{
	struct sigaction act;
	sigset_t mask, was;

	user_dispatch_sigaction(NULL, &act);
	if (act.sa_handler == SIG_IGN && info->si_code <= 0)
		return;
	if (act.sa_handler == SIG_DFL || act.sa_handler == SIG_IGN) {
		end_program();
		return;
	}
	sigorset(&mask, &context->uc_sigmask, &act.sa_mask);
	sys_sigmask(SIG_SETMASK, &mask, &was);
	/* A handler that takes only the number ignores the other arguments. */
	act.sa_sigaction(signo, info, context);
	sys_sigmask(SIG_SETMASK, &was, NULL);
}

/*
 * A call that the program has dispatched to itself. Before its handler has said otherwise, the
 * kernel would hand over calls that are made here, too.
 */
static void forward_call(int signo, siginfo_t *info, void *context)
{
	struct sigaction act;

	while (atomic_flag_test_and_set_explicit(&dispatch.action_busy, memory_order_acquire))
		__builtin_ia32_pause();
	act = dispatch.action;
	atomic_flag_clear_explicit(&dispatch.action_busy, memory_order_release);
	if (act.sa_handler == SIG_DFL || act.sa_handler == SIG_IGN)
		end_program();
	else
		act.sa_sigaction(signo, info, context);
}

/* ---- dispatched calls ---- */

/* Calls that do not return, and one that reads the stack at its own stack pointer. */
static bool leaves(long number)
{
	return number == SYS_rt_sigreturn || number == SYS_exit || number == SYS_exit_group;
}

static void on_dispatch(int signo, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	greg_t *regs = context->uc_mcontext.gregs;

	if (info->si_code == CODE_USER_DISPATCH && handed_over) {
		forward_call(signo, info, data);
		return;
	}
	if (info->si_code != CODE_USER_DISPATCH) {
		forward(signo, info, context);
		return;
	}
	if (leaves(regs[REG_RAX])) {
		regs[REG_RIP] = (greg_t)(uintptr_t)detours_libc()->gate;
		return;
	}
	regs[REG_R11] = regs[REG_RIP];
	regs[REG_RIP] = (greg_t)(uintptr_t)entry_dispatched;
}

static int install_handler(void)
{
	struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};

	sigfillset(&act.sa_mask);
	act.sa_sigaction = on_dispatch;
	return REAL(sigaction)(SIGSYS, &act, &dispatch.action) ? -errno : 0;
}

void user_dispatch_begin_thread(void)
{
	const struct detour_libc *libc = detours_libc();
	long rc;

	if (!user_dispatch_on() || sys_confined() || !entry_make_stack())
		return;
	unblock();
	selector = SELECT_BLOCK;
	rc = SYS(SYS_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, libc->code,
		 libc->end - libc->code, &selector);
	if (!rc || atomic_exchange_explicit(&dispatch.refused, true, memory_order_relaxed))
		return;
	log_info("the kernel does not dispatch system calls (%s): those that the program makes "
		 "without the C library are not followed",
		 strerror((int)-rc));
}

void user_dispatch_hand_over(bool on)
{
	handed_over = on;
	if (!on)
		user_dispatch_begin_thread();
}

void user_dispatch_end_thread(void)
{
	selector = SELECT_ALLOW;
	entry_drop_stack();
}

/* ---- which programs ---- */

/*
 * A sanitizer that gcc has linked into the program shows no symbols, only the name of its options.
 * Looks at the program itself, the first of all objects.
 */
static int look_for_runtime(struct dl_phdr_info *info, size_t size, void *found)
{
	static const char *const names[] = {"ASAN_OPTIONS", "MSAN_OPTIONS", "TSAN_OPTIONS",
					    "LSAN_OPTIONS"};

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
			if (part->p_type == PT_LOAD && part->p_flags == PF_R &&
			    memmem((const char *)info->dlpi_addr + part->p_vaddr, part->p_filesz,
				   names[n], strlen(names[n]) + 1))
				*(bool *)found = true;
		}
	}
	return 1;
}

static void turn_on(void)
{
	bool sanitized = false;

	if (user_dispatch_on() || !detours_libc())
		return;
	(void)dl_iterate_phdr(look_for_runtime, &sanitized);
	if (sanitized)
		return;
	if (install_handler())
		return;
	sys_set_gate(detours_libc()->gate);
	atomic_store_explicit(&dispatch.on, true, memory_order_release);
	user_dispatch_begin_thread();
}

void user_dispatch_may_open(void)
{
	if (dispatch.wanted && !user_dispatch_on())
		detours_install_linker();
}

/* How much of [@start, @start + @len) can be read: a mapping may be longer than its file. */
static size_t readable_len(const unsigned char *start, size_t len)
{
	const size_t pages = (len + PAGE_SIZE - 1) / PAGE_SIZE;
	size_t done = 0;
	unsigned int step;

	for (unsigned int most = GUARD_TOUCHES; done < pages; done += step) {
		step = (unsigned int)min_u64(pages - done, most);
		if (!guard_touch((void *)(start + done * PAGE_SIZE), step, false))
			continue;
		if (most == 1)
			break;
		/* One of these: from here on page by page. */
		most = 1;
		step = 0;
	}
	return min_u64(done * PAGE_SIZE, len);
}

void user_dispatch_look_at(const void *code, size_t len)
{
	const unsigned char *start = code;

	if (!dispatch.wanted || user_dispatch_on())
		return;
	if (scan_makes_calls(start, start + readable_len(start, len), dispatch.wanted))
		turn_on();
}

static bool begins(const char *text, const char *start)
{
	return strncmp(text, start, strlen(start)) == 0;
}

/*
 * Libraries whose calls are not the program's: the C library and its linker, the kernel's page, and
 * this one.
 */
static bool is_exempt(const char *name)
{
	static const char *const names[] = {"libc.so",	  "libc.musl-", "ld-linux",
					    "ld-musl-",	  "linux-vdso", "libpthread.so.",
					    "libuiommufd"};
	const char *slash = strrchr(name, '/');

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (begins(slash ? slash + 1 : name, names[i]))
			return true;
	}
	return false;
}

static int look_at_object(struct dl_phdr_info *info, size_t size, void *found)
{
	(void)size;
	if (is_exempt(info->dlpi_name))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const unsigned char *code = (const unsigned char *)info->dlpi_addr + part->p_vaddr;

		if (part->p_type == PT_LOAD && part->p_flags & PF_X &&
		    scan_makes_calls(code, code + part->p_filesz, dispatch.wanted)) {
			*(bool *)found = true;
			return 1;
		}
	}
	return 0;
}

void user_dispatch_start(bool (*wanted)(long number))
{
	bool found = false;

	dispatch.wanted = wanted;
	dl_iterate_phdr(look_at_object, &found);
	if (found)
		turn_on();
}

#else

void user_dispatch_start(bool (*wanted)(long number))
{
	(void)wanted;
}

void user_dispatch_may_open(void)
{
}

void user_dispatch_look_at(const void *code, size_t len)
{
	(void)code, (void)len;
}

bool user_dispatch_on(void)
{
	return false;
}

void user_dispatch_begin_thread(void)
{
}

void user_dispatch_hand_over(bool on)
{
	(void)on;
}

void user_dispatch_end_thread(void)
{
}

int user_dispatch_sigaction(const struct sigaction *act, struct sigaction *old)
{
	(void)act, (void)old;
	return 0;
}

#endif
