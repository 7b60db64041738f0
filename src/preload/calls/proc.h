/* SPDX-License-Identifier: MIT */
/*
 * Files of /proc that say something about emulated files: fdinfo/N of a VFIO device, where programs
 * read which device it is; status, which says what is pinned and locked; and fail-nth under
 * `uiommufd run --mock` (mock/mock_fail_nth.h).
 */
#ifndef PRELOAD_CALLS_PROC_H
#define PRELOAD_CALLS_PROC_H

/*
 * open() of @path with @flags, if it is such a file of this process. Returns a descriptor; -1 if it
 * is not, or cannot be had, and then the real file is the answer. errno is as it was.
 */
int proc_open(const char *path, int flags);

#endif
