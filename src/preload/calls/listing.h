/* SPDX-License-Identifier: MIT */
/*
 * What the machine adds to directories of the real system: iommu and vfio to /dev, vfio-dev to
 * /sys/class. A stream over such a directory continues with these entries when the C library's
 * stream is at its end.
 *
 * Context: any thread; the stream is used by the calling thread only.
 */
#ifndef PRELOAD_CALLS_LISTING_H
#define PRELOAD_CALLS_LISTING_H

#include <dirent.h>

/*
 * The next added entry of @dir, of which all real entries have been read; NULL: there is none.
 * Valid until the next call for @dir. Its type and inode number are for the caller to fill in.
 * errno stays as it is.
 */
struct dirent *listing_next(DIR *dir);

/* To be called before @dir is closed or set to another position. */
void listing_forget(DIR *dir);

#endif
