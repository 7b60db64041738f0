/* SPDX-License-Identifier: MIT */
/*
 * The invariants of an IOAS that are too expensive to assert where they could break. Tests call
 * ioas_check() between the operations of a property test.
 *
 * Cost: a walk of each table for each area.
 */
#include "iommufd/ioas/ioas_check.h"

#include "base/rcu.h"
#include "iommufd/ioas/access.h"
#include "iommufd/ioas/area.h"
#include "mem/dmabuf.h"

struct area_check {
	struct ioas *ioas;
	unsigned int busy;
	const char *broken;
};

static bool table_maps(const struct ioas_table *table, uint64_t iova)
{
	struct iopt_leaf leaf;
	bool found;

	rcu_read_lock();
	found = iopt_translate(iommu_domain_table(table->domain), iova, &leaf);
	rcu_read_unlock();
	return found;
}

static bool tables_map_area(const struct ioas *ioas, const struct area *area)
{
	struct ioas_table *table;

	cds_list_for_each_entry (table, &ioas->tables, link) {
		if (!table_maps(table, area->iova) || !table_maps(table, area_last(area)))
			return false;
	}
	return true;
}

static int check_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct area_check *check = arg;

	if (area->iova != entry->range.start || area_last(area) != entry->range.last)
		check->broken = "an area's range is that of its map entry";
	else if (iova_set_intersects(&check->ioas->reserved, area_range(area)))
		check->broken = "no area intersects a reserved range";
	else if (area->locks > area->pins)
		check->broken = "pins of internal accesses are pins";
	else if (area->pins && cds_list_empty(&check->ioas->accesses))
		check->broken = "areas have pins only while the IOAS has accesses";
	if (check->broken)
		return 1;
	if (area->busy) {
		check->busy++;
		return 0;
	}
	if (mem_source_revoked(area_source(area)))
		return 0;
	if (!tables_map_area(check->ioas, area))
		check->broken = "an area that is not busy is in every table";
	else if (check->ioas->table_count &&
		 !mem_source_pinned(area_source(area), area_pages(area)))
		check->broken = "an area that is not busy is pinned while there is a table";
	return check->broken != NULL;
}

static const char *check_areas(struct ioas *ioas)
{
	struct area_check check = {.ioas = ioas};

	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, check_area, &check);
	if (!check.broken && check.busy && !ioas->pinning)
		return "areas are busy only while a MAP or COPY pins";
	return check.broken;
}

struct index_search {
	const struct area *area;
	unsigned int found;
};

struct index_count {
	const struct area_index *index;
	size_t areas;
};

static void find_area(struct area *area, void *arg)
{
	struct index_search *search = arg;

	search->found += area == search->area;
}

static int check_indexed(const struct iova_map_entry *entry, void *arg)
{
	struct index_search search = {.area = entry->value};
	struct index_count *count = arg;

	area_index_for_each(count->index, area_source(search.area), area_pages(search.area),
			    find_area, &search);
	count->areas += search.found;
	return search.found != !search.area->busy;
}

static const char *check_index(struct ioas *ioas)
{
	struct index_count count = {.index = &ioas->index};

	if (!ioas->index.by_pages)
		return NULL;
	if (iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, check_indexed, &count) ||
	    count.areas != ioas->index.count)
		return "every area that is not busy is in the index, and nothing else is";
	return NULL;
}

static const char *check_reserved(const struct ioas *ioas)
{
	const char *broken = reserved_check(&ioas->resv);

	if (!broken && iova_set_meets(&ioas->allowed, &ioas->reserved))
		broken = "no allowed range is reserved";
	return broken;
}

static const char *check_alignment(struct ioas *ioas) REQUIRES(ioas->lock)
{
	const uint64_t alignment = ioas->alignment;

	ioas_update_alignment(ioas);
	return ioas->alignment == alignment ? NULL : "the alignment is up to date";
}

static const char *check_lists(const struct ioas *ioas)
{
	unsigned int tables = 0;
	uint64_t sequence = 0;
	struct access_link *link;
	struct ioas_table *table;

	cds_list_for_each_entry (table, &ioas->tables, link)
		tables++;
	if (tables != ioas->table_count)
		return "table_count is the length of the list";
	cds_list_for_each_entry (link, &ioas->accesses, link) {
		if (link->sequence <= sequence || link->sequence > ioas->access_sequence)
			return "accesses are in the order of attachment";
		sequence = link->sequence;
	}
	return NULL;
}

const char *ioas_check(struct ioas *ioas)
{
	const char *broken;

	lock_assert_held(&ioas->lock);
	broken = check_reserved(ioas);
	if (broken)
		return broken;
	broken = check_areas(ioas);
	if (broken)
		return broken;
	broken = check_index(ioas);
	if (broken)
		return broken;
	broken = check_alignment(ioas);
	if (broken)
		return broken;
	return check_lists(ioas);
}

static void visit_ioas(struct ioas *ioas, void *arg)
{
	const char **broken = arg;

	lock_assert_held(&ioas->lock);
	if (!*broken)
		*broken = ioas_check(ioas);
}

const char *ioas_check_all(void)
{
	const char *broken = NULL;

	ioas_for_each(visit_ioas, &broken);
	return broken;
}
