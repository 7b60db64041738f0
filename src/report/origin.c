/* SPDX-License-Identifier: MIT */
/* The ID of a thread is asked for once. */
#include "report/origin.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/sys.h"
#include "report/stack.h"

static bool with_stacks;
static __thread struct origin blamed;
static __thread const char *blamed_role;
static __thread uint32_t own_tid __attribute__((tls_model("initial-exec")));

void origin_record(bool stacks)
{
	with_stacks = stacks;
	observe(OBSERVER_REPORTS);
}

void origin_capture_now(struct origin *origin)
{
	origin->time = clock_ns();
	origin->stack = 0;
	origin->tid = 0;
	if (!stack_in_call())
		return;
	if (!own_tid)
		own_tid = (uint32_t)sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
	origin->tid = own_tid;
	if (with_stacks)
		origin->stack = stack_of_call();
}

void origin_capture(struct origin *origin)
{
	if (recording())
		origin_capture_now(origin);
	else
		*origin = (struct origin){.time = 0};
}

void origin_blame(const struct origin *origin, const char *role)
{
	blamed = *origin;
	blamed_role = role;
}

bool origin_take_blame(struct origin *origin, const char **role)
{
	*origin = blamed;
	*role = blamed_role;
	blamed_role = NULL;
	return *role;
}

void origin_fork_child(void)
{
	own_tid = 0;
}
