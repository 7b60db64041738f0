/* SPDX-License-Identifier: MIT */
/*
 * Requests of io_uring that may take pinned memory away from the program: advice, and what makes a
 * file shorter or a hole in it. They are carried out as the system calls of the same names are
 * (memory.h).
 */
#ifndef PRELOAD_CALLS_URING_MEMORY_H
#define PRELOAD_CALLS_URING_MEMORY_H

#include "preload/calls/uring_names.h"

/* Whether @request, which leads to nothing of the machine, may concern pinned memory. */
bool uring_memory_concerns(const struct uring_request *request);

/*
 * Carries such a @request out. Returns what the kernel would return. Context: a call of the
 * program, without a lock.
 */
long uring_memory_carry_out(const struct uring_request *request);

/*
 * Whether nothing is left of it for the kernel: all but an open whose descriptor is to be one of
 * the ring's own. The file is empty then, and the kernel opens it.
 */
bool uring_memory_is_whole(const struct uring_request *request);

#endif
