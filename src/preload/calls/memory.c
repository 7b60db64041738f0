/* SPDX-License-Identifier: MIT */
/*
 * mmap() of emulated files, and the calls that take memory away: pinned pages are moved aside
 * before them (mem/displace.h).
 *
 * The C library's allocator gives memory back by calls that do not come through here. If a device
 * still uses memory that the program frees so, its next access finds that out.
 *
 * What changes the record of mappings (process/mapping.h) runs inside the engine.
 */
#include <assert.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/check.h"
#include "mem/displace.h"
#include "preload/engine/call.h"
#include "preload/process/mapping.h"
#include "preload/start/real.h"

/*
 * Moves pinned pages out of a range that the program is about to lose. 0 or -ENOMEM. The addresses
 * stay mapped until the program's own call: if another thread were given them before, that call
 * would take them away from it. Where the system cannot keep them mapped, and the range need not
 * stay so (@keep), they become unmapped now.
 */
static int displace_before(const void *addr, size_t len, enum displace_cause cause, bool keep)
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

/* The range becomes something other than what is recorded of it. */
static void forget_mappings(const void *addr, size_t len)
{
	struct engine_call call;

	if (!mapping_any())
		return;
	engine_enter(&call);
	mapping_remove((uintptr_t)addr, len);
	engine_leave(&call);
}

static void record_disk(long addr, size_t len)
{
	struct engine_call call;

	engine_enter(&call);
	mapping_add_disk((uint64_t)addr, len);
	engine_leave(&call);
}

/* ---- mmap ---- */

static int check_mmap_access(const struct description *desc, int prot, int flags)
{
	if (desc->access == O_WRONLY)
		return -EACCES;
	if ((flags & MAP_TYPE) != MAP_PRIVATE && (prot & PROT_WRITE) && desc->access != O_RDWR)
		return -EACCES;
	return desc->file->ops->mmap ? 0 : -ENODEV;
}

/*
 * Maps what @map says. A mapping without memory is one of an empty file: the program's rights stay
 * the kernel's business, mprotect and mremap included, and each access that they allow raises
 * SIGBUS (trap/trap.c). Returns the address or a negative errno.
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

/* What the kernel checks before it asks the file. *@len becomes whole pages. */
static int check_mmap(const struct description *desc, uint64_t *len, int prot, int flags,
		      off_t offset)
{
	if (!*len || (offset & (off_t)PAGE_MASK))
		return -EINVAL;
	if (check_align_up(*len, PAGE_SIZE, len))
		return -ENOMEM;
	return check_mmap_access(desc, prot, flags);
}

static long mmap_file(struct description *desc, void *addr, uint64_t len, int prot, int flags,
		      off_t offset)
{
	struct uiommufd_file *file = desc->file;
	struct file_mapping map;
	long rc;

	assert(engine_busy());
	rc = check_mmap(desc, &len, prot, flags, offset);
	if (rc)
		return rc;
	rc = file->ops->mmap(file, (uint64_t)offset, len, prot, flags, &map);
	if (rc)
		return rc;
	rc = place_mapping(&map, addr, len, prot, flags);
	if (rc < 0)
		goto out_closed;
	forget_mappings((void *)rc, len);
	if (mapping_add((uint64_t)rc, len, description_get(desc), &map))
		goto out_unmap;
	return rc;

out_unmap:
	description_put(desc);
	SYS(SYS_munmap, rc, len);
	rc = -ENOMEM;
out_closed:
	if (map.closed)
		map.closed(map.cookie);
	return rc;
}

/*
 * Whether stores to a shared mapping of @fd end on a disk, as they do not on a file system in
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

static long mmap_plain(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	long rc = SYS(SYS_mmap, addr, len, prot, flags, fd, offset);

	if (rc < 0)
		return rc;
	if (flags & MAP_FIXED)
		forget_mappings(addr, len);
	if (shares_disk(fd, flags))
		record_disk(rc, len);
	return rc;
}

EXPORT void *mmap(void *addr, size_t len, int prot, int flags, int fd, off_t offset)
{
	struct engine_call call;
	struct description *desc;
	long rc;

	if (flags & MAP_FIXED) {
		rc = displace_before(addr, len, DISPLACE_MMAP_FIXED, false);
		if (rc)
			return (void *)libc_result(rc);
	}
	desc = flags & MAP_ANONYMOUS ? NULL : engine_enter_fd(&call, fd);
	if (!desc)
		return (void *)libc_result(mmap_plain(addr, len, prot, flags, fd, offset));
	rc = mmap_file(desc, addr, len, prot, flags, offset);
	engine_leave_fd(&call, desc);
	return (void *)libc_result(rc);
}

EXPORT_ALIAS(mmap64, mmap);

/* ---- taking memory away ---- */

EXPORT int munmap(void *addr, size_t len)
{
	int rc = displace_before(addr, len, DISPLACE_MUNMAP, false);

	if (rc)
		return (int)libc_result(rc);
	/*
	 * Before the unmap: after it another thread may have been given the addresses, for an
	 * emulated file.
	 */
	if (len && is_aligned((uintptr_t)addr, PAGE_SIZE))
		forget_mappings(addr, len);
	return (int)libc_result(SYS(SYS_munmap, addr, len));
}

static bool drops_pages(int advice)
{
	return advice == MADV_DONTNEED || advice == MADV_REMOVE || advice == MADV_FREE;
}

EXPORT int madvise(void *addr, size_t len, int advice)
{
	int rc;

	if (drops_pages(advice)) {
		rc = displace_before(addr, len, DISPLACE_MADVISE, true);
		if (rc)
			return (int)libc_result(rc);
	}
	return (int)libc_result(SYS(SYS_madvise, addr, len, advice));
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
	return (old_len && displace_needed((uintptr_t)old, old_len)) ||
	       ((flags & MREMAP_FIXED) && displace_needed((uintptr_t)to, new_len));
}

static long move(void *old, size_t old_len, size_t new_len, int flags, void *to)
{
	long rc;

	/* In place first: then nothing that is pinned moves. */
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		rc = SYS(SYS_mremap, old, old_len, new_len, flags & ~MREMAP_MAYMOVE);
		if (rc != -ENOMEM || !(flags & MREMAP_MAYMOVE))
			return rc;
	}
	if (!engine_busy() && concerns_pinned(old, old_len, new_len, flags, to))
		return move_pinned(old, old_len, new_len, flags, to);
	return SYS(SYS_mremap, old, old_len, new_len, flags, to);
}

/* Records that what was mapped at @old is at @now. */
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
	long rc;

	if (flags & MREMAP_FIXED) {
		va_start(args, flags);
		to = va_arg(args, void *);
		va_end(args);
	}
	if (kept < old_len) { /* the rest is unmapped wherever the beginning goes */
		rc = displace_before((char *)old + kept, old_len - kept, DISPLACE_MREMAP, false);
		if (rc)
			return (void *)libc_result(rc);
	}
	rc = move(old, old_len, new_len, flags, to);
	if (rc >= 0 && mapping_any()) {
		engine_enter(&call);
		follow_move((uintptr_t)old, old_len, (uintptr_t)rc, new_len, flags);
		engine_leave(&call);
	}
	return (void *)libc_result(rc);
}
