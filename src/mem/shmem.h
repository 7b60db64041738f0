/* SPDX-License-Identifier: MIT */
/*
 * The files behind file sources: files in memory (memfd, tmpfs, hugetlbfs), which the engine maps
 * itself, so that they stay whatever the program does to its descriptors and mappings.
 *
 * All sources of an inode share one object with one descriptor. The file is mapped in windows of 1
 * GiB, at addresses congruent with the file offset, while any page of them is pinned. So a million
 * sources of one file need no more mappings than one.
 */
#ifndef MEM_SHMEM_H
#define MEM_SHMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mem/source.h"

struct shmem;

/*
 * *@out: a reference to the object of the file that @fd has open, also of files that cannot be
 * pinned. Takes @fd, on failure too. 0 or -ENOMEM.
 */
int shmem_get(int fd, struct shmem **out);

/* The last put requires that nothing is pinned, and that the file has no source. */
void shmem_put(struct shmem *shmem);

/* Puts a source, by its link, into the list of the file's, and takes it out. */
struct index_link;
void shmem_add_source(struct shmem *shmem, struct index_link *link);
void shmem_remove_source(struct shmem *shmem, struct index_link *link);

/*
 * Calls @visit for each source of the file @ino of @dev, until it returns non-zero, and returns
 * that. Locks are held.
 */
int shmem_visit_sources(dev_t dev, ino_t ino, int (*visit)(struct index_link *link, void *arg),
			void *arg);

/* Whether there is any object. One load. */
bool shmem_in_use(void);

/*
 * Pins @pages of the file: maps and populates them. Each call counts. 0; -EINVAL: not a file in
 * memory, or @pages are not entirely inside it; -ENOMEM. Nothing has changed on failure.
 */
int shmem_pin(struct shmem *shmem, struct mem_pages pages, bool write);

/* Takes back a pin, also of a part of what was pinned. */
void shmem_unpin(struct shmem *shmem, struct mem_pages pages);

/* A name of the file: see mem_source_file_name(). */
bool shmem_name(const struct shmem *shmem, char *name, size_t size);

/* A new descriptor of the file, or a negative errno. */
int shmem_dup(const struct shmem *shmem);

/*
 * Where byte @offset of the file, whose page is pinned, is mapped, and how many bytes from there,
 * at most @len, are contiguous.
 */
void shmem_extent(struct shmem *shmem, uint64_t offset, uint64_t len, uint64_t *bus,
		  uint64_t *extent);

#endif
