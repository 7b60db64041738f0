/* SPDX-License-Identifier: MIT */
/* The files behind shared memory of programs. */
#ifndef SERVER_SHARED_FILE_H
#define SERVER_SHARED_FILE_H

#include "mem/maps.h"

/*
 * A descriptor, for reading and writing if that may be, of what the mapping @entry of the process
 * with the directory @proc maps; owned by the caller. -ENOENT: it cannot be opened.
 */
int shared_file_open(int proc, const struct maps_entry *entry);

/*
 * Whether the kernel writes what that mapping maps back to a disk; false, too, of what cannot be
 * opened. Cost: nothing for memory that is shared without a path.
 */
bool shared_file_is_on_disk(int proc, const struct maps_entry *entry);

#endif
