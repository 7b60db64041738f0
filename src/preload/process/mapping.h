/* SPDX-License-Identifier: MIT */
/*
 * Which addresses of the program are mappings of emulated files; such a mapping keeps its open file
 * description, as in a kernel, until the last piece of it is gone. Also, which are shared mappings
 * of files on a disk, where a device must not write.
 *
 * Context: inside a section (process/defer.h): the signal handler of an access to mapped registers
 * takes the lock, too. mapping_any() may be called anywhere.
 */
#ifndef PRELOAD_PROCESS_MAPPING_H
#define PRELOAD_PROCESS_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "preload/process/fdtable.h"

/*
 * [@start, @start + @len) is now what @map says, of @desc. @open: the program may read and write
 * it. 0 (takes the reference of @desc and the opening that @map stands for) or -ENOMEM.
 */
int mapping_add(uint64_t start, uint64_t len, struct description *desc,
		const struct file_mapping *map, bool open);

/*
 * [@start, @start + @len) is no longer a mapping of an emulated file, or of one on a disk. Closes
 * the mappings that have no piece left, which may release their files.
 */
void mapping_remove(uint64_t start, uint64_t len);

/* What is mapped at @from is now also, or instead, mapped at [@to, @to + @len). */
void mapping_copy(uint64_t from, uint64_t to, uint64_t len);

/*
 * Mappings that trap, of the file with @cookie: their part of [@offset, @offset + @len) of it
 * becomes @memory, a shared mapping of @len bytes, or traps again (NULL). Mappings that the program
 * may not read and write, or has changed, go on to trap. False: the kernel refused it for some.
 */
bool mapping_switch(const void *cookie, uint64_t offset, uint64_t len, void *memory);

/* Gets what it needs to trap again; from then on mapping_switch() opens no descriptor. */
void mapping_prepare_switch(void);

/*
 * Before the program changes [@start, @start + @len): mappings there that trap do so in all parts,
 * and for ever. A call of the program and mapping_switch() never change the same addresses.
 */
void mapping_settle(uint64_t start, uint64_t len);

/* The file that answers an access to an address without memory behind it. */
struct mapping_trap {
	struct description *desc; /* a reference, owned by the finder */
	const struct file_trap_ops *ops;
	void *cookie;
	uint64_t offset; /* of the address in the file */
	uint64_t left;	 /* bytes from there to the end of the piece */
};

/* Finds what answers accesses to @addr. False: it has memory behind it, or is not mapped. */
bool mapping_find_trap(uint64_t addr, struct mapping_trap *trap);

/* What answers accesses to @addr, as text. False: as above. */
bool mapping_name_trap(uint64_t addr, char *text, size_t size);

/*
 * [@start, @start + @len) is now shared memory of a file on a disk. Without memory to record it, a
 * device's stores to it are not refused.
 */
void mapping_add_disk(uint64_t start, uint64_t len);

/*
 * Whether there is a mapping of a disk in [@start, @start + @len): [*@from, *@to) is the part of
 * one in that range.
 */
bool mapping_find_disk(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to);

/* The same for the lowest part whose accesses trap. */
bool mapping_find_trapping(uint64_t start, uint64_t len, uint64_t *from, uint64_t *to);

/* Whether there is any mapping. Costs one load. */
bool mapping_any(void);

/*
 * Whether there may be a mapping in [@start, @start + @len). Costs a few loads, and no lock: where
 * it is false, the other functions take none either. A fork holds the lock while it waits for the
 * allocator's, so a call from inside the allocator, whose memory is never such a mapping, must not
 * wait for it.
 */
bool mapping_may_touch(uint64_t start, uint64_t len);

/* Around a fork: nothing is half done in the child. */
void mapping_lock(void);
void mapping_unlock(void);

/* Asserts the invariants of mapping.c. */
void mapping_check(void);

#endif
