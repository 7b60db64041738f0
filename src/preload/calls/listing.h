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
#include <stdint.h>

/*
 * The next added entry of the directory that @fd is open on, of which all real entries have been
 * read; NULL: there is none. @key: the stream, or listing_of_fd() where there is none. The entry is
 * valid until the next call for @key. Its type and inode number are for the caller to fill in.
 * errno stays as it is.
 */
struct dirent *listing_next(const void *key, int fd);

/* To be called before the stream or descriptor @key is closed or set to another position. */
void listing_forget(const void *key);

/* The key of a descriptor: no address of a stream. */
static inline const void *listing_of_fd(int fd)
{
	return (const void *)(uintptr_t)(2 * (unsigned int)fd + 1);
}

#endif
