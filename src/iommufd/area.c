/* SPDX-License-Identifier: MIT */
/*
 * Areas: the mappings of an IOAS, and how they come into and out of its HWPTs' tables (spec
 * 10-ioas, 4, 6 and 8).
 *
 * Invariants, with ioas->lock held: every area that is not busy is in the table of every HWPT; its
 * pages are pinned, once for the IOAS, exactly while there is a HWPT. A busy area holds its IOVA
 * while its pages are pinned without the lock; ioas->pinning counts those, and HWPTs come and go
 * only when it is 0.
 */
#include <inttypes.h>

#include "base/log.h"
#include "base/pool.h"
#include "iommufd/hwpt.h"
#include "iova/iova_alloc.h"
#include "mem/displace.h"
#include "mem/dmabuf.h"
#include "mem/frame.h"

enum {
	AREA_SIZE = 64 /* with what makes it a cache line of its own */
};

/* The areas that are not in the room of their source: those of COPYs, and of what was cut. */
static struct pool areas = POOL_INIT(AREA_SIZE);

_Static_assert(sizeof(struct area) <= MEM_SOURCE_OWNER_SIZE,
	       "the area of a MAP is in the room of its source");
_Static_assert(sizeof(struct area) <= AREA_SIZE, "an area is in one cache line");

static void area_init(struct area *area, struct mem_source *source, uint64_t start, uint64_t len,
		      uint8_t prot)
{
	area->source = source;
	area->start = start;
	/* Until it has its place, the range only says how long it is. */
	area->range.last = len - 1;
	area->prot = prot;
}

struct area *area_create(struct mem_source *source, uint64_t start, uint64_t len, uint8_t prot)
{
	struct area *area = pool_alloc(&areas);

	if (area)
		area_init(area, source, start, len, prot);
	return area;
}

struct area *area_of_source(struct mem_source *source, uint8_t prot)
{
	struct area *area = mem_source_owner_data(source);

	area_init(area, source, mem_source_offset(source), mem_source_len(source), prot);
	return area;
}

void area_free(struct area *area)
{
	struct mem_source *source = area->source;

	if (area != mem_source_owner_data(source))
		pool_free(&areas, area);
	mem_source_put(source);
}

uint64_t area_len(const struct area *area)
{
	return iova_range_len(area->range);
}

struct mem_pages area_pages(const struct area *area)
{
	uint64_t first = area->start >> PAGE_SHIFT;
	uint64_t last = (area->start + area_len(area) - 1) >> PAGE_SHIFT;

	return (struct mem_pages){.first = first, .count = last - first + 1};
}

/* Leaf sizes that the IOAS allows in its tables; 0: all. */
static uint64_t leaf_sizes(const struct ioas *ioas)
{
	return ioas->huge_pages ? 0 : PAGE_SIZE;
}

/* What the table says of the memory of @area. */
static unsigned int area_prot(const struct area *area)
{
	return mem_source_kind(area->source) == MEM_KIND_DMABUF ? area->prot | IOPT_MMIO
								: area->prot;
}

/* Some of the bytes of @area from @done on, for which one call of iommu_domain_map() is right. */
static void area_piece(const struct hwpt *hwpt, const struct area *area, uint64_t done,
		       struct frame_cursor *cursor, uint64_t *bus, uint64_t *len)
{
	mem_source_extent(area->source, area->start + done, area_len(area) - done, bus, len);
	if (iommu_domain_scattered(hwpt->domain) &&
	    mem_source_kind(area->source) != MEM_KIND_DMABUF)
		*len = frame_extent(cursor, *bus, *len);
}

/*
 * Leaf sizes for the piece of @area at @done, which is at @bus. In tables that track dirty pages,
 * what has moved is mapped page by page: a larger leaf than before would report pages as dirty that
 * no device wrote.
 */
static uint64_t piece_leaf_sizes(const struct ioas *ioas, const struct hwpt *hwpt,
				 const struct area *area, uint64_t done, uint64_t bus)
{
	if (iommu_domain_flags(hwpt->domain) & IOMMU_DOMAIN_DIRTY &&
	    mem_source_has_moved(area->source, area->start + done, bus))
		return PAGE_SIZE;
	return leaf_sizes(ioas);
}

/*
 * Puts @area into the table of @hwpt, or leaves nothing of it there. What has been revoked is not
 * put there.
 */
static int area_fill(struct ioas *ioas, struct hwpt *hwpt, const struct area *area)
{
	const uint64_t len = area_len(area);
	struct frame_cursor cursor = {.mapping.end = 0};
	uint64_t done = 0;

	if (mem_source_revoked(area->source))
		return 0;
	while (done < len) {
		uint64_t bus, run;
		int rc;

		area_piece(hwpt, area, done, &cursor, &bus, &run);
		rc = iommu_domain_map(hwpt->domain, area->range.start + done, bus, run,
				      area_prot(area),
				      piece_leaf_sizes(ioas, hwpt, area, done, bus));
		if (rc) {
			if (done)
				iommu_domain_unmap(hwpt->domain, area->range.start, done);
			return rc;
		}
		done += run;
	}
	return 0;
}

/*
 * Takes the areas in @range, all inside it, out of the tables of all HWPTs before @end (NULL: of
 * all).
 */
static void range_unfill(struct ioas *ioas, struct iova_range range, const struct hwpt *end)
{
	struct hwpt *hwpt;

	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link) {
		if (hwpt == end)
			break;
		iommu_domain_unmap(hwpt->domain, range.start, iova_range_len(range));
	}
}

/* The same for @area. */
static void area_unfill(struct ioas *ioas, const struct area *area, const struct hwpt *end)
{
	range_unfill(ioas, area->range, end);
}

static int area_fill_all(struct ioas *ioas, const struct area *area)
{
	struct hwpt *hwpt;
	int rc;

	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link) {
		rc = area_fill(ioas, hwpt, area);
		if (rc) {
			area_unfill(ioas, area, hwpt);
			return rc;
		}
	}
	return 0;
}

/*
 * Returns when no DMA that could have seen what was unmapped is running. Caller holds ioas->lock.
 */
static void ioas_quiesce(struct ioas *ioas)
{
	struct hwpt *hwpt;

	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link)
		iommu_domain_quiesce(hwpt->domain);
}

/*
 * Starts to fetch what adding or removing an area at @iova will need from the tables. Caller holds
 * ioas->lock.
 */
static void ioas_prefetch(const struct ioas *ioas, uint64_t iova)
{
	struct hwpt *hwpt;

	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link)
		iommu_domain_prefetch(hwpt->domain, iova);
}

/* ---- adding ---- */

/* Where the areas of @request go. Caller holds ioas->lock. */
static int choose_iova(struct ioas *ioas, struct area_request *request)
{
	const struct area *first = request->areas[0];
	const struct iova_request auto_request = {
		.len = request->len,
		.hint = mem_source_start(first->source) - mem_source_offset(first->source) +
			first->start,
		.alignment = ioas->alignment,
	};
	struct iova_range range = {.start = request->iova};

	if (!is_aligned(request->len, ioas->alignment))
		return -EINVAL;
	if (!request->fixed)
		return iova_alloc(&ioas->areas, &ioas->reserved, &ioas->allowed, &auto_request,
				  &request->iova);
	if (!is_aligned(request->iova, ioas->alignment))
		return -EINVAL;
	if (check_last(range.start, request->len, &range.last))
		return -EOVERFLOW;
	if (iova_set_intersects(&ioas->reserved, range))
		return -EINVAL;
	/* A single one is told so when it is inserted. */
	if (request->count > 1 && iova_map_intersects(&ioas->areas, range))
		return -EEXIST;
	return 0;
}

/*
 * What a piece of a MAP or COPY must satisfy by itself (spec 10-ioas 4.1 row 10; 4.3 rows 10, 11).
 */
static int check_area(const struct ioas *ioas, const struct area *area)
{
	if ((area->prot & IOPT_WRITE) && !mem_source_writable(area->source))
		return -EPERM;
	if (!is_aligned(area->start & PAGE_MASK, ioas->alignment))
		return -EINVAL;
	return 0;
}

static void erase_areas(struct ioas *ioas, const struct area_request *request, size_t count)
{
	for (size_t i = 0; i < count; i++)
		(void)iova_map_erase(&ioas->areas, request->areas[i]->range.start);
}

/* Gives the areas their place and puts them into the map, busy. Caller holds ioas->lock. */
static int insert_areas(struct ioas *ioas, struct area_request *request)
{
	uint64_t iova = request->iova;
	int rc;

	for (size_t i = 0; i < request->count; i++) {
		struct area *area = request->areas[i];

		area->range.last = iova + (area_len(area) - 1);
		area->range.start = iova;
		area->busy = true;
		rc = iova_map_insert(&ioas->areas, area->range, area);
		if (rc) {
			erase_areas(ioas, request, i);
			return rc;
		}
		rc = check_area(ioas, area);
		if (rc) {
			erase_areas(ioas, request, i + 1);
			return rc;
		}
		iova = area->range.last + 1;
	}
	return 0;
}

static void unpin_areas(const struct area_request *request, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_source_unpin(request->areas[i]->source, area_pages(request->areas[i]));
}

/* Pins the busy areas with ioas->lock dropped: memory may take its time to come. */
static int pin_areas(struct ioas *ioas, const struct area_request *request)
{
	size_t done;
	int rc = 0;

	ioas->pinning++;
	pthread_mutex_unlock(&ioas->lock);
	for (done = 0; done < request->count; done++) {
		const struct area *area = request->areas[done];

		rc = mem_source_pin(area->source, area_pages(area));
		if (rc) {
			unpin_areas(request, done);
			break;
		}
	}
	pthread_mutex_lock(&ioas->lock);
	if (--ioas->pinning == 0)
		pthread_cond_broadcast(&ioas->idle);
	return rc;
}

/* Pins the busy areas and programs the HWPTs. Caller holds ioas->lock. */
static int program_areas(struct ioas *ioas, const struct area_request *request)
{
	int rc = pin_areas(ioas, request);

	if (rc)
		return rc;
	for (size_t i = 0; i < request->count; i++) {
		rc = area_fill_all(ioas, request->areas[i]);
		if (rc) {
			while (i-- > 0)
				area_unfill(ioas, request->areas[i], NULL);
			ioas_quiesce(ioas);
			unpin_areas(request, request->count);
			return rc;
		}
	}
	return 0;
}

int ioas_add_areas(struct ioas *ioas, struct area_request *request)
{
	int rc;

	pthread_mutex_lock(&ioas->lock);
	/*
	 * MAPs that overlap in time would else keep a HWPT from coming or going for as long as they
	 * like.
	 */
	while (ioas->waiting)
		pthread_cond_wait(&ioas->idle, &ioas->lock);
	if (request->fixed)
		ioas_prefetch(ioas, request->iova);
	rc = choose_iova(ioas, request);
	if (!rc)
		rc = insert_areas(ioas, request);
	if (!rc && ioas->hwpt_count) {
		rc = program_areas(ioas, request);
		if (rc)
			erase_areas(ioas, request, request->count);
	}
	for (size_t i = 0; i < request->count; i++)
		request->areas[i]->busy = false;
	pthread_mutex_unlock(&ioas->lock);
	return rc;
}

/* ---- removing ---- */

/* Areas that have left the map and the tables, but whose memory DMA in flight may still reach. */
struct removed {
	struct area *areas[64];
	size_t count;
};

/* Waits for the DMA in flight, once for all, and lets go of the memory. Caller holds ioas->lock. */
static void flush_removed(struct ioas *ioas, struct removed *removed)
{
	if (removed->count && ioas->hwpt_count)
		ioas_quiesce(ioas);
	for (size_t i = 0; i < removed->count; i++) {
		struct area *area = removed->areas[i];

		if (ioas->hwpt_count)
			mem_source_unpin(area->source, area_pages(area));
		area_free(area);
	}
	removed->count = 0;
}

/* @path leads to @entry. Its area, which may still be on its way from memory, is not looked at. */
static void remove_entry(struct ioas *ioas, struct iova_map_path *path,
			 const struct iova_map_entry *entry, struct removed *removed)
{
	iova_map_erase_at(&ioas->areas, path);
	range_unfill(ioas, entry->range, NULL);
	removed->areas[removed->count++] = entry->value;
	if (removed->count == sizeof(removed->areas) / sizeof(removed->areas[0]))
		flush_removed(ioas, removed);
}

/* How often accesses are asked to let go of an area before that is an error of theirs. */
enum {
	UNPIN_TRIES = 100
};

static bool has_accesses(const struct ioas *ioas)
{
	return ioas->accesses.next != &ioas->accesses;
}

/*
 * What forbids to remove the area of @entry. Areas are busy only while somebody pins, and locked
 * only by accesses.
 */
static int check_removable(const struct ioas *ioas, const struct iova_map_entry *entry,
			   struct iova_range range)
{
	const struct area *area = entry->value;

	if (ioas->pinning && area->busy)
		return -EBUSY;
	if (has_accesses(ioas) && area->locks)
		return -EBUSY;
	return iova_range_contains(range, entry->range) ? 0 : -ENOENT;
}

int ioas_unmap_range(struct ioas *ioas, struct iova_range range, uint64_t *unmapped)
{
	struct iova_map_entry entry;
	struct iova_map_path path;
	struct removed removed;
	unsigned int tries = 0;
	int rc = 0;

	*unmapped = 0;
	removed.count = 0;
	pthread_mutex_lock(&ioas->lock);
	ioas_prefetch(ioas, range.start);
	while (iova_map_seek(&ioas->areas, range.start, &path, &entry) &&
	       entry.range.start <= range.last) {
		struct area *area = entry.value;

		area_prefetch(area);
		rc = check_removable(ioas, &entry, range);
		if (rc)
			break;
		if (has_accesses(ioas) && area->pins) {
			area->prevented = true;
			if (tries++ == UNPIN_TRIES) {
				rc = -EDEADLK;
				break;
			}
			/*
			 * The lock will be dropped: HWPTs may come and go, and only what is in the
			 * map with them.
			 */
			flush_removed(ioas, &removed);
			ioas_notify_accesses(ioas, entry.range);
			continue;
		}
		tries = 0;
		*unmapped += iova_range_len(entry.range);
		remove_entry(ioas, &path, &entry, &removed);
		if (entry.range.last == range.last)
			break;
		range.start = entry.range.last + 1;
	}
	flush_removed(ioas, &removed);
	pthread_mutex_unlock(&ioas->lock);
	return rc;
}

/* ---- HWPTs that come and go ---- */

struct pin_walk {
	struct ioas *ioas;
	struct hwpt *hwpt;
	const struct area *failed; /* where to stop undoing */
};

static int pin_one(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct pin_walk *walk = arg;
	int rc = mem_source_pin(area->source, area_pages(area));

	if (rc)
		walk->failed = area;
	return rc;
}

static int unpin_one(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	const struct pin_walk *walk = arg;

	if (area == walk->failed)
		return 1;
	mem_source_unpin(area->source, area_pages(area));
	return 0;
}

int ioas_pin_all(struct ioas *ioas)
{
	struct pin_walk walk = {.ioas = ioas};
	int rc = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, pin_one, &walk);

	if (rc)
		(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, unpin_one, &walk);
	return rc;
}

void ioas_unpin_all(struct ioas *ioas)
{
	struct pin_walk walk = {.ioas = ioas};

	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, unpin_one, &walk);
}

static int fill_one(const struct iova_map_entry *entry, void *arg)
{
	const struct pin_walk *walk = arg;

	return area_fill(walk->ioas, walk->hwpt, entry->value);
}

int ioas_fill(struct ioas *ioas, struct hwpt *hwpt)
{
	struct pin_walk walk = {.ioas = ioas, .hwpt = hwpt};
	struct iova_range aperture = iommu_domain_aperture(hwpt->domain);
	int rc = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, fill_one, &walk);

	if (rc)
		iommu_domain_unmap(hwpt->domain, aperture.start, aperture.last - aperture.start);
	return rc;
}

/* ---- memory that moves ---- */

struct move {
	struct ioas *ioas;
	const struct displace_moved *moved;
	size_t count;
	struct dmabuf *revoked;
};

static bool pages_intersect(struct mem_pages a, struct mem_pages b)
{
	return a.first < b.first + b.count && b.first < a.first + a.count;
}

/* The dirty pages of an area in one table, while its leaves are replaced. */
struct kept_dirty {
	struct iova_set pages;
	bool all; /* no memory for the set: rather too many than too few */
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

	iopt_read_lock();
	for (uint64_t i = 0; i < pages; i++)
		(void)iopt_set_dirty(table, range.start + (i << PAGE_SHIFT));
	iopt_read_unlock();
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

/* Replaces the leaves of @area in the table of @hwpt. DMA does not run meanwhile. */
static int redirect_in(struct ioas *ioas, struct hwpt *hwpt, const struct area *area)
{
	struct iopt *table = iommu_domain_table(hwpt->domain);
	struct kept_dirty kept = {.all = false};
	int rc;

	iova_set_init(&kept.pages);
	iopt_read_dirty(table, area->range, false, keep_dirty, &kept);
	iommu_domain_unmap(hwpt->domain, area->range.start, area_len(area));
	rc = area_fill(ioas, hwpt, area);
	if (!rc)
		restore_dirty(table, area->range, &kept);
	iova_set_destroy(&kept.pages);
	return rc;
}

static int redirect_in_all(struct ioas *ioas, const struct area *area)
{
	struct hwpt *hwpt;
	int rc;

	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link) {
		rc = redirect_in(ioas, hwpt, area);
		if (rc) {
			area_unfill(ioas, area, NULL);
			return rc;
		}
	}
	return 0;
}

static int redirect_area(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	const struct move *move = arg;
	const struct displace_moved *moved =
		displace_find_moved(move->moved, move->count, area->source);

	if (!moved || area->busy || !pages_intersect(area_pages(area), moved->pages))
		return 0;
	/* DMA that misses in between waits for the move to end, and walks again. */
	if (redirect_in_all(move->ioas, area))
		log_error("no memory to redirect IOVA 0x%" PRIx64 "-0x%" PRIx64
			  " after its pages have moved: it is not mapped any more",
			  area->range.start, area->range.last);
	return 0;
}

static void redirect_ioas(struct ioas *ioas, void *arg)
{
	struct move *move = arg;

	move->ioas = ioas;
	if (ioas->hwpt_count)
		(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, redirect_area, move);
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

	/* A busy one is not in the tables yet, and will not get there. */
	if (!area->busy && mem_source_is_of(area->source, move->revoked))
		area_unfill(move->ioas, area, NULL);
	return 0;
}

static void revoke_ioas(struct ioas *ioas, void *arg)
{
	struct move *move = arg;

	if (!ioas->hwpt_count)
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
