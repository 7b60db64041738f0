/* SPDX-License-Identifier: MIT */
/*
 * The files behind file sources: memory that has a file of its own (memfd, tmpfs, hugetlbfs),
 * mapped here so that it stays whatever becomes of the program's descriptors and mappings.
 *
 * There is one object for each inode, shared by all sources, with one descriptor; the file is
 * mapped in windows of 1 GiB, each where its address is congruent with the file offset, while any
 * page of it is pinned. So a million sources of the same file need no more mappings than one.
 */
#ifndef MEM_SHMEM_H
#define MEM_SHMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/source.h"

struct shmem;

/*
 * The object for the file that @fd has open; @fd is taken over (on failure, too). Also for files
 * that cannot be pinned. 0 or -ENOMEM.
 */
int shmem_get(int fd, struct shmem **out);

/* Gives back a reference. With the last one nothing is pinned. */
void shmem_put(struct shmem *shmem);

/*
 * Pins @pages of the file: maps and populates them, once more for each call. -EINVAL: not that kind
 * of file, or not entirely inside of it; -ENOMEM. Nothing has changed on failure.
 */
int shmem_pin(struct shmem *shmem, struct mem_pages pages, bool write);

/* Takes back a pin, also of a part of what was pinned. */
void shmem_unpin(struct shmem *shmem, struct mem_pages pages);

/* A name of the file: see mem_source_file_name(). */
bool shmem_name(const struct shmem *shmem, char *name, size_t size);

/*
 * Where byte @offset of the file is mapped, and how many bytes, at most @len, follow. It is pinned.
 */
void shmem_extent(struct shmem *shmem, uint64_t offset, uint64_t len, uint64_t *bus,
		  uint64_t *extent);

#endif
