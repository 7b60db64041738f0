/* SPDX-License-Identifier: MIT */
/*
 * What the machine adds to directories of the real system: iommu and vfio to /dev, vfio-dev to
 * /sys/class. A listing of such a directory, by a stream or not, continues with these entries when
 * the kernel's are at their end.
 *
 * Context: any thread; the descriptor is used by the calling thread only.
 */
#ifndef PRELOAD_CALLS_LISTING_H
#define PRELOAD_CALLS_LISTING_H

#include <dirent.h>

/*
 * The next added entry of the directory that @fd is open on, of which all real entries have been
 * read; NULL: there is none. The entry is valid until the next call for @fd. Its type and inode
 * number are for the caller to fill in. errno stays as it is.
 */
struct dirent *listing_next(int fd);

/* To be called before @fd is closed or set to another position. */
void listing_forget(int fd);

#endif
