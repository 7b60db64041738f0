/* SPDX-License-Identifier: MIT */
/* See source_file.h. */
#include "mem/source_file.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/check.h"
#include "base/sys.h"
#include "mem/maps.h"
#include "mem/shmem.h"
#include "mem/source_internal.h"

enum {
	LIST_SIZE = 2048, /* of the descriptors that are read at once */
	PATH_SIZE = sizeof("/proc/self/fd/") + 12,
};

/* What backs a range of addresses. */
struct backing {
	uint64_t va, last;
	uint64_t end; /* found up to here */
	uint64_t dev, inode, offset;
	bool good;
};

/* ---- which file ---- */

static bool any_has_moved(struct mem_source *source, uint64_t byte, uint64_t len)
{
	const uint64_t end = ((byte + len - 1) >> PAGE_SHIFT) + 1;
	bool moved = false;

	if (!source_may_move(source))
		return false;
	source_lock(source);
	for (uint64_t page = byte >> PAGE_SHIFT; page < end && !moved;) {
		const struct pins_extent part = pins_extent_at(&source->parts, page, end);

		moved = part.bus;
		page = part.pages.first + part.pages.count;
	}
	source_unlock(source);
	return moved;
}

/* One mapping after the other, until the range is covered by one file, or is not. */
static bool look(const struct maps_entry *entry, void *arg)
{
	struct backing *backing = arg;
	uint64_t offset;

	if (entry->end <= backing->end)
		return true;
	if (entry->start > backing->end || !entry->shared || !entry->inode)
		return false;
	offset = entry->offset + (backing->end - entry->start);
	if (backing->end == backing->va) {
		backing->dev = entry->dev;
		backing->inode = entry->inode;
		backing->offset = offset;
	} else if (entry->dev != backing->dev || entry->inode != backing->inode ||
		   offset != backing->offset + (backing->end - backing->va)) {
		return false;
	}
	backing->end = entry->end;
	backing->good = entry->end > backing->last;
	return !backing->good;
}

/* ---- a descriptor of it ---- */

/* Takes @fd. A new one that is of the file, with just the rights; or -ENOENT. */
static int reopen(int fd, const struct backing *backing, bool writable)
{
	char path[PATH_SIZE];
	struct stat st;
	int own = -ENOENT;

	if (!sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0) && S_ISREG(st.st_mode) &&
	    (!backing || (st.st_dev == backing->dev && st.st_ino == backing->inode))) {
		(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		own = sys_open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	}
	(void)sys_close(fd);
	return own < 0 ? -ENOENT : own;
}

static int number(const char *text)
{
	int value = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (*text - '0');
	return *text ? -1 : value;
}

/* A descriptor of the process that has the file open, duplicated; or -ENOENT. */
static int find_open(const struct backing *backing)
{
	char list[LIST_SIZE] __attribute__((aligned(8)));
	int dir = sys_open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int found = -ENOENT;
	long got;

	while (dir >= 0 && found < 0 &&
	       (got = sys_call(SYS_getdents64, dir, (long)list, sizeof(list), 0, 0, 0)) > 0) {
		for (long at = 0; at < got && found < 0;) {
			const struct dirent *entry = (const void *)(list + at);
			const int fd = number(entry->d_name);
			struct stat st;

			at += entry->d_reclen;
			if (fd < 0 || sys_call(SYS_fstat, fd, (long)&st, 0, 0, 0, 0))
				continue;
			if (st.st_dev == backing->dev && st.st_ino == backing->inode)
				found = sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);
		}
	}
	if (dir >= 0)
		(void)sys_close(dir);
	return found;
}

static int file_of_addresses(struct mem_source *source, uint64_t byte, uint64_t len, bool writable,
			     int *fd, uint64_t *offset)
{
	struct backing backing = {.va = source_base(source) + byte};
	int rc;

	backing.last = backing.va + len - 1;
	backing.end = backing.va;
	if (!source_is_local(source) || maps_for_each(look, &backing) || !backing.good)
		return -ENOENT;
	rc = find_open(&backing);
	if (rc >= 0)
		rc = reopen(rc, &backing, writable);
	if (rc < 0)
		return -ENOENT;
	*fd = rc;
	*offset = backing.offset;
	return 0;
}

int mem_source_file(struct mem_source *source, uint64_t byte, uint64_t len, bool writable, int *fd,
		    uint64_t *offset)
{
	int rc;

	assert(len);
	if (source->kind == MEM_KIND_DMABUF || any_has_moved(source, byte, len))
		return -ENOENT;
	if (source->kind == MEM_KIND_VA)
		return file_of_addresses(source, byte, len, writable, fd, offset);
	rc = shmem_dup(source_shmem(source));
	if (rc >= 0)
		rc = reopen(rc, NULL, writable);
	if (rc < 0)
		return -ENOENT;
	*fd = rc;
	*offset = source_base(source) + byte;
	return 0;
}
