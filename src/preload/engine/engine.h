/* SPDX-License-Identifier: MIT */
/*
 * The engine inside the program's process: the emulated machine, started when the program first
 * opens something of it, and the calls into it.
 */
#ifndef PRELOAD_ENGINE_ENGINE_H
#define PRELOAD_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdio.h>

#include "preload/engine/call.h"
#include "preload/process/path.h"

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

#endif
