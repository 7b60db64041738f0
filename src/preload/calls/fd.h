/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_CALLS_FD_H
#define PRELOAD_CALLS_FD_H

#include "preload/process/path.h"

/*
 * The kernel has just returned @fd as the descriptor of a file that is not emulated. What the table
 * had for the number is removed: it was closed by a call that we did not see.
 */
void fd_opened(int fd, enum path_hint hint);

#endif
