/* SPDX-License-Identifier: MIT */
/* /proc/self/fdinfo/N of a VFIO device, where programs read which device it is. */
#ifndef PRELOAD_CALLS_FDINFO_H
#define PRELOAD_CALLS_FDINFO_H

/*
 * A descriptor of what @path shows, with the line that VFIO adds, if it is the fdinfo of a device
 * of ours. -1: it is not (or cannot be had); errno is as it was.
 */
int fdinfo_open(const char *path, int flags);

#endif
