/* SPDX-License-Identifier: MIT */
/*
 * Eventfds of the program, as descriptors of this process. All functions make system calls
 * directly: the preload may replace the C library's functions, and would take these calls for the
 * program's.
 */
#ifndef VFIO_EVENTFD_H
#define VFIO_EVENTFD_H

#include <stdbool.h>

#include <uiommufd/caller.h>

/* *@own: a new descriptor for the caller's @fd. 0; -EBADF not open; -EINVAL no eventfd; -EMFILE. */
int eventfd_take(struct uiommufd_caller *caller, int fd, int *own);

/* Closes a descriptor from eventfd_take(). -1: does nothing. */
void eventfd_drop(int own);

/*
 * Adds 1 to the counter, as an interrupt does: never blocks, and a full counter stays full. -1:
 * does nothing. Context: any lock may be held.
 */
void eventfd_notify(int own);

/*
 * The calling thread has a table of descriptors of its own: from now on it notifies through @pidfd,
 * a descriptor in that table for the process, whose first thread has the table that eventfds are
 * in.
 */
void eventfd_thread_is_apart(int pidfd);

/* Waits until the counter is not 0, and clears it. False: the descriptor is unusable. */
bool eventfd_wait(int own);

/* Closes a descriptor of this process. */
void fd_close(int fd);

#endif
