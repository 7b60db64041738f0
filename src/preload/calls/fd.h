/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_CALLS_FD_H
#define PRELOAD_CALLS_FD_H

#include "preload/process/path.h"

/*
 * The kernel has just given out @fd for something that is not emulated. If the table thinks
 * otherwise, the number was closed without our noticing.
 */
void fd_opened(int fd, enum path_hint hint);

#endif
