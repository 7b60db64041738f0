/* SPDX-License-Identifier: MIT */
/* Entering costs a change of the cancellation state and the fence of world_enter(). */
#include "preload/engine/call.h"

#include <errno.h>
#include <pthread.h>

#include "base/lock.h"
#include "base/world.h"
#include "preload/engine/control.h"
#include "report/stack.h"

enum {
	PATIENCE_MS = 200, /* longer than a fork needs to copy a large program */
};

static __thread bool inside_libc __attribute__((tls_model("initial-exec")));

bool engine_inside_libc(bool inside)
{
	const bool before = inside_libc;

	inside_libc = inside;
	return before;
}

bool engine_is_inside_libc(void)
{
	return inside_libc;
}

void engine_enter(struct engine_call *call)
{
	if (!defer_active())
		lock_assert_none_from(LOCK_NONE);
	defer_begin(&call->section);
	call->outermost = stack_enter();
	control_check();
	/*
	 * A thread's first entry may find no memory. A fork then does not wait for this call, which
	 * is better than not to make the call: closing must not fail.
	 */
	call->in_world = (inside_libc ? world_enter_within(PATIENCE_MS) : world_enter()) == 0;
}

void engine_leave(const struct engine_call *call)
{
	if (call->in_world)
		world_leave();
	stack_leave(call->outermost);
	defer_end(&call->section);
}

struct description *engine_enter_fd(struct engine_call *call, int fd)
{
	struct description *description;

	if (!fdtable_has(fd))
		return NULL;
	engine_enter(call);
	description = fdtable_get(fd);
	if (!description)
		engine_leave(call);
	return description;
}

void engine_leave_fd(const struct engine_call *call, struct description *description)
{
	description_put(description);
	engine_leave(call);
}

void engine_cancellation_point(void)
{
	if (!defer_active())
		pthread_testcancel();
}

void engine_leave_cancelled(const struct engine_call *call, struct description *description,
			    long rc)
{
	engine_leave_fd(call, description);
	if (rc == -EINTR)
		engine_cancellation_point();
}

void engine_release(struct description *description)
{
	struct engine_call call;

	engine_enter(&call);
	engine_leave_fd(&call, description);
}
