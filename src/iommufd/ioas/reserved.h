/* SPDX-License-Identifier: MIT */
/*
 * Who has reserved which ranges of IOVA in an IOAS. Many devices reserve the same few ranges: one
 * that comes or goes costs O(log n) in the number of owners, and only the first and the last of a
 * range change the set of what is reserved, which is linear in the number of different ranges.
 *
 * Context: with ioas->lock.
 */
#ifndef IOMMUFD_RESERVED_H
#define IOMMUFD_RESERVED_H

#include <urcu/list.h>

#include "iommufd/object/object.h"
#include "iova/iova_map.h"
#include "iova/iova_set.h"

/* All that an owner (a device, a HWPT; in tests the IOAS itself) has reserved, in order. */
struct reserved_owner {
	struct cds_list_head link;
	const struct iommufd_object *object;
	size_t count, capacity;
	struct iova_range *ranges;
};

/* A range that at least one owner has. */
struct reserved_range {
	struct iova_range range;
	size_t users; /* how often it is among the owners' ranges */
};

struct reserved {
	struct iova_set *all;	       /* borrowed: kept as the union of the owners' ranges */
	struct reserved_range *ranges; /* ascending, each once */
	size_t count, capacity;
	struct cds_list_head owners; /* struct reserved_owner.link, in order of arrival */
	struct iova_map index;	     /* the owners by the addresses of their objects */
};

/* Nothing is reserved yet; @all is empty, and changed by nothing else. */
void reserved_init(struct reserved *reserved, struct iova_set *all);
void reserved_destroy(struct reserved *reserved);

/* Adds @count ranges of @object, all or none. 0 or -ENOMEM. */
int reserved_add(struct reserved *reserved, const struct iova_range *ranges, size_t count,
		 const struct iommufd_object *object);

/* Removes all ranges of @object, which may have none. Never fails. */
void reserved_remove(struct reserved *reserved, const struct iommufd_object *object);

/*
 * Calls @visit for each range of each owner, until it returns non-zero; returns that, or 0. @visit
 * must not change what is reserved.
 */
int reserved_for_each(const struct reserved *reserved,
		      int (*visit)(struct iova_range range, const struct iommufd_object *owner,
				   void *arg),
		      void *arg);

/* What an invariant says that does not hold; NULL: all do. */
const char *reserved_check(const struct reserved *reserved);

#endif
