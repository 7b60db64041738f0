/* SPDX-License-Identifier: MIT */
/*
 * Invariant: what is in the list has been mapped, or is about to be by a call that waits. Cost: a
 * sweep is a system call for each mapping.
 */
#include "server/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/lock.h"
#include "preload/trap/insn_other.h"

struct mapped {
	struct mapped *next;
	struct uiommufd_file *file; /* a reference */
	struct file_mapping map;
	int probe;     /* a description of the same file, that asks for the lock */
	uint64_t byte; /* that the lock is on */
	uint64_t dev, inode;
};

static struct {
	struct lock lock;
	struct mapped *first; /* guarded by the lock, as is @bytes */
	uint64_t bytes;	      /* how many have been used: no two mappings have the same */
} table = {.lock = LOCK_INIT(LOCK_SERVER)};

static struct flock lock_of(const struct mapped *mapped)
{
	return (struct flock){.l_type = F_WRLCK,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)mapped->byte,
			      .l_len = 1};
}

/* Another description of the file that @fd is open on. */
static int reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

static void destroy(struct mapped *mapped)
{
	if (mapped->probe >= 0)
		close(mapped->probe);
	alloc_free(mapped);
}

/* Opens what stands behind @mapped, and the program's description with its lock. */
static int open_file(struct mapped *mapped, bool writable, int *fd)
{
	struct flock lock = lock_of(mapped);
	struct stat st;
	int rc;

	if (mapped->map.trap)
		insn_other_load();
	if (mapped->map.trap)
		mapped->probe = memfd_create("vfio-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	else
		mapped->probe = reopen(mapped->map.fd);
	if (mapped->probe < 0 || fstat(mapped->probe, &st))
		return -errno;
	if (mapped->map.trap && !writable)
		(void)fcntl(mapped->probe, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	mapped->dev = st.st_dev;
	mapped->inode = st.st_ino;
	*fd = reopen(mapped->probe);
	if (*fd < 0)
		return -errno;
	if (!fcntl(*fd, F_OFD_SETLK, &lock))
		return 0;
	rc = -errno;
	close(*fd);
	return rc;
}

int mapped_make(struct uiommufd_file *file, const struct file_mapping *map, bool writable, int *fd,
		uint64_t *offset)
{
	struct mapped *mapped = alloc_zeroed(sizeof(*mapped));
	int rc;

	if (!mapped)
		return -ENOMEM;
	*mapped = (struct mapped){.file = file, .map = *map, .probe = -1};
	lock_acquire(&table.lock);
	mapped->byte = table.bytes++;
	lock_release(&table.lock);
	rc = open_file(mapped, writable, fd);
	if (rc) {
		destroy(mapped);
		return rc;
	}
	file_get(file);
	lock_acquire(&table.lock);
	mapped->next = table.first;
	__atomic_store_n(&table.first, mapped, __ATOMIC_RELAXED);
	lock_release(&table.lock);
	*offset = map->offset;
	return 0;
}

static const struct mapped *find(uint64_t dev, uint64_t inode) REQUIRES(table.lock)
{
	const struct mapped *mapped = table.first;

	lock_assert_held(&table.lock);
	while (mapped && (mapped->inode != inode || mapped->dev != dev || !mapped->map.trap))
		mapped = mapped->next;
	return mapped;
}

bool mapped_traps(uint64_t dev, uint64_t inode)
{
	bool traps;

	lock_acquire(&table.lock);
	traps = find(dev, inode);
	lock_release(&table.lock);
	return traps;
}

bool mapped_any(void)
{
	return __atomic_load_n(&table.first, __ATOMIC_RELAXED);
}

bool mapped_find(uint64_t dev, uint64_t inode, const struct file_trap_ops **ops, void **cookie,
		 struct uiommufd_file **file)
{
	const struct mapped *mapped;

	lock_acquire(&table.lock);
	mapped = find(dev, inode);
	if (mapped) {
		*ops = mapped->map.trap;
		*cookie = mapped->map.cookie;
		*file = file_get(mapped->file);
	}
	lock_release(&table.lock);
	return mapped;
}

static bool is_mapped(const struct mapped *mapped)
{
	struct flock lock = lock_of(mapped);

	return fcntl(mapped->probe, F_OFD_GETLK, &lock) || lock.l_type != F_UNLCK;
}

void mapped_sweep(void)
{
	struct mapped **at, *mapped, *gone = NULL;

	lock_acquire(&table.lock);
	for (at = &table.first; (mapped = *at);) {
		if (is_mapped(mapped)) {
			at = &mapped->next;
			continue;
		}
		*at = mapped->next;
		mapped->next = gone;
		gone = mapped;
	}
	lock_release(&table.lock);
	while ((mapped = gone)) {
		gone = mapped->next;
		if (mapped->map.closed)
			mapped->map.closed(mapped->map.cookie);
		file_put(mapped->file);
		destroy(mapped);
	}
}
