/* SPDX-License-Identifier: MIT */
/*
 * Opening the emulated files that are more than a file of the shadow root: device nodes, and files
 * of sysfs.
 *
 * Context: as engine_start(), which the first of them calls.
 */
#ifndef PRELOAD_ENGINE_NODES_H
#define PRELOAD_ENGINE_NODES_H

#include <stdbool.h>
#include <stdio.h>

#include "preload/process/path.h"

struct description;

/* open() with @flags of the node that @at leads to. Returns a descriptor or a negative errno. */
int nodes_open(const struct path_at *at, int flags);

/* Whether @node is a file of sysfs whose contents change. */
bool nodes_is_shown(struct node node);

/*
 * fopen() with @mode, for reading, of such a file. The C library's streams read without asking us,
 * so the stream has what the file shows now. NULL with errno.
 */
FILE *nodes_open_stream(const struct path_at *at, const char *mode);

/*
 * A shell opens an attribute and executes a program that writes to it: makes standard descriptors
 * that are such files what they were before the exec. Called when the library is loaded; and what
 * the program has written is carried out before it ends, by nodes_finish().
 */
void nodes_adopt(void);
void nodes_finish(void);

/*
 * Carries out what the C library has written to the placeholder of @description without asking us,
 * if that is an attribute of sysfs. 0, or the negative errno of the write.
 *
 * Context: inside the engine.
 */
int nodes_flush(struct description *description);

#endif
