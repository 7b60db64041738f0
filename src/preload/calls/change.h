/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_CALLS_CHANGE_H
#define PRELOAD_CALLS_CHANGE_H

#include "preload/process/path.h"

/*
 * Whether the program may make the emulated name @at, which then goes to @at->text. 0 or a negative
 * errno, as for mkdir().
 */
int change_check_create(struct path_at *at);

#endif
