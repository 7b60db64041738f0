/* SPDX-License-Identifier: MIT */
/*
 * What a thread remembers is valid while the generation is the same as when it was read. The
 * generation is read first, so a change in between makes the thread ask again.
 *
 * Without a generation a thread remembers one thing: which capabilities it can never have, because
 * its permitted set lacks them, which only exec extends. (A user namespace that it enters later
 * gives it rights over that namespace, which are not those that /dev/iommu asks for.)
 */
#include "mem/credentials.h"

#include <linux/capability.h>
#include <stdatomic.h>

#include "base/sys.h"

enum {
	CAPABILITIES = 32 * _LINUX_CAPABILITY_U32S_3
};

struct credentials {
	uint64_t generation; /* 0: nothing is known */
	uint64_t effective;  /* a bit for each capability */
	uint32_t uid;
};

_Static_assert(CAPABILITIES <= 64, "a set is one word");

static _Atomic uint64_t generation; /* 0: changes are not reported */
static __thread struct credentials known __attribute__((tls_model("initial-exec")));
static __thread uint64_t never __attribute__((tls_model("initial-exec")));

static uint64_t read_effective(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (sys_call(SYS_capget, (long)&header, (long)data, 0, 0, 0, 0))
		return 0;
	never = ~(data[0].permitted | (uint64_t)data[1].permitted << 32);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

static uint32_t read_uid(void)
{
	return (uint32_t)sys_call(SYS_getuid, 0, 0, 0, 0, 0, 0);
}

/* True: what is known is up to date. False: changes are not reported. */
static bool refresh(void)
{
	const uint64_t now = atomic_load_explicit(&generation, memory_order_acquire);

	if (!now)
		return false;
	if (known.generation != now) {
		known.effective = read_effective();
		known.uid = read_uid();
		known.generation = now;
	}
	return true;
}

bool credentials_capable(int cap)
{
	uint64_t bit;

	if (cap < 0 || cap >= CAPABILITIES)
		return false;
	bit = UINT64_C(1) << cap;
	if (refresh())
		return known.effective & bit;
	return !(never & bit) && (read_effective() & bit);
}

uint32_t credentials_uid(void)
{
	return refresh() ? known.uid : read_uid();
}

void credentials_watch(void)
{
	credentials_changed();
}

void credentials_changed(void)
{
	atomic_fetch_add_explicit(&generation, 1, memory_order_acq_rel);
}
