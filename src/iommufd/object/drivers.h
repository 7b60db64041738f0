/* SPDX-License-Identifier: MIT */
/*
 * A short list of drivers that only grows, each added once: who serves which hardware. Thread-safe.
 */
#ifndef IOMMUFD_REGISTRY_H
#define IOMMUFD_REGISTRY_H

#include "base/lock.h"

#include <assert.h>
#include <stddef.h>

enum {
	REGISTRY_MAX = 8
};

struct registry {
	struct lock lock;
	unsigned int count;
	const void *drivers[REGISTRY_MAX];
};

#define REGISTRY_INIT                           \
	{                                       \
		.lock = LOCK_INIT(LOCK_DRIVERS) \
	}

static inline void registry_add(struct registry *registry, const void *driver)
{
	lock_acquire(&registry->lock);
	for (unsigned int i = 0; i < registry->count; i++) {
		if (registry->drivers[i] == driver)
			driver = NULL;
	}
	if (driver) {
		assert(registry->count < REGISTRY_MAX);
		registry->drivers[registry->count++] = driver;
	}
	lock_release(&registry->lock);
}

/* The driver at @index, in the order in which they were added; NULL past the end. */
static inline const void *registry_at(struct registry *registry, unsigned int index)
{
	const void *driver = NULL;

	lock_acquire(&registry->lock);
	if (index < registry->count)
		driver = registry->drivers[index];
	lock_release(&registry->lock);
	return driver;
}

#endif
