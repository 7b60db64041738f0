/* SPDX-License-Identifier: MIT */
#ifndef PRELOAD_FD_H
#define PRELOAD_FD_H

#include "preload/path.h"

/*
 * The kernel has just given out @fd for something that is not emulated. If the table thinks
 * otherwise, the number was closed without our noticing.
 */
void fd_opened(int fd, enum path_hint hint);

#endif
