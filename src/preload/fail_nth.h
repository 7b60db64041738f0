/* SPDX-License-Identifier: MIT */
/*
 * /proc/self/fail-nth and its like for each thread, under `uiommufd run --mock` (mock/mock_fail_nth.h).
 */
#ifndef PRELOAD_FAIL_NTH_H
#define PRELOAD_FAIL_NTH_H

/*
 * A descriptor of it if @path names it for a thread of this process. -1: it does not; errno is as
 * it was.
 */
int fail_nth_open(const char *path, int flags);

#endif
