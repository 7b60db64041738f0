/* SPDX-License-Identifier: MIT */
/*
 * The emulated machine inside the program's process. It is started when the program first opens
 * something of it, from the description in the shadow root (start/layout.h), and lives until the
 * process ends. A fork copies it.
 */
#ifndef PRELOAD_ENGINE_ENGINE_H
#define PRELOAD_ENGINE_ENGINE_H

#include <stdbool.h>

struct machine;

/*
 * Starts the machine unless it runs already. errno stays as it is.
 *
 * Returns 0; -ENODEV: there is no usable description (which is logged); -ENOMEM.
 *
 * Context: the calling thread holds no lock and is not inside the engine (engine/call.h).
 */
int engine_start(void);

/* The machine, after a successful engine_start(); borrowed, valid for ever. */
struct machine *engine_machine(void);

/*
 * Whether the machine has the test ABI (`uiommufd run --mock`). Starts it; context as
 * engine_start().
 */
bool engine_mock(void);

/*
 * The program is about to change its root, or to confine itself: what the engine needs of /proc is
 * kept open from now on. Context: outside of the engine.
 */
void engine_keep_files(void);

#endif
