/* SPDX-License-Identifier: MIT */
/*
 * Opening the emulated files that are more than a file of the shadow root: device nodes, and the
 * config space of a PCI device in sysfs.
 *
 * Context: as engine_start(), which the first of them calls.
 */
#ifndef PRELOAD_ENGINE_NODES_H
#define PRELOAD_ENGINE_NODES_H

#include <stdio.h>

#include "preload/process/path.h"

/* open() with @flags of the node that @at leads to. Returns a descriptor or a negative errno. */
int nodes_open(const struct path_at *at, int flags);

/*
 * fopen() with @mode of the config space that @at leads to. The C library's streams read without
 * asking us, so the stream has what the config space holds now. NULL with errno.
 */
FILE *nodes_open_config_stream(const struct path_at *at, const char *mode);

#endif
