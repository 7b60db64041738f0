/* SPDX-License-Identifier: MIT */
/*
 * mmap of emulated files, and the calls that take memory away, under which pinned pages are moved
 * aside first (mem/displace.h).
 *
 * The C library's allocator gives memory back without coming through here; what a program frees
 * while a device still uses it is then found when the device does.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/check.h"
#include "mem/displace.h"
#include "preload/engine.h"
#include "preload/mapping.h"
#include "preload/real.h"

/*
 * Moves pinned pages out of a range that the program is about to lose. 0 or -ENOMEM. The addresses
 * stay mapped until the program's own call: another thread may not be given them before, as that
 * call would then take them away from it. Where the system cannot do that, and the range need not
 * stay mapped (@keep), they become unmapped now.
 */
static int leave(const void *addr, size_t len, enum displace_cause cause, bool keep)
{
	struct engine_call call;
	int rc;

	/* What the engine does to memory while it works is not the program's doing. */
	if (!len || engine_busy() || !displace_needed((uintptr_t)addr, len))
		return 0;
	engine_enter(&call);
	rc = displace_range((uintptr_t)addr, len, cause, true);
	if (rc && !keep)
		rc = displace_range((uintptr_t)addr, len, cause, false);
	engine_leave(&call);
	return rc;
}

/*
 * When a range becomes something else. Inside the engine, like all that takes the lock of mappings:
 * a signal handler may touch one.
 */
static void left(const void *addr, size_t len)
{
	struct engine_call call;

	if (!mapping_any())
		return;
	engine_enter(&call);
	mapping_remove((uintptr_t)addr, len);
	engine_leave(&call);
}

static void made_disk(long addr, size_t len)
{
	struct engine_call call;

	engine_enter(&call);
	mapping_add_disk((uint64_t)addr, len);
	engine_leave(&call);
}

static int check_mmap_access(const struct description *desc, int prot, int flags)
{
	if (desc->access == O_WRONLY)
		return -EACCES;
	if ((flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE) && desc->access != O_RDWR)
		return -EACCES;
	return desc->file->ops->mmap ? 0 : -ENODEV;
}

/*
 * Maps what @map says. A mapping without memory is one of an empty file: the program's rights are
 * the kernel's business as ever, mprotect and mremap included, and each access that they allow is a
 * SIGBUS (trap.c).
 */
static long place_mapping(const struct file_mapping *map, void *addr, size_t len, int prot,
			  int flags)
{
	long fd, rc;

	if (!map->trap)
		return SYS(SYS_mmap, addr, len, prot, flags, map->fd, map->offset);
	fd = SYS(SYS_memfd_create, "vfio-region", MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	rc = SYS(SYS_mmap, addr, len, prot, flags, fd, 0);
	SYS(SYS_close, fd);
	return rc;
}

static long mmap_file(struct description *desc, void *addr, uint64_t len, int prot, int flags,
		      off_t offset)
{
	struct file_mapping map;
	long rc;

	if (!len || (offset & (off_t)PAGE_MASK))
		return -EINVAL;
	if (check_align_up(len, PAGE_SIZE, &len))
		return -ENOMEM;
	rc = check_mmap_access(desc, prot, flags);
	if (!rc)
		rc = desc->file->ops->mmap(desc->file, (uint64_t)offset, len, prot, flags, &map);
	if (rc)
		return rc;
	rc = place_mapping(&map, addr, len, prot, flags);
	if (rc >= 0) {
		left((void *)rc, len);
		if (!mapping_add((uint64_t)rc, len, description_get(desc), &map))
			return rc;
		description_put(desc);
		SYS(SYS_munmap, rc, len);
		rc = -ENOMEM;
	}
	if (map.closed)
		map.closed(map.cookie);
	return rc;
}

/*
 * True if stores to a shared mapping of @fd go to a disk in the end: not those of a file system in
 * memory.
 */
static bool is_on_disk(int fd)
{
	const unsigned long in_memory[] = {TMPFS_MAGIC, RAMFS_MAGIC, HUGETLBFS_MAGIC};
	struct statfs fs;
	struct stat st;

	if (SYS(SYS_fstat, fd, &st) || !S_ISREG(st.st_mode) || SYS(SYS_fstatfs, fd, &fs))
		return false;
	for (size_t i = 0; i < sizeof(in_memory) / sizeof(in_memory[0]); i++) {
		if ((unsigned long)fs.f_type == in_memory[i])
			return false;
	}
	return true;
}

static bool shares_disk(int fd, int flags)
{
	const int type = flags & MAP_TYPE;

	return !(flags & MAP_ANONYMOUS) && (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) &&
	       is_on_disk(fd);
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct engine_call call;
	struct description *desc;
	long rc = 0;

	if (flags & MAP_FIXED)
		rc = leave(addr, len, DISPLACE_MMAP_FIXED, false);
	desc = flags & MAP_ANONYMOUS ? NULL : engine_enter_fd(&call, fd);
	if (desc) {
		if (!rc)
			rc = mmap_file(desc, addr, len, prot, flags, offset);
		engine_leave_fd(&call, desc);
	} else if (!rc) {
		rc = SYS(SYS_mmap, addr, len, prot, flags, fd, offset);
		if (rc >= 0 && (flags & MAP_FIXED))
			left(addr, len);
		if (rc >= 0 && shares_disk(fd, flags))
			made_disk(rc, len);
	}
	return (void *)libc_result(rc);
}

EXPORT_ALIAS(mmap64, mmap);

EXPORT int munmap(void *addr, size_t len)
{
	long rc = leave(addr, len, DISPLACE_MUNMAP, false);

	/*
	 * Not after: another thread may have been given the addresses by then, for one of our
	 * files.
	 */
	if (!rc && len && is_aligned((uintptr_t)addr, PAGE_SIZE))
		left(addr, len);
	if (!rc)
		rc = SYS(SYS_munmap, addr, len);
	return (int)libc_result(rc);
}

static bool drops_pages(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE;
}

EXPORT int madvise(void *addr, size_t len, int advice)
{
	long rc = drops_pages(advice) ? leave(addr, len, DISPLACE_MADVISE, true) : 0;

	if (!rc)
		rc = SYS(SYS_madvise, addr, len, advice);
	return (int)libc_result(rc);
}

/* Pinned memory that moves takes its pins along; pinned pages where it goes are moved aside. */
static long move_pinned(const void *old, size_t old_len, size_t new_len, int flags, const void *to)
{
	struct engine_call call;
	long rc;

	engine_enter(&call);
	rc = displace_mremap((uintptr_t)old, old_len, new_len, flags, (uintptr_t)to);
	engine_leave(&call);
	return rc;
}

/* Whether there may be pinned pages in what moves, or where it goes. */
static bool concerns_pinned(const void *old, size_t old_len, size_t new_len, int flags,
			    const void *to)
{
	return displace_needed((uintptr_t)old, old_len) ||
	       ((flags & MREMAP_FIXED) && displace_needed((uintptr_t)to, new_len));
}

static long move(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
	long rc;

	/* In place is best: nothing that is pinned moves. */
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		rc = SYS(SYS_mremap, old, old_len, new_len, flags & ~MREMAP_MAYMOVE);
		if (rc != -ENOMEM || !(flags & MREMAP_MAYMOVE))
			return rc;
	}
	if (!engine_busy() && concerns_pinned(old, old_len, new_len, flags, to))
		return move_pinned(old, old_len, new_len, flags, to);
	return SYS(SYS_mremap, old, old_len, new_len, flags, to);
}

/* What was mapped at @old is at @now: our files with it. */
static void follow_move(uint64_t old, size_t old_len, uint64_t now, size_t new_len, int flags)
{
	const size_t kept = (new_len + PAGE_MASK) & ~PAGE_MASK;

	if (flags & MREMAP_FIXED)
		mapping_remove(now, new_len);
	if (now != old || new_len > old_len)
		mapping_copy(old, now, new_len);
	if (now != old && !(flags & MREMAP_DONTUNMAP))
		mapping_remove(old, old_len);
	else if (now == old && kept < old_len)
		mapping_remove(old + kept, old_len - kept);
}

EXPORT void *mremap(void *old, size_t old_len, size_t new_len, int flags, ...)
{
	const size_t kept = (new_len + PAGE_MASK) & ~PAGE_MASK;
	struct engine_call call;
	void *to = NULL;
	va_list args;
	long rc = 0;

	if (flags & MREMAP_FIXED) {
		va_start(args, flags);
		to = va_arg(args, void *);
		va_end(args);
	}
	if (kept < old_len) /* the rest is unmapped wherever the beginning goes */
		rc = leave((char *)old + kept, old_len - kept, DISPLACE_MREMAP, false);
	if (!rc)
		rc = move(old, old_len, new_len, flags, to);
	if (rc >= 0 && mapping_any()) {
		engine_enter(&call);
		follow_move((uintptr_t)old, old_len, (uintptr_t)rc, new_len, flags);
		engine_leave(&call);
	}
	return (void *)libc_result(rc);
}
