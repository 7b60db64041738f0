/* SPDX-License-Identifier: MIT */
/*
 * What the machine adds to directories of the real system: iommu and vfio to /dev, vfio-dev to
 * /sys/class. A listing of such a directory, by a stream or not, continues with these entries when
 * the kernel's are at their end. What it hides: the shadow roots in /dev/shm, since programs walk
 * /dev to look for devices.
 *
 * Context: any thread; the descriptor is used by the calling thread only.
 */
#ifndef PRELOAD_CALLS_LISTING_H
#define PRELOAD_CALLS_LISTING_H

#include <dirent.h>
#include <stdbool.h>

/*
 * The next added entry of the directory that @fd is open on, of which all real entries have been
 * read; NULL: there is none. The entry is valid until the next call for @fd. Its type and inode
 * number are for the caller to fill in. errno stays as it is.
 */
struct dirent *listing_next(int fd);

/*
 * Whether the entry @name of the directory that @fd is open on is not to be seen. errno stays as it
 * is. Cost: two system calls if @name begins as those of shadow roots do.
 */
bool listing_hides(int fd, const char *name);

/* To be called before @fd is closed or set to another position. */
void listing_forget(int fd);

#endif
