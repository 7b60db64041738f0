/* SPDX-License-Identifier: MIT */
/*
 * The kernel opens what is behind a mapping for root only. For others there is a descriptor of the
 * same file, as long as the program has not closed it: none of memory that is shared without a
 * file, or of System V.
 */
#include "server/shared_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

/* Opens @name in @dir if it is the file of @entry: opening a device might do something. */
static int open_if_same(int dir, const char *name, const struct maps_entry *entry)
{
	struct stat st;
	int fd;

	if (fstatat(dir, name, &st, 0) || !S_ISREG(st.st_mode) || st.st_ino != entry->inode ||
	    st.st_dev != entry->dev)
		return -ENOENT;
	fd = openat(dir, name, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd < 0 ? -ENOENT : fd;
}

/* Among the descriptors of the process. */
static int open_descriptor(int proc, const struct maps_entry *entry)
{
	int list = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -ENOENT;
	DIR *fds = list < 0 ? NULL : fdopendir(list);
	const struct dirent *number;

	if (!fds) {
		if (list >= 0)
			close(list);
		return -ENOENT;
	}
	while (fd < 0 && (number = readdir(fds)))
		fd = open_if_same(dirfd(fds), number->d_name, entry);
	closedir(fds);
	return fd;
}

/* The device that memory shared without a path is on: of memfd_create(), System V, or no file. */
static uint64_t device_of_memory(void)
{
	static atomic_uint_fast64_t known;
	uint64_t device = atomic_load(&known);
	struct stat st = {.st_dev = 0};
	int fd;

	if (device)
		return device;
	fd = memfd_create("device", MFD_CLOEXEC);
	if (fd >= 0) {
		(void)fstat(fd, &st);
		close(fd);
	}
	atomic_store(&known, st.st_dev);
	return st.st_dev;
}

bool shared_file_is_on_disk(int proc, const struct maps_entry *entry)
{
	struct statfs fs;
	bool on_disk;
	int fd;

	if (entry->dev == device_of_memory())
		return false;
	fd = shared_file_open(proc, entry);
	if (fd < 0)
		return false;
	on_disk = !fstatfs(fd, &fs) && fs.f_type != TMPFS_MAGIC && fs.f_type != HUGETLBFS_MAGIC &&
		  (uint64_t)fs.f_type != RAMFS_MAGIC;
	close(fd);
	return on_disk;
}

int shared_file_open(int proc, const struct maps_entry *entry)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, entry->start, entry->end);
	fd = open_if_same(proc, name, entry);
	return fd < 0 ? open_descriptor(proc, entry) : fd;
}
