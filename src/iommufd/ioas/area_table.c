/* SPDX-License-Identifier: MIT */
/*
 * Areas in tables. The cost is a walk of each table, and an entry for each leaf.
 */
#include "iommufd/ioas/area_table.h"

#include "iommufd/ioas/listener.h"
#include "mem/dmabuf.h"
#include "mem/frame.h"
#include "trace/events.h"

/* Ordinary memory of a kernel is contiguous by the page, or by the huge page. */
#define ORDINARY_LEAVES (PAGE_SIZE | PAGE_MASK)
#define HUGE_LEAVES	(~((UINT64_C(2) << 20) - 1))

/*
 * Leaf sizes that @table may have for the piece of @area at @done; 0: all. One that tracks dirty
 * pages has no leaf between the sizes of pages: it would report pages as dirty that no device
 * wrote, and forget which they were when some of them move. What has moved has small leaves, since
 * it may have had them before.
 */
static uint64_t leaf_sizes(const struct ioas *ioas, const struct ioas_table *table,
			   const struct area *area, uint64_t done) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	if (!ioas->huge_pages)
		return PAGE_SIZE;
	if (!(iommu_domain_flags(table->domain) & DOMAIN_DIRTY))
		return 0;
	if (mem_source_has_moved(area_source(area), area_start(area) + done))
		return ORDINARY_LEAVES;
	/* There an extent is as long as the memory is contiguous for hardware, too. */
	if (iommu_domain_scattered(table->domain))
		return 0;
	return ORDINARY_LEAVES | HUGE_LEAVES;
}

/* What of an area and a table is the same for all its pieces. */
struct filling {
	struct mem_source *source;
	uint64_t start, len; /* bytes of the source */
	bool dmabuf;
	bool scattered; /* the table wants to know what is contiguous for hardware */
};

static void filling_begin(struct filling *filling, const struct ioas_table *table,
			  const struct area *area)
{
	filling->source = area_source(area);
	filling->start = area_start(area);
	filling->len = area_len(area);
	filling->dmabuf = mem_source_kind(filling->source) == MEM_KIND_DMABUF;
	filling->scattered = !filling->dmabuf && iommu_domain_scattered(table->domain);
}

/*
 * An extent of the area from byte @done on, for one call of iommu_domain_map(): the bus address and
 * the length.
 */
static void filling_extent(const struct filling *filling, uint64_t done,
			   struct frame_cursor *cursor, uint64_t *bus, uint64_t *len)
{
	mem_source_extent(filling->source, filling->start + done, filling->len - done, bus, len);
	if (filling->scattered)
		*len = frame_extent(cursor, *bus, *len);
}

static __attribute__((noinline)) void observe_fill(const struct ioas_table *table,
						   const struct area *area)
{
	const struct iommu *iommu = iommu_domain_iommu(table->domain);
	const struct origin *mapped = area_mapped_by(area);
	const struct event_table event = {
		.domain = table->domain,
		.iommu = iommu_name(iommu),
		.kind = iommu_kind_name(iommu_kind_of(iommu)),
		.sizes = iommu_domain_pgsizes(table->domain),
	};

	event_fill(&event, area_range(area), area_address(area), mapped ? mapped->stack : 0);
}

/* Puts all of @area into @table, or nothing. Memory that has been revoked is skipped. */
int area_fill(struct ioas *ioas, struct ioas_table *table, const struct area *area)
	REQUIRES(ioas->lock)
{
	struct frame_cursor cursor = {.mapping.end = 0};
	struct filling filling;
	unsigned int prot = area->prot;
	uint64_t done = 0;

	lock_assert_held(&ioas->lock);
	filling_begin(&filling, table, area);
	if (filling.dmabuf) {
		if (mem_source_revoked(filling.source))
			return 0;
		prot |= IOPT_MMIO;
	}
	while (done < filling.len) {
		uint64_t bus, extent;
		int rc;

		filling_extent(&filling, done, &cursor, &bus, &extent);
		rc = iommu_domain_map(table->domain, area->iova + done, bus, extent, prot,
				      leaf_sizes(ioas, table, area, done));
		if (rc) {
			if (done)
				iommu_domain_unmap(table->domain, area->iova, done);
			return rc;
		}
		done += extent;
	}
	if (observed())
		observe_fill(table, area);
	return 0;
}

/*
 * Takes the areas in @range, each of which lies inside it, out of the tables before @end (NULL: all
 * tables).
 */
void range_unfill(struct ioas *ioas, struct iova_range range, const struct ioas_table *end)
	REQUIRES(ioas->lock)
{
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link) {
		if (table == end)
			break;
		iommu_domain_unmap(table->domain, range.start, iova_range_len(range));
		if (observed())
			event_unfill(table->domain, range);
	}
	if (!end)
		ioas_tell_unmapped(ioas, range);
}

/* Takes @area out of the tables before @end (NULL: all tables). */
void area_unfill(struct ioas *ioas, const struct area *area, const struct ioas_table *end)
	REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	range_unfill(ioas, area_range(area), end);
}

/* Puts @area into every table, or into none. */
int area_fill_all(struct ioas *ioas, const struct area *area) REQUIRES(ioas->lock)
{
	struct ioas_table *table;
	int rc;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link) {
		rc = area_fill(ioas, table, area);
		if (rc) {
			area_unfill(ioas, area, table);
			return rc;
		}
	}
	ioas_tell_mapped(ioas, area);
	return 0;
}

/* Waits for the DMA in flight, which may still see what was unmapped. */
void ioas_quiesce(struct ioas *ioas) REQUIRES(ioas->lock)
{
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link)
		iommu_domain_quiesce(table->domain);
}
