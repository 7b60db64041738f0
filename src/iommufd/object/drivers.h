/* SPDX-License-Identifier: MIT */
/*
 * A short list of drivers, one per kind of hardware. It only grows, and each driver is added once.
 * Thread-safe.
 */
#ifndef IOMMUFD_DRIVERS_H
#define IOMMUFD_DRIVERS_H

#include <assert.h>
#include <stddef.h>

#include "base/lock.h"

enum {
	REGISTRY_MAX = 8
};

struct registry {
	struct lock lock; /* guards the rest */
	unsigned int count;
	const void *drivers[REGISTRY_MAX];
};

#define REGISTRY_INIT                           \
	{                                       \
		.lock = LOCK_INIT(LOCK_DRIVERS) \
	}

/* Adds @driver, unless it is there already. */
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

/* The driver at @index, in the order of registry_add(); NULL past the end. */
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
