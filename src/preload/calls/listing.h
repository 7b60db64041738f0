/* SPDX-License-Identifier: MIT */
/*
 * What the machine adds to directories of the real system: /dev has an iommu and a vfio more,
 * /sys/class a vfio-dev. A stream over such a directory goes on with these when the C library's is
 * at its end.
 */
#ifndef PRELOAD_CALLS_LISTING_H
#define PRELOAD_CALLS_LISTING_H

#include <dirent.h>

/*
 * The next of them in @dir, whose real entries have all been read; NULL: no more, or none at all.
 * Valid until the next call for @dir; its type and inode number are for the caller to fill in.
 * errno stays as it is.
 */
struct dirent *listing_next(DIR *dir);

/* @dir is about to be closed, or to begin anew. */
void listing_forget(DIR *dir);

#endif
