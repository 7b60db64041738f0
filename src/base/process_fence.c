/* SPDX-License-Identifier: MIT */
/* See process_fence.h. The child of a fork inherits the registration, and registers once more. */
#include "base/process_fence.h"

#include <linux/membarrier.h>
#include <stdint.h>
#include <time.h>

#include "base/sys.h"

_Atomic bool process_fence_usable;

static long membarrier(int command)
{
	return sys_call(SYS_membarrier, command, 0, 0, 0, 0, 0);
}

/* As soon as the library is loaded: locks are released the faster way from then on. */
__attribute__((constructor)) static void prepare_early(void)
{
	(void)process_fence_prepare();
}

bool process_fence_prepare(void)
{
	atomic_store(&process_fence_usable, !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED));
	return process_fence_works();
}

/*
 * A processor keeps a store to itself for less than a microsecond, and no interrupt finds it still
 * there; a thread that is not running has nothing left.
 */
static void outlast_stores(void)
{
	static const struct timespec pause = {.tv_nsec = 20000000};
	struct timespec left = pause;

	while (sys_call_made(SYS_nanosleep, (long)&left, (long)&left, 0, 0, 0, 0) == -EINTR)
		;
	atomic_thread_fence(memory_order_seq_cst);
}

void process_fence(void)
{
	if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return;
	atomic_store(&process_fence_usable, false);
	outlast_stores();
}
