/* SPDX-License-Identifier: MIT */
/* See listener.h. Cost without a listener: a look at an empty list for each MAP and UNMAP. */
#include "iommufd/ioas/listener.h"

#include "iommufd/ioas/area.h"
#include "mem/dmabuf.h"

static void tell(struct ioas_listener *listener, const struct area *area)
{
	const struct listened_area what = {
		.range = area_range(area),
		.prot = area->prot,
		.source = area_source(area),
		.start = area_start(area),
	};

	/* The tables skip it, too. */
	if (mem_source_revoked(area_source(area)))
		return;
	listener->ops->mapped(listener, &what);
}

static int tell_one(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;

	/* What is busy now is told when it comes into the tables. */
	if (!area->busy)
		tell(arg, area);
	return 0;
}

void ioas_listen(struct ioas *ioas, struct ioas_listener *listener,
		 const struct iommu_domain *domain)
{
	assert(!listener->ioas);
	lock_acquire(&ioas->lock);
	listener->ioas = ioas;
	listener->ops->begin(listener, domain);
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, tell_one, listener);
	cds_list_add_tail(&listener->link, &ioas->listeners);
	lock_release(&ioas->lock);
}

void ioas_unlisten(struct ioas_listener *listener)
{
	struct ioas *ioas = listener->ioas;

	if (!ioas)
		return;
	lock_acquire(&ioas->lock);
	cds_list_del(&listener->link);
	listener->ops->end(listener);
	listener->ioas = NULL;
	lock_release(&ioas->lock);
}

void ioas_tell_mapped(struct ioas *ioas, const struct area *area)
{
	struct ioas_listener *listener;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (listener, &ioas->listeners, link)
		tell(listener, area);
}

void ioas_tell_unmapped(struct ioas *ioas, struct iova_range range)
{
	struct ioas_listener *listener;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (listener, &ioas->listeners, link)
		listener->ops->unmapped(listener, range);
}

void ioas_tell_moved(struct ioas *ioas, struct iova_range range)
{
	struct ioas_listener *listener;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (listener, &ioas->listeners, link)
		listener->ops->moved(listener, range);
}
