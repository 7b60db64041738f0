/* SPDX-License-Identifier: MIT */
/*
 * A call that is caught goes to the function that replaces the C library's, and so means the same
 * whatever makes it (numbers.def). That function may make the very call through the C library, and
 * so be caught again. Three things end that:
 * - a path that has been resolved passes (path_is_resolved());
 * - inside the engine everything passes;
 * - inside an answer everything passes.
 *
 * Where the call was made, errno and cancellation are the caller's: an answer is a cancellation
 * point only where the C library has made the call one, by switching to asynchronous cancellation
 * around it.
 */
#include "preload/calls/call_dispatch.h"

#ifdef __x86_64__

#include <limits.h>
#include <linux/sched.h>
#include <pthread.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/sys.h"
#include "mem/credentials.h"
#include "mem/guard.h"
#include "mem/self.h"
#include "preload/calls/memory.h"
#include "preload/calls/old_entries.h"
#include "preload/calls/openat2.h"
#include "preload/calls/rlimits.h"
#include "preload/calls/uring.h"
#include "preload/engine/call.h"
#include "preload/engine/engine.h"
#include "preload/process/defer.h"
#include "preload/process/fdtable.h"
#include "preload/process/path.h"
#include "preload/start/real.h"
#include "preload/start/root.h"
#include "preload/trap/detour.h"
#include "preload/trap/scan.h"
#include "preload/trap/user_dispatch.h"

/* Newer than some headers. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup    425
#define SYS_io_uring_enter    426
#define SYS_io_uring_register 427
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

enum {
	NUMBERS = 512,
	KERNEL_SIGNALS = 8, /* bytes of the kernel's set of signals */
};

/* What of a call's arguments tells whether it may concern something emulated. */
enum rule {
	ON_NONE,
	ON_ANY,	    /* the number alone */
	ON_PATH,    /* the first argument is a path */
	ON_PATH_AT, /* the second is one */
	ON_FILE,    /* the first is a descriptor: of an emulated file */
	ON_FILES,   /* one of the first three is */
	ON_NUMBER,  /* the first is a descriptor of which something is known */
	ON_CONTROL, /* fcntl() */
	ON_MAP,	    /* mmap() */
	ON_MEMORY,  /* memory that a device may use */
	ON_CLONE,
};

struct answered {
	unsigned char rule;
	bool anywhere; /* also where the C library makes the call */
};

/* ---- answers ---- */

static long to_kernel(long number, const long *args)
{
	return libc_result(SYS(number, args[0], args[1], args[2], args[3], args[4], args[5]));
}

/* The kernel returns the length with the final zero. */
static long current_directory(const long *args)
{
	char path[PATH_MAX];
	size_t len;

	if (!getcwd(path, sizeof(path)))
		return -1;
	len = strlen(path) + 1;
	if ((size_t)args[1] < len)
		return libc_result(-ERANGE);
	return libc_result(self_write((uint64_t)args[0], path, len) ? -EFAULT : (long)len);
}

static long old_listing(const long *args)
{
	long len = getdents64((int)args[0], (void *)args[1], (unsigned int)args[2]);

	if (len > 0)
		old_entries((void *)args[1], len);
	return len;
}

/* Calls that the C library's function does not make as they are: it may look at the arguments. */
static long at_path(long number, const char *path, long second)
{
	struct path_at at;

	path_resolve(&at, AT_FDCWD, path, true);
	return libc_result(PATH_CALL(&at, SYS(number, at.path, second)));
}

static long at_directory(long number, const long *args, bool follow)
{
	struct path_at at;

	path_resolve(&at, (int)args[0], (const char *)args[1], follow);
	return libc_result(PATH_CALL(&at, SYS(number, at.dirfd, at.path, args[2], args[3])));
}

/* Without a path it is the descriptor that is meant, which utimensat() of the C library refuses. */
static long set_times(const long *args)
{
	if (!args[1])
		return to_kernel(SYS_utimensat, args);
	return utimensat((int)args[0], (const char *)args[1], (const struct timespec *)args[2],
			 (int)args[3]);
}

static long map(const long *args)
{
	long at = memory_mmap(args[0], args[1], args[2], args[3], args[4], args[5]);

	if (at >= 0 && args[2] & PROT_EXEC && !(args[3] & MAP_ANONYMOUS))
		user_dispatch_look_at((const void *)at, (size_t)args[1]);
	return libc_result(at);
}

/* What the kernel's rt_sigaction() takes. */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

static long change_action(const long *args)
{
	struct sigaction act = {0}, old = {0};
	struct kernel_action raw;

	if (args[3] != KERNEL_SIGNALS)
		return libc_result(-EINVAL);
	if (args[1]) {
		if (self_read(&raw, (uint64_t)args[1], sizeof(raw)))
			return libc_result(-EFAULT);
		act.sa_handler = (sighandler_t)(uintptr_t)raw.handler;
		act.sa_flags = (int)raw.flags;
		memcpy(&act.sa_mask, &raw.mask, sizeof(raw.mask));
	}
	if (sigaction((int)args[0], args[1] ? &act : NULL, &old))
		return -1;
	if (!args[2])
		return 0;
	raw = (struct kernel_action){
		.handler = (void *)(uintptr_t)old.sa_handler,
		.flags = (unsigned int)old.sa_flags,
		.restorer = (void *)(uintptr_t)old.sa_restorer,
	};
	memcpy(&raw.mask, &old.sa_mask, sizeof(raw.mask));
	return libc_result(self_write((uint64_t)args[2], &raw, sizeof(raw)) ? -EFAULT : 0);
}

static long change_mask(const long *args)
{
	sigset_t set, old;
	int error;

	if (args[3] != KERNEL_SIGNALS)
		return libc_result(-EINVAL);
	sigemptyset(&set);
	if (args[1] && self_read(&set, (uint64_t)args[1], KERNEL_SIGNALS))
		return libc_result(-EFAULT);
	error = pthread_sigmask((int)args[0], args[1] ? &set : NULL, &old);
	if (error)
		return libc_result(-error);
	if (args[2] && self_write((uint64_t)args[2], &old, KERNEL_SIGNALS))
		return libc_result(-EFAULT);
	return 0;
}

/* The kernel changes the credentials of this thread alone. */
static long with_credentials(long number, const long *args)
{
	long rc = to_kernel(number, args);

	credentials_changed();
	return rc;
}

#ifndef PR_SET_SYSCALL_USER_DISPATCH /* missing in older headers */
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

static long control_process(const long *args)
{
	long rc;

	if (args[0] == PR_SET_SECCOMP) {
		engine_keep_files();
		sys_confine();
	}
	rc = to_kernel(SYS_prctl, args);
	if (args[0] == PR_SET_SYSCALL_USER_DISPATCH && !rc)
		user_dispatch_hand_over(args[1]);
	return rc;
}

static long confine(const long *args)
{
	engine_keep_files();
	sys_confine();
	return to_kernel(SYS_seccomp, args);
}

/*
 * A rule for the shadow root in the program's @ruleset: its rules for /dev and /sys do not reach
 * what is emulated there. Each right by a call, since the ruleset refuses those that it does not
 * handle.
 */
static void permit_shadow_root(int ruleset)
{
	enum {
		PATH_BENEATH = 1,
		RIGHTS = 32,
	};
	struct {
		uint64_t rights;
		int32_t directory;
	} __attribute__((packed)) rule;
	int fd = (int)SYS(SYS_openat, AT_FDCWD, root_path(), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	rule.directory = fd;
	for (int i = 0; i < RIGHTS; i++) {
		rule.rights = UINT64_C(1) << i;
		(void)SYS(SYS_landlock_add_rule, ruleset, PATH_BENEATH, &rule, 0);
	}
	SYS(SYS_close, fd);
}

/* Landlock: the program opens only what it has named. */
static long confine_paths(const long *args)
{
	engine_keep_files();
	if (root_active())
		permit_shadow_root((int)args[0]);
	return to_kernel(SYS_landlock_restrict_self, args);
}

/*
 * The child would go on in the memory that this function returns by. It gets a copy instead; with
 * CLONE_VFORK the parent waits for it as before.
 */
static long clone_memory(const long *args)
{
	return libc_result(SYS(SYS_clone, args[0] & ~CLONE_VM, 0, args[2], args[3], args[4]));
}

/* ---- the table ---- */

#define P(i) ((void *)args[i])
#define I(i) ((int)args[i])
#define U(i) ((unsigned int)args[i])
#define Z(i) ((size_t)args[i])
#define L(i) (args[i])

/* As the C library's function returns it; @number is in the table. */
static long answer(long number, const long *args)
{
	switch (number) {
#define CALL(name, rule, where, expression) \
	case SYS_##name:                    \
		return expression;
#include "preload/calls/numbers.def"
	default:
		return libc_result(-ENOSYS);
	}
}

#define ANYWHERE true
#define DIRECT	 false

/* Without addresses: the linker would write to each page of it in every program. */
static const struct answered table[NUMBERS] = {
#define CALL(name, rule, where, expression) [SYS_##name] = {ON_##rule, where},
#include "preload/calls/numbers.def"
};

/* ---- which calls ---- */

/*
 * The innermost answer of this thread: an address on the stack of the answer. What is not on that
 * stack is not part of it: a handler may have jumped out.
 */
static __thread uintptr_t answering __attribute__((tls_model("initial-exec")));

GENERAL_REGISTERS static bool is_answering(void)
{
	return answering - (uintptr_t)__builtin_frame_address(0) < ENTRY_STACK_SIZE;
}

GENERAL_REGISTERS static bool is_known(long fd)
{
	return fdtable_has((int)fd) || fdtable_hint((int)fd) != PATH_HINT_NONE ||
	       sys_is_kept((int)fd);
}

GENERAL_REGISTERS static bool is_duplication(long cmd)
{
	return (int)cmd == F_DUPFD || (int)cmd == F_DUPFD_CLOEXEC;
}

/* Whether the mapping is recorded even if nothing emulated is open: shared files, and code. */
GENERAL_REGISTERS static bool is_recorded(const long *args)
{
	return !(args[3] & MAP_ANONYMOUS) && ((args[3] & MAP_SHARED) || (args[2] & PROT_EXEC));
}

GENERAL_REGISTERS static bool obeys(enum rule rule, const long *args)
{
	switch (rule) {
	case ON_ANY:
		return true;
	case ON_PATH:
		return args[0] && !path_is_resolved((const char *)args[0]);
	case ON_PATH_AT:
		return args[1] && !path_is_resolved((const char *)args[1]);
	case ON_FILE:
		return fdtable_has((int)args[0]);
	case ON_FILES:
		return is_known(args[0]) || is_known(args[1]) || is_known(args[2]);
	case ON_NUMBER:
		return is_known(args[0]);
	case ON_CONTROL:
		return is_duplication(args[1]) && is_known(args[0]);
	case ON_MAP:
		return detours_begun() || is_recorded(args);
	case ON_MEMORY:
		return detours_begun();
	default:
		return false;
	}
}

/*
 * A thread made without the C library begins on a stack of its own, with the address at which it
 * goes on and the register that pointed to that stack.
 */
GENERAL_REGISTERS static void place_child(struct caught_call *call)
{
	long *top = (long *)call->args[1];

	top[-1] = call->args[1];
	top[-2] = (long)call->next;
	top[-3] = (long)(uintptr_t)entry_child;
	call->args[1] = (long)(top - 3);
}

GENERAL_REGISTERS static bool clone_concerns(struct caught_call *call)
{
	if (call->number == SYS_vfork)
		return true;
	/* The stack is in a structure. As on an older kernel, the program takes clone(). */
	if (call->number == SYS_clone3)
		return true;
	if (!(call->args[0] & CLONE_VM))
		return false;
	if (!call->args[1])
		return true;
	place_child(call);
	return false;
}

GENERAL_REGISTERS bool dispatch_concerns(struct caught_call *call, bool dispatched)
{
	enum rule rule;

	if (call->number < 0 || call->number >= NUMBERS)
		return false;
	rule = table[call->number].rule;
	if (rule == ON_NONE || defer_active() || is_answering())
		return false;
	if (rule == ON_CLONE)
		return dispatched && clone_concerns(call);
	return obeys(rule, call->args);
}

/* ---- answering ---- */

struct surroundings {
	int error, cancel_type, cancel_state;
	uintptr_t answering;
	bool inside_libc;
};

static void enter(struct surroundings *outside, bool dispatched)
{
	outside->inside_libc = engine_inside_libc(!dispatched);
	outside->error = errno;
	outside->answering = answering;
	answering = (uintptr_t)__builtin_frame_address(0);
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &outside->cancel_type);
	if (outside->cancel_type == PTHREAD_CANCEL_DEFERRED)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &outside->cancel_state);
}

static void leave(const struct surroundings *outside)
{
	answering = outside->answering;
	(void)engine_inside_libc(outside->inside_libc);
	errno = outside->error;
	if (outside->cancel_type == PTHREAD_CANCEL_DEFERRED)
		pthread_setcancelstate(outside->cancel_state, NULL);
	else
		pthread_setcanceltype(outside->cancel_type, NULL);
}

long dispatch_answer(const struct caught_call *call, bool dispatched)
{
	struct surroundings outside;
	long rc;

	enter(&outside, dispatched);
	errno = 0;
	rc = answer(call->number, call->args);
	if (rc == -1 && errno)
		rc = -errno;
	leave(&outside);
	return rc;
}

/* ---- starting ---- */

static bool is_wanted_anywhere(long number)
{
	return number == SCAN_ANY_NUMBER ||
	       (number >= 0 && number < NUMBERS && table[number].anywhere);
}

/* Whether a program that makes call @number without the C library is to be dispatched. */
static bool is_wanted(long number)
{
	return number < NUMBERS && table[number].anywhere;
}

/* The runtimes of sanitizers, if the program has one. */
extern void __asan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));
extern void __lsan_do_leak_check(void) __attribute__((weak));

/* They make system calls of their own with all signals blocked, and some before they are ready. */
static bool has_sanitizer(void)
{
	return __asan_init || __hwasan_init || __msan_init || __tsan_init || __lsan_do_leak_check;
}

static void fork_child(void)
{
	detours_fork_child();
	user_dispatch_begin_thread();
}

static __attribute__((constructor)) void dispatch_start(void)
{
	preload_ready();
	if (!root_active() || !entry_set(dispatch_concerns, dispatch_answer))
		return;
	/* Its own calls would be dispatched. */
	if (sys_under_valgrind()) {
		log_info("valgrind: system calls without the C library's functions are not "
			 "followed");
		return;
	}
	detours_set(is_wanted_anywhere);
	if (__tsan_init)
		entry_stay_on_stack();
	if (has_sanitizer())
		log_info("a sanitizer: system calls that the program makes without the C library "
			 "are not followed");
	else
		user_dispatch_start(is_wanted);
	pthread_atfork(NULL, NULL, fork_child);
}

#endif
