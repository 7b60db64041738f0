/* SPDX-License-Identifier: MIT */
/* <uiommufd/memory.h>: populates a range once, and remembers it (mem/registered.h). */
#include <errno.h>

#include <uiommufd/memory.h>

#include "base/check.h"
#include "mem/populate.h"
#include "mem/registered.h"

int uiommufd_memory_register(void *start, size_t length, int writable)
{
	const uint64_t va = (uintptr_t)start;
	uint64_t end;
	int rc;

	if (!length || (va | length) & PAGE_MASK || check_add(va, length, &end))
		return -EINVAL;
	rc = populate(va, length, writable);
	return rc ? rc : registered_add(va, length, writable);
}

int uiommufd_memory_unregister(void *start, size_t length)
{
	return registered_remove((uintptr_t)start, length);
}
