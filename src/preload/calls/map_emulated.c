/* SPDX-License-Identifier: MIT */
/* Mappings of regions of devices, which the record of mappings (process/mapping.h) then knows. */
#include "preload/calls/map_emulated.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/check.h"
#include "preload/engine/call.h"
#include "preload/process/mapping.h"
#include "preload/start/real.h"
#include "preload/trap/insn_other.h"

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
static long place_mapping(const struct description *desc, const struct file_mapping *map,
			  void *addr, size_t len, int prot, int flags)
{
	long fd, rc;

	if (!map->trap)
		return SYS(SYS_mmap, addr, len, prot, flags, map->fd, map->offset);
	insn_other_load();
	fd = SYS(SYS_memfd_create, "vfio-region", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return fd;
	/* As of a file that is open for reading, mprotect() refuses to let it be written. */
	if (desc->access != O_RDWR)
		(void)SYS(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE);
	rc = SYS(SYS_mmap, addr, len, prot, flags, fd, 0);
	SYS(SYS_close, fd);
	return rc;
}

/* What the kernel checks before it asks the file. *@len becomes whole pages. */
static int check_mmap(const struct description *desc, const void *addr, uint64_t *len, int prot,
		      int flags, off_t offset)
{
	if (!*len || (offset & (off_t)PAGE_MASK) || flags & MAP_HUGETLB ||
	    (flags & MAP_FIXED && (uintptr_t)addr & PAGE_MASK))
		return -EINVAL;
	if (check_align_up(*len, PAGE_SIZE, len))
		return -ENOMEM;
	return check_mmap_access(desc, prot, flags);
}

long map_emulated(struct description *desc, void *addr, uint64_t len, int prot, int flags,
		  off_t offset)
{
	struct uiommufd_file *file = desc->file;
	struct file_mapping map;
	long rc;

	assert(engine_busy());
	rc = check_mmap(desc, addr, &len, prot, flags, offset);
	if (rc)
		return rc;
	rc = file->ops->mmap(file, (uint64_t)offset, len, prot, flags, &map);
	if (rc)
		return rc;
	rc = place_mapping(desc, &map, addr, len, prot, flags);
	if (rc < 0)
		goto out_closed;
	if (mapping_any())
		mapping_remove((uint64_t)rc, len);
	if (map.placed)
		mapping_prepare_switch();
	if (mapping_add((uint64_t)rc, len, description_get(desc), &map,
			(prot & (PROT_READ | PROT_WRITE)) == (PROT_READ | PROT_WRITE)))
		goto out_unmap;
	if (map.placed)
		map.placed(map.cookie, map.offset, len);
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
