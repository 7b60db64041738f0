/* SPDX-License-Identifier: MIT */
/*
 * The engine inside the program's process: the emulated machine, started when the program first
 * opens something of it, and the calls into it.
 */
#ifndef PRELOAD_ENGINE_ENGINE_H
#define PRELOAD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdio.h>

#include "preload/process/fdtable.h"
#include "preload/process/path.h"

/*
 * Around everything that runs engine code on a thread of the program: errno stays as it was, the
 * thread is not cancelled while it holds a lock, and a fork waits for it. Nor do the program's
 * signal handlers run meanwhile, which may call the engine, or jump out and never come back: as in
 * the kernel, a signal is delivered when the call is over.
 */
struct engine_call {
	int saved_errno;
	int cancel_state, cancel_type;
	bool in_world;
};

void engine_enter(struct engine_call *call);
void engine_leave(const struct engine_call *call);

/*
 * Enters with a reference to what stands behind @fd, or returns NULL, having done nothing, if it is
 * not one of ours. Between the two no signal may come: its handler could jump out with the
 * reference.
 */
struct description *engine_enter_fd(struct engine_call *call, int fd);
void engine_leave_fd(const struct engine_call *call, struct description *description);

/* True if this thread is inside the engine: what it does to memory is not the program's doing. */
bool engine_busy(void);

/*
 * True if the machine has the test ABI (`uiommufd run --mock`). Starts the engine; errno is as it
 * was.
 */
bool engine_mock(void);

/* The program as the engine's caller. Valid once something has been opened. */
struct uiommufd_caller *engine_caller(void);

/* open() of the node that @at leads to. A descriptor, or a negative errno. */
int engine_open(const struct path_at *at, int flags);

/* A stream over what the config space that @at leads to holds now; NULL with errno. */
FILE *engine_open_config_stream(const struct path_at *at, const char *mode);

/* Drops a reference that the program had: may run whatever closing the file runs. */
void engine_release(struct description *description);

#endif
