/* SPDX-License-Identifier: MIT */
/*
 * Areas whose memory moves (mem/displace.h) or is revoked (mem/dmabuf.h). Their IOVA stays; the
 * leaves of their tables are replaced, and what was dirty is dirty again, or they are taken out.
 *
 * DMA does not run while memory moves. Cost: a look into the index of each IOAS (area_index.h) for
 * each source, and the areas concerned are filled anew. Revoking looks at all areas.
 */
#include "iommufd/ioas/area_move.h"

#include <inttypes.h>
#include <stdatomic.h>

#include "base/log.h"
#include "iommufd/ioas/area_table.h"
#include "iommufd/ioas/listener.h"
#include "mem/displace.h"
#include "mem/dmabuf.h"

struct move {
	struct ioas *ioas;
	const struct displace_moved *moved;
	size_t count;
	struct mem_pages pages; /* of the source in question, that have moved */
	struct dmabuf *revoked;
};

static bool pages_intersect(struct mem_pages a, struct mem_pages b)
{
	return a.first < b.first + b.count && b.first < a.first + a.count;
}

/* The dirty pages of an area in one table, while its leaves are replaced. */
struct kept_dirty {
	struct iova_set pages;
	bool all; /* no memory for the set: report too many rather than too few */
};

static void keep_dirty(struct iova_range dirty, void *arg)
{
	struct kept_dirty *kept = arg;

	if (iova_set_add(&kept->pages, dirty))
		kept->all = true;
}

static void ignore_dirty(struct iova_range dirty, void *arg)
{
	(void)dirty;
	(void)arg;
}

static void mark_dirty(struct iopt *table, struct iova_range range)
{
	const uint64_t pages = ((range.last - range.start) >> PAGE_SHIFT) + 1;

	rcu_read_lock();
	for (uint64_t i = 0; i < pages; i++)
		(void)iopt_set_dirty(table, range.start + (i << PAGE_SHIFT));
	rcu_read_unlock();
}

/* Fresh leaves are clean, or (Arm's) dirty: makes exactly what was dirty before dirty again. */
static void restore_dirty(struct iopt *table, struct iova_range range,
			  const struct kept_dirty *kept)
{
	iopt_read_dirty(table, range, true, ignore_dirty, NULL);
	if (kept->all)
		mark_dirty(table, range);
	for (size_t i = 0; !kept->all && i < kept->pages.count; i++)
		mark_dirty(table, kept->pages.ranges[i]);
}

/* Replaces the leaves of @area in @mirror. DMA does not run meanwhile. */
static int redirect_in(struct ioas *ioas, struct ioas_table *mirror, const struct area *area)
	REQUIRES(ioas->lock)
{
	struct iopt *table = iommu_domain_table(mirror->domain);
	struct kept_dirty kept = {.all = false};
	int rc;

	lock_assert_held(&ioas->lock);
	iova_set_init(&kept.pages);
	iopt_read_dirty(table, area_range(area), false, keep_dirty, &kept);
	iommu_domain_unmap(mirror->domain, area->iova, area_len(area));
	rc = area_fill(ioas, mirror, area);
	if (!rc)
		restore_dirty(table, area_range(area), &kept);
	iova_set_destroy(&kept.pages);
	return rc;
}

static int redirect_in_all(struct ioas *ioas, const struct area *area) REQUIRES(ioas->lock)
{
	struct ioas_table *table;
	int rc;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link) {
		rc = redirect_in(ioas, table, area);
		if (rc) {
			area_unfill(ioas, area, NULL);
			return rc;
		}
	}
	return 0;
}

enum {
	AREAS_FEW = 4, /* are looked at without an index */
};

static _Atomic uint64_t looked_at; /* areas, so far */

uint64_t iommufd_areas_looked_at(void)
{
	return atomic_load_explicit(&looked_at, memory_order_relaxed);
}

/* Calls do not overlap: only LOCK_DISPLACING is held, but that is. */
static void count_look(void)
{
	atomic_store_explicit(&looked_at, iommufd_areas_looked_at() + 1, memory_order_relaxed);
}

static void redirect_area(struct area *area, void *arg)
{
	const struct move *move = arg;
	struct ioas *ioas = move->ioas;

	lock_assert_held(&ioas->lock);
	count_look();
	if (area->busy || !pages_intersect(area_pages(area), move->pages))
		return;
	/* DMA that misses in between waits for the move to end, and walks again. */
	if (redirect_in_all(ioas, area))
		log_error("no memory to redirect IOVA 0x%" PRIx64 "-0x%" PRIx64
			  " after its pages have moved: it is not mapped any more",
			  area->iova, area_last(area));
	else
		ioas_tell_moved(ioas, area_range(area));
}

static int redirect_entry(const struct iova_map_entry *entry, void *arg)
{
	struct area *area = entry->value;
	struct move *move = arg;
	const struct displace_moved *moved =
		displace_find_moved(move->moved, move->count, area_source(area));

	if (!moved) {
		count_look();
		return 0;
	}
	move->pages = moved->pages;
	redirect_area(area, move);
	return 0;
}

static void redirect_ioas(struct ioas *ioas, void *arg)
{
	struct move *move = arg;

	lock_assert_held(&ioas->lock);
	move->ioas = ioas;
	if (!ioas->table_count)
		return;
	if (ioas->areas.count <= max_u64(AREAS_FEW, move->count) || !area_index_make(ioas)) {
		(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, redirect_entry, move);
		return;
	}
	for (size_t i = 0; i < move->count; i++) {
		move->pages = move->moved[i].pages;
		area_index_for_each(&ioas->index, move->moved[i].source, move->pages, redirect_area,
				    move);
	}
}

void iommufd_sources_moved(const struct displace_moved *moved, size_t count)
{
	struct move move = {.moved = moved, .count = count};

	ioas_for_each(redirect_ioas, &move);
}

/* ---- memory that is revoked ---- */

static int revoke_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	const struct move *move = arg;
	struct ioas *ioas = move->ioas;

	lock_assert_held(&ioas->lock);
	/* A busy area is not in the tables yet, and area_fill() will skip it. */
	if (!area->busy && mem_source_is_of(area_source(area), move->revoked))
		area_unfill(ioas, area, NULL);
	return 0;
}

static void revoke_ioas(struct ioas *ioas, void *arg)
{
	struct move *move = arg;

	lock_assert_held(&ioas->lock);
	if (!ioas->table_count)
		return;
	move->ioas = ioas;
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, revoke_area, move);
	ioas_quiesce(ioas);
}

void iommufd_dmabuf_revoked(struct dmabuf *dmabuf)
{
	struct move move = {.revoked = dmabuf};

	ioas_for_each(revoke_ioas, &move);
}
