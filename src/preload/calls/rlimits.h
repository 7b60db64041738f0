/* SPDX-License-Identifier: MIT */
/* Limits of the process (prlimit(2)). */
#ifndef PRELOAD_CALLS_RLIMITS_H
#define PRELOAD_CALLS_RLIMITS_H

#include <sys/resource.h>

/*
 * prlimit64(): 0 or a negative errno. @limit and @old may be NULL, and bad addresses. Context: any
 * call of the program.
 */
long rlimits_change(long pid, long resource, const struct rlimit *limit, struct rlimit *old);

#endif
