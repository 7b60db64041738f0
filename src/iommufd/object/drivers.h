/* SPDX-License-Identifier: MIT */
/*
 * A short list of drivers that only grows, each added once: who serves which hardware. Thread-safe.
 */
#ifndef IOMMUFD_REGISTRY_H
#define IOMMUFD_REGISTRY_H

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

enum {
	REGISTRY_MAX = 8
};

struct registry {
	pthread_mutex_t lock;
	unsigned int count;
	const void *drivers[REGISTRY_MAX];
};

#define REGISTRY_INIT                             \
	{                                         \
		.lock = PTHREAD_MUTEX_INITIALIZER \
	}

static inline void registry_add(struct registry *registry, const void *driver)
{
	pthread_mutex_lock(&registry->lock);
	for (unsigned int i = 0; i < registry->count; i++) {
		if (registry->drivers[i] == driver)
			driver = NULL;
	}
	if (driver) {
		assert(registry->count < REGISTRY_MAX);
		registry->drivers[registry->count++] = driver;
	}
	pthread_mutex_unlock(&registry->lock);
}

/* The driver at @index, in the order in which they were added; NULL past the end. */
static inline const void *registry_at(struct registry *registry, unsigned int index)
{
	const void *driver = NULL;

	pthread_mutex_lock(&registry->lock);
	if (index < registry->count)
		driver = registry->drivers[index];
	pthread_mutex_unlock(&registry->lock);
	return driver;
}

#endif
