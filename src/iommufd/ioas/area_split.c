/* SPDX-License-Identifier: MIT */
/*
 * Cutting an area in two. TYPE1 version 1 needs it: it may unmap any part of a mapping
 * [COMPAT-UNMAP]. A file of its own because area.c is at its limit.
 *
 * Only while the IOAS has no huge pages: then no leaf of a table spans the cut, and the tables do
 * not change. Each part has what the area had: a reference of the source, and while there is a HWPT
 * a pin of its own pages.
 *
 * Cost: O(log n) in the number of areas and of pinned parts of the source.
 */
#include "iommufd/ioas/area_split.h"

#include "iommufd/ioas/area.h"

/* Whether @area can be cut after @last. */
static int check_cut(const struct ioas *ioas, const struct area *area, uint64_t last)
	REQUIRES(ioas->lock)
{
	const uint64_t offset = last - area->iova + 1;

	lock_assert_held(&ioas->lock);
	if (area->busy || area->prevented)
		return -EBUSY;
	if (mem_source_kind(area_source(area)) == MEM_KIND_DMABUF)
		return -EOPNOTSUPP;
	if (!is_aligned((last + 1) | ((area_start(area) + offset) & PAGE_MASK), ioas->alignment))
		return -EINVAL;
	return area->pins ? -EINVAL : 0;
}

/* Creates the part of @area after @last, not in the map yet. NULL: no memory. */
static struct area *create_rest(const struct area *area, uint64_t last)
{
	struct area *rest = area_create(area_source(area),
					area_start(area) + (last - area->iova + 1),
					area_last(area) - last, area->prot);

	if (!rest)
		return NULL;
	mem_source_get(area_source(rest));
	rest->iova = last + 1;
	return rest;
}

/*
 * Gives each of the two parts its own pin. They share no page: without huge pages everything is
 * aligned to the page.
 */
static int split_pin(struct ioas *ioas, const struct area *area, const struct area *rest)
	REQUIRES(ioas->lock)
{
	struct mem_pages pages = area_pages(area);

	lock_assert_held(&ioas->lock);
	if (!ioas->table_count)
		return 0;
	return mem_source_split(area_source(area), pages, pages.count - area_pages(rest).count);
}

static int cut_area(struct ioas *ioas, struct area *area, uint64_t last) REQUIRES(ioas->lock)
{
	struct area *head, *rest;
	int rc;

	lock_assert_held(&ioas->lock);
	rc = check_cut(ioas, area, last);
	if (rc)
		return rc;
	/* The area of a source's space has the length of the source: the pool's takes its place. */
	head = area_create_head(area, last - area->iova + 1);
	if (!head)
		return -ENOMEM;
	rest = create_rest(area, last);
	if (!rest) {
		rc = -ENOMEM;
		goto out_free_head;
	}
	rc = iova_map_prepare_split(&ioas->areas, area->iova);
	if (rc)
		goto out_free;
	rc = split_pin(ioas, area, rest);
	if (rc)
		goto out_free;
	area_index_remove(&ioas->index, area);
	iova_map_split(&ioas->areas, area->iova, last, head, rest);
	area_index_add(&ioas->index, head);
	area_index_add(&ioas->index, rest);
	area_free_only(area);
	return 0;

out_free:
	area_free(rest);
out_free_head:
	area_free_only(head);
	return rc;
}

int ioas_cut(struct ioas *ioas, uint64_t last)
{
	struct area *area;
	int rc = 0;

	lock_acquire(&ioas->lock);
	area = iova_map_find(&ioas->areas, last);
	/* [quirk] A cut that leaves only the first byte of an area is none. */
	if (!ioas->huge_pages && area && area_last(area) != last && area->iova != last)
		rc = cut_area(ioas, area, last);
	lock_release(&ioas->lock);
	return rc;
}
