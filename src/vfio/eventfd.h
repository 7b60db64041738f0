/* SPDX-License-Identifier: MIT */
/*
 * Eventfds that a program gave us, as descriptors of our own. System calls are made directly: the
 * C library's names may be the preload's, which take them for the program's.
 */
#ifndef VFIO_EVENTFD_H
#define VFIO_EVENTFD_H

#include <stdbool.h>

#include <uiommufd/caller.h>

/* *@own = a descriptor for the caller's @fd. 0; -EBADF not open; -EINVAL no eventfd; -EMFILE. */
int eventfd_take(struct uiommufd_caller *caller, int fd, int *own);

/* Closes what eventfd_take() gave; -1 is nothing. */
void eventfd_drop(int own);

/* Adds 1, as a device's interrupt does: never blocks, and a full counter stays full. -1 is nothing.
 */
void eventfd_notify(int own);

/* Blocks until the counter is not 0, and takes it. False: the descriptor is unusable. */
bool eventfd_wait(int own);

/* Closes a descriptor of this process. */
void fd_close(int fd);

#endif
