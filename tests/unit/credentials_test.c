/* SPDX-License-Identifier: MIT */
/* Capabilities and user IDs of the calling thread, as the caller sees them. */
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
#include "filters.h"
#include "mem/credentials.h"

enum {
	CAP = CAP_SYS_PACCT /* nothing here needs it */
};

/* Changes the calling thread alone. */
static void set_effective(bool on)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	assert_int_equal(sys_call(SYS_capget, (long)&header, (long)sets, 0, 0, 0, 0), 0);
	if (on)
		sets[CAP_TO_INDEX(CAP)].effective |= CAP_TO_MASK(CAP);
	else
		sets[CAP_TO_INDEX(CAP)].effective &= ~CAP_TO_MASK(CAP);
	assert_int_equal(sys_call(SYS_capset, (long)&header, (long)sets, 0, 0, 0, 0), 0);
}

static bool have_capability(void)
{
	return credentials_capable(CAP);
}

static void what_is_no_capability_nobody_has(void **state)
{
	(void)state;
	assert_false(credentials_capable(-1));
	assert_false(credentials_capable(63));
	assert_false(credentials_capable(64));
}

static void unwatched_credentials_are_asked_for_each_time(void **state)
{
	(void)state;
	assert_int_equal(credentials_uid(), getuid());
	if (!have_capability())
		skip();
	set_effective(false);
	assert_false(credentials_capable(CAP));
	set_effective(true);
	assert_true(credentials_capable(CAP));
}

/* Takes CAP from what the calling thread may ever have. */
static void give_up(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};

	(void)sys_call(SYS_capget, (long)&header, (long)sets, 0, 0, 0, 0);
	sets[CAP_TO_INDEX(CAP)].effective &= ~CAP_TO_MASK(CAP);
	sets[CAP_TO_INDEX(CAP)].permitted &= ~CAP_TO_MASK(CAP);
	(void)sys_call(SYS_capset, (long)&header, (long)sets, 0, 0, 0, 0);
}

/* From now on the system call capget ends the process. */
static bool forbid_question(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_capget, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(filter) / sizeof(filter[0]),
		.filter = filter,
	};

	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The steps of the next test, in a process of its own. 0, or which step failed. */
static int give_up_and_ask(void)
{
	give_up();
	if (credentials_capable(CAP))
		return 1;
	if (!forbid_question())
		return 2;
	return credentials_capable(CAP) ? 3 : 0;
}

static void what_is_not_permitted_any_more_is_not_asked_for_again(void **state)
{
	pid_t child;
	int status;

	(void)state;
	if (!has_filters())
		skip();
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(give_up_and_ask());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void *look(void *seen)
{
	*(bool *)seen = credentials_capable(CAP);
	return NULL;
}

static void watched_credentials_are_remembered_by_each_thread_until_they_change(void **state)
{
	pthread_t thread;
	bool seen;

	(void)state;
	if (!have_capability())
		skip();
	credentials_watch();
	assert_true(credentials_capable(CAP));
	set_effective(false);
	assert_true(credentials_capable(CAP));
	/* A new thread has those of its creator. */
	assert_int_equal(pthread_create(&thread, NULL, look, &seen), 0);
	pthread_join(thread, NULL);
	assert_false(seen);
	credentials_changed();
	assert_false(credentials_capable(CAP));
	set_effective(true);
	credentials_changed();
	assert_true(credentials_capable(CAP));
	assert_int_equal(credentials_uid(), getuid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_capability_nobody_has),
		cmocka_unit_test(unwatched_credentials_are_asked_for_each_time),
		cmocka_unit_test(what_is_not_permitted_any_more_is_not_asked_for_again),
		cmocka_unit_test(
			watched_credentials_are_remembered_by_each_thread_until_they_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
