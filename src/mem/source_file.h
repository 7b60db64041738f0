/* SPDX-License-Identifier: MIT */
/*
 * The file that the memory of a source is in, as a descriptor for another process, which can then
 * map that memory itself.
 *
 * A descriptor leads to the whole file, not only to what is mapped.
 */
#ifndef MEM_SOURCE_FILE_H
#define MEM_SOURCE_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct mem_source;

/*
 * *@fd: a new descriptor of the file that bytes [@byte, @byte + @len) of @source are in (counted
 * from the start of its page 0), at *@offset; without @writable it can only be read. 0; -ENOENT:
 * they are not in one file that is shared, or some have moved, or the file cannot be opened.
 *
 * Context: the pages are pinned. Cost: for memory that was mapped by its address, reading the
 * system's list of mappings, and up to all descriptors of the process.
 */
int mem_source_file(struct mem_source *source, uint64_t byte, uint64_t len, bool writable, int *fd,
		    uint64_t *offset);

#endif
