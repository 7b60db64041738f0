/* SPDX-License-Identifier: MIT */
/*
 * The shadow root of this run (start/layout.h), from the environment.
 *
 * Context: any thread, any signal handler; no locks, and errno stays as it is.
 */
#ifndef PRELOAD_START_ROOT_H
#define PRELOAD_START_ROOT_H

#include <stdbool.h>

enum {
	ROOT_MAX = 255 /* longest name of a shadow root */
};

/* Reads the environment: by preload_init() only. Without a usable variable there is no root. */
void root_init(void);

/* Whether there is a shadow root. Without one the library only passes calls on. */
bool root_active(void);

/* The shadow root, canonical, without a final slash; "" without one. */
const char *root_path(void);

/*
 * The part of @text after the shadow root: "/dev/iommu", "/" for the root itself; NULL if @text
 * does not lead there.
 */
const char *root_strip(const char *text);

#endif
