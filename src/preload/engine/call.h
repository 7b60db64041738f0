/* SPDX-License-Identifier: MIT */
/*
 * The calls of the program into the engine.
 *
 * What runs engine code on a thread of the program stands between engine_enter() and
 * engine_leave(): signal handlers wait, errno stays, the thread is not cancelled (process/defer.h),
 * and a fork waits for it (base/world.h).
 *
 * Context: any thread, any signal handler; no lock may be held at the outermost entry.
 */
#ifndef PRELOAD_ENGINE_CALL_H
#define PRELOAD_ENGINE_CALL_H

#include <stdbool.h>

#include "base/own_call.h"
#include "preload/process/defer.h"
#include "preload/process/fdtable.h"
#include "vfio/work.h"

struct engine_call {
	struct defer_section section;
	bool in_world;
	bool outermost; /* of the thread: what is farther out is the program */
};

/*
 * The calling thread is, or is not any more, in the middle of a function of the C library, whose
 * locks it may hold. A fork stops the world and then takes the allocator's locks, so such a thread
 * must not wait for it for ever. If it has waited long enough for that to be the reason, it goes on
 * without: the fork then waits for this thread. Returns what was set before.
 */
bool engine_inside_libc(bool inside);

/* What was set last. */
bool engine_is_inside_libc(void);

/* Enters; calls nest. */
void engine_enter(struct engine_call *call);
void engine_leave(const struct engine_call *call);

/*
 * Enters with a reference to what @fd stands for. NULL if @fd is not emulated; then the thread is
 * not inside. The reference is taken inside, as a signal handler could jump out with it.
 */
struct description *engine_enter_fd(struct engine_call *call, int fd);

/* Puts @description and leaves. */
void engine_leave_fd(const struct engine_call *call, struct description *description);

/*
 * A cancellation that is pending ends the thread here, as at the beginning of a system call that is
 * a cancellation point: nothing has been done yet. Costs a load. To be called before entering.
 */
void engine_cancellation_point(void);

/*
 * Leaves a call that is a cancellation point and that may have waited. Where a signal has ended the
 * wait (@rc is -EINTR), it may have been the one that a cancellation sends.
 */
void engine_leave_cancelled(const struct engine_call *call, struct description *description,
			    long rc);

/*
 * Whether what the calling thread does to memory is the engine's doing. What a model allocates is,
 * too: its threads may hold the device lock, with which the memory's locks cannot be acquired.
 */
static inline bool engine_busy(void)
{
	return defer_active() || own_active() || vfio_work_current();
}

/* Puts a reference of the program's, inside: it may be the last one of its file. */
void engine_release(struct description *description);

#endif
