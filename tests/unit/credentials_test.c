/* SPDX-License-Identifier: MIT */
/* Capabilities and user IDs of the calling thread, as the caller sees them. */
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/sys.h"
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
		cmocka_unit_test(
			watched_credentials_are_remembered_by_each_thread_until_they_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
