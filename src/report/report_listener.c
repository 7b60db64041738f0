/* SPDX-License-Identifier: MIT */
/* See report_listener.h. The listeners are few: they are looked through. */
#include "report/report_listener.h"

#include <errno.h>
#include <stddef.h>

enum {
	LISTENERS = 64
};

static struct listener {
	const void *iommu;
	report_listener_fn fn; /* NULL: the entry is not in use */
	void *arg;
} listeners[LISTENERS];

static struct listener *find(const void *iommu)
{
	for (size_t i = 0; i < LISTENERS; i++)
		if (listeners[i].fn && listeners[i].iommu == iommu)
			return &listeners[i];
	return NULL;
}

int report_listener_set(const void *iommu, report_listener_fn fn, void *arg)
{
	struct listener *entry = find(iommu);

	for (size_t i = 0; fn && !entry && i < LISTENERS; i++)
		if (!listeners[i].fn)
			entry = &listeners[i];
	if (entry)
		*entry = (struct listener){.iommu = iommu, .fn = fn, .arg = arg};
	return fn && !entry ? -ENOSPC : 0;
}

bool report_listener_tell(const struct report_told *told)
{
	const struct listener *entry = told->dma ? find(told->dma->iommu) : NULL;

	if (!entry)
		entry = find(NULL);
	if (entry)
		entry->fn(entry->arg, told);
	return entry;
}
