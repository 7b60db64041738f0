/* SPDX-License-Identifier: MIT */
/*
 * io_uring: its requests name descriptors in memory that the program shares with the kernel, so an
 * emulated descriptor would be its placeholder there. Such requests end with EBADF.
 */
#ifndef PRELOAD_CALLS_URING_H
#define PRELOAD_CALLS_URING_H

/* The three system calls, with the kernel's arguments: 0 or more, or a negative errno. */
long uring_setup(const long *args);
long uring_enter(const long *args);
long uring_register(const long *args);

/* The program has mapped the file @fd, shared, from @offset on at @addr. */
void uring_mapped(int fd, long offset, const void *addr);

#endif
