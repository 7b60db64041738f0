/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "conformance.h"
#include "privilege.h"

enum {
	/* Of no range that distributions or containers hand out by default. */
	UNUSED_UID = 2123456789
};

static void capabilities(long call, struct __user_cap_data_struct sets[2])
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};

	if (syscall(call, &header, sets))
		conformance_fail(HERE, "capabilities: %s", strerror(errno));
}

bool has_capability(int capability)
{
	struct __user_cap_data_struct sets[2];

	capabilities(SYS_capget, sets);
	return sets[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

void drop_capability(int capability)
{
	struct __user_cap_data_struct sets[2];

	capabilities(SYS_capget, sets);
	sets[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	sets[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	sets[CAP_TO_INDEX(capability)].inheritable &= ~CAP_TO_MASK(capability);
	capabilities(SYS_capset, sets);
}

void limit_locked_pages(uint64_t pages)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		conformance_fail(HERE, "getrlimit: %s", strerror(errno));
	limit.rlim_cur = pages * PAGE;
	if (limit.rlim_cur > limit.rlim_max)
		skip_test("the hard limit of locked memory is too low");
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		conformance_fail(HERE, "setrlimit: %s", strerror(errno));
}

void become_nobody_else(void)
{
	if (!geteuid() && setresuid(UNUSED_UID, UNUSED_UID, UNUSED_UID)) {
		if (errno == EINVAL)
			skip_test("this user namespace has no other user");
		conformance_fail(HERE, "setresuid: %s", strerror(errno));
	}
	if (has_capability(CAP_IPC_LOCK))
		drop_capability(CAP_IPC_LOCK);
}
