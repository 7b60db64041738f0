/* SPDX-License-Identifier: MIT */
/*
 * An open file of ours: what stands behind one emulated file description (an iommufd, a VFIO
 * device, a fault queue), whoever holds descriptors of it. Transports (the preload's descriptor
 * table, an embedding program) call it through these operations only.
 *
 * Reference counted: each descriptor table entry that shares the description holds one reference,
 * and so does each object that keeps it (a bound VFIO device keeps its context). The last put calls
 * release, synchronously.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/caller.h>

#include "base/ref.h"

/* Whether a transport can trap a program's accesses to memory on this machine: see struct
 * file_trap_ops. */
#if defined(__x86_64__)
#define FILE_CAN_TRAP 1
#else
#define FILE_CAN_TRAP 0
#endif

/*
 * A mapping without memory behind it (the registers of a device): the transport calls these for
 * each access of the program. @offset is as of mmap, aligned to @size: 1, 2, 4 or 8 bytes. 0, or
 * -EIO: nothing answers there now, and the program gets the SIGBUS of a bus.
 */
struct file_trap_ops {
	int (*read)(void *cookie, uint64_t offset, unsigned int size, uint64_t *value);
	int (*write)(void *cookie, uint64_t offset, unsigned int size, uint64_t value);
};

/*
 * What a transport maps in answer to mmap: @offset of @fd, shared; or, if @trap is not NULL,
 * nothing, from @offset on.
 */
struct file_mapping {
	int fd; /* borrowed: valid while the file is */
	uint64_t offset;
	const struct file_trap_ops *trap;
	void (*opened)(void *cookie); /* NULL, or: one more mapping of it exists (fork, split) */
	void (*closed)(void *cookie); /* NULL, or: the mapping is gone */
	void *cookie;
};

struct file_ops {
	const char *name; /* for /proc/self/fd: "/dev/iommu", "anon_inode:[iommufd-pgfault]" */

	/* Results: 0 or more, or a negative errno. @arg is an address or number of the caller.
	 * NULL: -ENOTTY. */
	long (*ioctl)(struct uiommufd_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		      uint64_t arg);

	/*
	 * read and write at the position *@pos, which they move; @buf is an address of the caller.
	 * NULL: -EINVAL.
	 */
	ssize_t (*read)(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, uint64_t *pos);
	ssize_t (*write)(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos);

	/*
	 * What to map for mmap of @len bytes (rounded to pages) at @offset; @prot and @flags as of
	 * mmap. Fills *@map and counts the mapping as opened once. NULL: -ENODEV.
	 */
	int (*mmap)(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot, int flags,
		    struct file_mapping *map);

	/*
	 * A real descriptor (borrowed, valid while the file is) whose readiness for poll is the
	 * file's own: what a transport duplicates to stand for it. NULL: always ready.
	 */
	int (*readiness)(struct uiommufd_file *file);

	/* The last reference is gone. Frees what embeds @file. */
	void (*release)(struct uiommufd_file *file);
};

enum file_flags {
	FILE_SEEKABLE = 1, /* lseek, pread, pwrite work; else they give ESPIPE */
};

struct uiommufd_file {
	const struct file_ops *ops;
	unsigned int flags;
	struct ref refs;
	uint64_t pos; /* of the description, for read and write */
};

/* One reference, the creator's. */
void file_init(struct uiommufd_file *file, const struct file_ops *ops, unsigned int flags);
struct uiommufd_file *file_get(struct uiommufd_file *file);
void file_put(struct uiommufd_file *file);

#endif
