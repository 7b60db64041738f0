/* SPDX-License-Identifier: MIT */
/* The address space is the one with the domain among its tables; its lock is held meanwhile. */
#include "checker/place.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "iommufd/ioas/area.h"

struct search {
	const struct iommu_domain *domain;
	uint64_t iova;
	struct place *place;
};

static void set_mapping(struct place_mapping *mapping, const struct iova_map_entry *entry)
{
	const struct area *area = entry->value;
	const struct origin *origin = area_mapped_by(area);

	mapping->found = true;
	mapping->range = entry->range;
	mapping->prot = area->prot;
	if (origin)
		mapping->origin = *origin;
}

/* The highest entry that ends below @iova. The map finds the next one above an address only. */
static bool find_below(const struct iova_map *map, uint64_t iova, struct iova_map_entry *below)
{
	struct iova_map_entry entry;
	uint64_t low, high = iova;

	if (!iova_map_lower(map, 0, below) || below->range.last >= iova)
		return false;
	/* The entry that @low leads to ends below @iova, the one that @high leads to does not. */
	low = below->range.last;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (iova_map_lower(map, middle, &entry) && entry.range.last < iova) {
			*below = entry;
			low = entry.range.last;
		} else {
			high = middle;
		}
	}
	return true;
}

static void find_mappings(struct ioas *ioas, uint64_t iova, struct place *place)
	REQUIRES(ioas->lock)
{
	struct iova_map_entry entry;

	lock_assert_held(&ioas->lock);
	if (find_below(&ioas->areas, iova, &entry))
		set_mapping(&place->below, &entry);
	if (!iova_map_lower(&ioas->areas, iova, &entry))
		return;
	if (entry.range.start > iova) {
		set_mapping(&place->above, &entry);
		return;
	}
	set_mapping(&place->at, &entry);
	if (entry.range.last != UINT64_MAX &&
	    iova_map_lower(&ioas->areas, entry.range.last + 1, &entry))
		set_mapping(&place->above, &entry);
}

/* The usable ranges as text, as many as there is space for. */
static void describe_windows(struct ioas *ioas, uint64_t iova, struct place *place)
	REQUIRES(ioas->lock)
{
	struct iova_set usable;
	size_t used = 0;
	int len;

	lock_assert_held(&ioas->lock);
	iova_set_init(&usable);
	if (iova_set_invert(&ioas->reserved, &usable))
		goto out_destroy;
	place->outside = !iova_set_contains(&usable, (struct iova_range){iova, iova});
	for (size_t i = 0; i < usable.count; i++) {
		len = snprintf(place->windows + used, sizeof(place->windows) - used,
			       "%s0x%" PRIx64 "-0x%" PRIx64, i ? ", " : "", usable.ranges[i].start,
			       usable.ranges[i].last);
		if (len < 0 || (size_t)len >= sizeof(place->windows) - used)
			break;
		used += (size_t)len;
	}
out_destroy:
	iova_set_destroy(&usable);
}

static void visit(struct ioas *ioas, void *arg)
{
	struct search *search = arg;
	const struct history_entry *gone;
	struct ioas_table *table;
	bool mine = false;

	lock_assert_held(&ioas->lock);
	if (search->place->found)
		return;
	cds_list_for_each_entry (table, &ioas->tables, link)
		mine = mine || table->domain == search->domain;
	if (!mine)
		return;
	search->place->found = true;
	search->place->ioas_id = ioas->object.id;
	find_mappings(ioas, search->iova, search->place);
	describe_windows(ioas, search->iova, search->place);
	gone = history_find(ioas->history, search->iova);
	if (gone) {
		search->place->was_mapped = true;
		search->place->gone = *gone;
	}
}

void place_find(const struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		struct place *place)
{
	struct search search = {
		.domain = iommu_endpoint_memory(endpoint, pasid),
		.iova = iova,
		.place = place,
	};

	memset(place, 0, sizeof(*place));
	if (search.domain)
		ioas_for_each(visit, &search);
}
