/* SPDX-License-Identifier: MIT */
/*
 * memory.h - memory that is known to be there
 *
 * A mapping makes its memory present, which takes a system call, as the library does not know what
 * the program has at an address. A VMM knows: its guest's RAM is there from the first instruction
 * to the last. Registered once, mapping any part of it asks the kernel nothing, except for 2 MiB of
 * the library's own memory when thousands of mappings have filled what it has:
 *
 * 	void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
 *
 * 	uiommufd_memory_register(ram, size, 1);
 * 	uiommufd_caller_rights_changed(); // nor whether it may lock memory: <uiommufd/caller.h>
 */
#ifndef UIOMMUFD_MEMORY_H
#define UIOMMUFD_MEMORY_H

#include <stddef.h>

#include <uiommufd/uiommufd.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * uiommufd_memory_register() - promise that memory stays where it is
 * @start: address of the memory, a multiple of the page size
 * @length: bytes, a multiple of the page size
 * @writable: not 0: the program may write it, so it can be mapped for writing as well
 *
 * Makes the memory present, once. Until uiommufd_memory_unregister(), the program does not unmap
 * it, map anything over it, or take rights to it away. If it did, DMA would fail with -EFAULT after
 * uiommufd_guard_memory(), and raise a signal without. Pages may be swapped out, shared with a
 * child of fork(), and given back by MADV_DONTNEED: the next access brings them back.
 *
 * It changes nothing else: mappings are counted as locked memory, and keep to the rules of the
 * kernel. Registered ranges may overlap.
 *
 * Returns: 0, or
 * -EINVAL: @start or @length is no multiple of the page size, or @length is 0
 * -EFAULT: some of it is not mapped, or not with the right
 * -ENOMEM: out of memory
 * -ENOSPC: too much is registered, in more than 64 ranges
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_memory_register(void *start, size_t length, int writable);

/*
 * uiommufd_memory_unregister() - take the promise back, before the memory goes away
 * @start: as it was registered
 * @length: as it was registered
 *
 * What is mapped stays mapped; later mappings ask the kernel again.
 *
 * Returns: 0, or
 * -ENOENT: there is no such registered range
 *
 * Context: any thread.
 */
UIOMMUFD_API int uiommufd_memory_unregister(void *start, size_t length);

#ifdef __cplusplus
}
#endif
#endif
