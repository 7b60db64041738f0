/* SPDX-License-Identifier: MIT */
/*
 * Which addresses of the program are mappings of emulated files. Such a mapping keeps its open file
 * description, as in a kernel, until the last piece of it is gone. And which are shared mappings of
 * files on a disk, that a device must not write to.
 *
 * One lock, innermost of all and never held while anything else is called; memory is not from the
 * allocator, which may itself be in the middle of an munmap.
 */
#ifndef PRELOAD_PROCESS_MAPPING_H
#define PRELOAD_PROCESS_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "preload/process/fdtable.h"

/*
 * [@start, @start + @len) is now what @map says, of @desc. 0 (both references, of @desc and the
 * opening that @map stands for, are taken over) or -ENOMEM.
 */
int mapping_add(uint64_t start, uint64_t len, struct description *desc,
		const struct file_mapping *map);

/* [@start, @start + @len) is no mapping of ours any more. */
void mapping_remove(uint64_t start, uint64_t len);

/* What is mapped at @from is now also, or instead, at [@to, @to + @len). */
void mapping_copy(uint64_t from, uint64_t to, uint64_t len);

/* What answers an access to an address that has no memory behind it. */
struct mapping_trap {
	struct description *desc; /* a reference, for description_put() */
	const struct file_trap_ops *ops;
	void *cookie;
	uint64_t offset; /* of the address in the file */
	uint64_t room;	 /* bytes from there to the end of the mapping */
};

/* False: @addr is no such address. */
bool mapping_find_trap(uint64_t addr, struct mapping_trap *trap);

/*
 * [@start, @start + @len) is now shared memory of a file on a disk. Without memory for it, nobody
 * knows.
 */
void mapping_add_disk(uint64_t start, uint64_t len);

/*
 * True if there is any in [@start, @start + @len): the first that was found is at [*@from, *@to),
 * as far as that is in the range.
 */
bool mapping_find_disk(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to);

/* False if there is no mapping at all: one load. */
bool mapping_any(void);

/* For fork. */
void mapping_lock(void);
void mapping_unlock(void);

#endif
