/* SPDX-License-Identifier: MIT */
/* See registered.h. */
#include "mem/registered.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "base/lock.h"

enum {
	RANGES = 64
};

#define UNUSED UINT64_MAX /* of no page */

struct range {
	_Atomic uint64_t start; /* UNUSED: no range */
	_Atomic uint64_t len;
	atomic_bool writable;
};

static struct lock lock = LOCK_INIT(LOCK_REGISTERED);
static struct range ranges[RANGES];
static atomic_uint count; /* entries that have been in use; only grows */

int registered_add(uint64_t va, uint64_t len, bool writable)
{
	struct range *range = NULL;

	lock_acquire(&lock);
	for (unsigned int i = 0; !range && i < count; i++)
		if (ranges[i].start == UNUSED)
			range = &ranges[i];
	if (!range && count < RANGES)
		range = &ranges[count];
	if (range) {
		range->start = UNUSED;
		range->len = len;
		range->writable = writable;
		range->start = va;
		if (range == &ranges[count])
			count++;
	}
	lock_release(&lock);
	return range ? 0 : -ENOSPC;
}

int registered_remove(uint64_t va, uint64_t len)
{
	int rc = -ENOENT;

	lock_acquire(&lock);
	for (unsigned int i = 0; rc && i < count; i++) {
		if (ranges[i].start != va || ranges[i].len != len)
			continue;
		ranges[i].start = UNUSED;
		rc = 0;
	}
	lock_release(&lock);
	return rc;
}

bool registered_has(uint64_t va, uint64_t len, bool write)
{
	const unsigned int used = atomic_load_explicit(&count, memory_order_acquire);

	for (unsigned int i = 0; i < used; i++) {
		const uint64_t start = atomic_load(&ranges[i].start);
		const uint64_t its_len = atomic_load(&ranges[i].len);
		const bool writable = atomic_load(&ranges[i].writable);

		if (va >= start && va - start < its_len && len <= its_len - (va - start) &&
		    (writable || !write) && atomic_load(&ranges[i].start) == start)
			return true;
	}
	return false;
}
