/* SPDX-License-Identifier: MIT */
/*
 * Emulated open files: what stands behind one file description (an iommufd, a VFIO device, a fault
 * queue). Transports (the preload's descriptor table, an embedding program) keep the descriptors
 * and call the file through these operations only.
 *
 * Reference counted: each entry of a descriptor table that shares the description holds one
 * reference, and so does each object that keeps the file (a bound VFIO device keeps its context).
 * The last put calls release, synchronously.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/caller.h>

#include "base/ref.h"

/* Whether a transport can trap a program's accesses to memory on this machine: file_trap_ops. */
#if defined(__x86_64__) || (defined(__aarch64__) && !defined(__AARCH64EB__))
#define FILE_CAN_TRAP 1
#else
#define FILE_CAN_TRAP 0
#endif

/*
 * A mapping without memory behind it (the registers of a device): the transport calls these for
 * each access of the program. @offset is that of mmap, a multiple of @size, which is 1, 2, 4 or 8
 * bytes. Returns 0, or -EIO: nothing answers there, and the program gets a SIGBUS. name: what is at
 * @offset, for people; called with any lock held.
 */
struct file_trap_ops {
	int (*read)(void *cookie, uint64_t offset, unsigned int size, uint64_t *value);
	int (*write)(void *cookie, uint64_t offset, unsigned int size, uint64_t value);
	void (*name)(void *cookie, uint64_t offset, char *text, size_t size);
};

/*
 * What a transport maps for mmap: @fd at @offset, shared; or, if @trap is not NULL, addresses whose
 * accesses are trapped, the first of which is @offset.
 */
struct file_mapping {
	int fd; /* borrowed: valid while the file is */
	uint64_t offset;
	const struct file_trap_ops *trap;
	/* Called when the mapping is known to the transport; NULL: not told. */
	void (*placed)(void *cookie, uint64_t offset, uint64_t len);
	void (*opened)(void *cookie); /* one more mapping exists (fork, split); NULL: not told */
	void (*closed)(void *cookie); /* a mapping is gone; NULL: not told */
	void *cookie;
};

struct file_ops {
	const char *name; /* for /proc/self/fd: "/dev/iommu", "anon_inode:[iommufd-pgfault]" */

	/*
	 * @arg is an address or a number from the caller. Returns 0 or more, or a negative errno.
	 * NULL: -ENOTTY.
	 */
	long (*ioctl)(struct uiommufd_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		      uint64_t arg);

	/*
	 * Read and write at the position *@pos and advance it. @buf is an address of the caller.
	 * NULL: -EINVAL.
	 */
	ssize_t (*read)(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, uint64_t *pos);
	ssize_t (*write)(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos);

	/*
	 * lseek() of a file with rules of its own, whose position does not move. NULL: by
	 * FILE_SEEKABLE.
	 */
	int64_t (*seek)(struct uiommufd_file *file, int64_t offset, int whence);

	/*
	 * What to map for mmap of @len bytes (whole pages) at @offset, with its @prot and @flags.
	 * Fills *@map and counts the mapping as opened once. NULL: -ENODEV.
	 */
	int (*mmap)(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot, int flags,
		    struct file_mapping *map);

	/*
	 * A real descriptor (borrowed, valid while the file is) that is ready for poll when the
	 * file is: a transport duplicates it as the program's descriptor. NULL: always ready.
	 */
	int (*readiness)(struct uiommufd_file *file);

	/* The last reference is gone. Frees what embeds @file. */
	void (*release)(struct uiommufd_file *file);
};

enum file_flags {
	/* pread, pwrite and, if it is no device node, lseek work; without it they are ESPIPE */
	FILE_SEEKABLE = 1,
};

struct uiommufd_file {
	const struct file_ops *ops;
	unsigned int flags;
	struct ref refs;
	uint64_t pos; /* of the description, for read and write */
};

/* Initialises @file with one reference, the creator's. */
void file_init(struct uiommufd_file *file, const struct file_ops *ops, unsigned int flags);
struct uiommufd_file *file_get(struct uiommufd_file *file);
void file_put(struct uiommufd_file *file);

#endif
