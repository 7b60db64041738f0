/* SPDX-License-Identifier: MIT */
/*
 * Mappings that programs have of emulated files. Each is of an open file description of its own,
 * with a lock of its own on it (F_OFD_SETLK): the lock is there as long as any program has a part
 * of the mapping, whatever it does by munmap, mremap, fork, exec or its end.
 *
 * A mapping keeps its file. That it is gone is seen by mapped_sweep().
 *
 * Thread-safe. The lock is a leaf (LOCK_SERVER); files are called and put without it.
 */
#ifndef SERVER_MAPPED_H
#define SERVER_MAPPED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/file.h"

/*
 * A mapping of @file that is @map: *@fd, owned by the caller, is what the program maps, at
 * *@offset; unless it is @writable, mprotect() does not make it so. It takes a reference to @file.
 * If the program does not map it, closing it is enough. 0 or a negative errno; the caller still has
 * to close @map then.
 */
int mapped_make(struct uiommufd_file *file, const struct file_mapping *map, bool writable, int *fd,
		uint64_t *offset);

/*
 * The operations of the mapping of file @inode on @dev, whose accesses are trapped, and a reference
 * to its file in *@file. False: it is none.
 */
bool mapped_find(uint64_t dev, uint64_t inode, const struct file_trap_ops **ops, void **cookie,
		 struct uiommufd_file **file);

/* Whether the mapping of file @inode on @dev is of registers, as above; and whether any may be. */
bool mapped_traps(uint64_t dev, uint64_t inode);
bool mapped_any(void);

/* Ends what no program has mapped any more. */
void mapped_sweep(void);

#endif
