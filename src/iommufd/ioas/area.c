/* SPDX-License-Identifier: MIT */
/*
 * Areas: the mappings of an IOAS, and how they come and go [IOAS-MAPPING], [IOAS-UNMAP],
 * [IOAS-PINNING].
 *
 * Invariants, while ioas->lock is held (ioas_check() tests the first two):
 * - an area that is not busy is in the table of every HWPT, unless its memory has been revoked or
 *   could not be redirected after a move;
 * - the pages of an area that is not busy are pinned, once for the IOAS, exactly while the IOAS has
 *   a HWPT;
 * - an area is busy, and keeps its IOVA, while its pages are pinned without the lock;
 *   ioas->pinning counts the MAPs and COPYs that do so, and HWPTs come and go only while it is 0;
 * - areas have pins only while the IOAS has accesses.
 *
 * Cost: adding or removing an area is O(log n) in their number, for each HWPT a walk of its table,
 * and the memory itself.
 */
#include "iommufd/ioas/area.h"

#include <inttypes.h>

#include "base/last_error.h"
#include "base/pool.h"
#include "iommufd/ioas/access.h"
#include "iommufd/ioas/area_table.h"
#include "iommufd/ioas/ioas_observer.h"
#include "iommufd/ioas/refusal.h"
#include "iova/iova_alloc.h"
#include "report/counts.h"
#include "report/history.h"
#include "trace/events.h"

enum {
	AREA_SIZE = 64 /* padded to a cache line */
};

/*
 * The areas that their source has no space for: those of COPYs, the rest of a cut, and all while
 * recording().
 */
static struct pool areas = POOL_INIT(AREA_SIZE);

_Static_assert(sizeof(struct area) <= MEM_SOURCE_OWNER_SIZE,
	       "the area of a MAP lies in the space of its source");
_Static_assert(sizeof(struct pool_area) <= AREA_SIZE, "an area fits in a cache line");

_Static_assert(MEM_SOURCE_OWNER_OFFSET % POOL_ALIGNMENT, "area_in_pool() tells them apart");

const struct origin *area_mapped_by(const struct area *area)
{
	return area_in_pool(area) && area_pooled(area)->origin.time ? &area_pooled(area)->origin
								    : NULL;
}

/* An area in the pool, recorded, without its memory. NULL: no memory. */
static struct pool_area *create_pooled(uint64_t len, uint8_t prot)
{
	struct pool_area *pooled = pool_alloc(&areas);

	if (!pooled)
		return NULL;
	pooled->area.prot = prot;
	pooled->len = len;
	if (recording()) {
		count_add(COUNT_MAPS, 1);
		origin_capture_now(&pooled->origin);
	}
	return pooled;
}

struct area *area_create(struct mem_source *source, uint64_t start, uint64_t len, uint8_t prot)
{
	struct pool_area *pooled = create_pooled(len, prot);

	if (!pooled)
		return NULL;
	pooled->source = source;
	pooled->start = start;
	return &pooled->area;
}

struct area *area_create_part(const struct area *area, uint64_t offset, uint64_t len, uint8_t prot)
{
	/* Before @area is read, which may not have arrived in the cache yet. */
	struct pool_area *pooled = create_pooled(len, prot);

	if (!pooled)
		return NULL;
	pooled->source = mem_source_get(area_source(area));
	pooled->start = area_start(area) + offset;
	return &pooled->area;
}

struct area *area_of_source(struct mem_source *source, uint8_t prot)
{
	struct area *area = NULL;

	if (recording())
		area = area_create(source, mem_source_offset(source), mem_source_len(source), prot);
	if (area)
		return area;
	area = mem_source_owner_data(source);
	area->prot = prot;
	if (recording())
		count_add(COUNT_MAPS, 1);
	return area;
}

struct area *area_create_head(const struct area *area, uint64_t len)
{
	struct pool_area *pooled = pool_alloc(&areas);

	if (!pooled)
		return NULL;
	if (area_in_pool(area))
		*pooled = *area_pooled(area);
	pooled->area = *area;
	pooled->source = area_source(area);
	pooled->start = area_start(area);
	pooled->len = len;
	return &pooled->area;
}

void area_free_only(struct area *area)
{
	if (area_in_pool(area))
		pool_free(&areas, area);
}

void area_free(struct area *area)
{
	struct mem_source *source = area_source(area);

	area_free_only(area);
	mem_source_put(source);
}

struct mem_pages area_pages(const struct area *area)
{
	uint64_t first = area_start(area) >> PAGE_SHIFT;
	uint64_t last = (area_start(area) + area_len(area) - 1) >> PAGE_SHIFT;

	return (struct mem_pages){.first = first, .count = last - first + 1};
}

/* Prefetches the entries of the tables that an area at @iova is in. */
static void prefetch_in_tables(const struct ioas *ioas, uint64_t iova) REQUIRES(ioas->lock)
{
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (table, &ioas->tables, link)
		iommu_domain_prefetch(table->domain, iova);
}

void ioas_prefetch(const struct ioas *ioas, uint64_t iova)
{
	lock_assert_held(&ioas->lock);
	prefetch_in_tables(ioas, iova);
	iova_map_prefetch(&ioas->areas, iova);
}

uint64_t area_address(const struct area *area)
{
	return mem_source_start(area_source(area)) - mem_source_offset(area_source(area)) +
	       area_start(area);
}

/* ---- observing ---- */

const struct ioas_observer *ioas_observer;

void ioas_observe(const struct ioas_observer *observer)
{
	ioas_observer = observer;
}

/* ---- adding ---- */

/* Chooses the IOVA of @request, or checks the one that it fixes. */
static int choose_iova(struct ioas *ioas, struct area_request *request) REQUIRES(ioas->lock)
{
	const struct area *first = request->areas[0];
	const struct iova_request auto_request = {
		.len = request->len,
		.hint = area_address(first),
		.alignment = ioas->alignment,
	};
	struct iova_range range = {.start = request->iova};
	int rc;

	lock_assert_held(&ioas->lock);
	if (!is_aligned(request->len, ioas->alignment))
		return refuse_alignment(ioas, "length", request->len);
	if (!request->fixed) {
		rc = iova_alloc(&ioas->areas, &ioas->reserved, &ioas->allowed, &auto_request,
				&request->iova);
		return rc ? refuse_no_hole(ioas, request->len, rc) : 0;
	}
	if (!is_aligned(request->iova, ioas->alignment))
		return refuse_alignment(ioas, "iova", request->iova);
	if (check_last(range.start, request->len, &range.last))
		return refuse_mistake(-EOVERFLOW, "iova and length wrap around");
	if (iova_set_intersects(&ioas->reserved, range))
		return refuse_reserved(ioas, range);
	/* For a single area iova_map_insert() reports the overlap itself. */
	if (request->count > 1 && iova_map_intersects(&ioas->areas, range))
		return refuse_overlap(ioas, range, first);
	return 0;
}

/* The checks of each area of a MAP or COPY by itself [IOAS-MAP.10], [IOAS-COPY.10..11]. */
static int check_area(const struct ioas *ioas, const struct area *area) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	if ((area->prot & IOPT_WRITE) && !mem_source_writable(area_source(area)))
		return refuse_mistake(-EPERM, "WRITEABLE is asked for, and the memory was mapped "
					      "without it");
	if (!is_aligned(area_start(area) & PAGE_MASK, ioas->alignment))
		return refuse_alignment(ioas, "the memory's address", area_start(area) & PAGE_MASK);
	return 0;
}

/* Takes the first @count areas of @request out of the map again. */
static void erase_areas(struct ioas *ioas, const struct area_request *request, size_t count)
	REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	for (size_t i = 0; i < count; i++)
		(void)iova_map_erase(&ioas->areas, request->areas[i]->iova);
}

/* Gives the areas their IOVA and puts them into the map, busy. */
static int insert_areas(struct ioas *ioas, struct area_request *request) REQUIRES(ioas->lock)
{
	uint64_t iova = request->iova;
	int rc;

	lock_assert_held(&ioas->lock);
	for (size_t i = 0; i < request->count; i++) {
		struct area *area = request->areas[i];

		struct iova_range range;

		area->iova = iova;
		area->busy = true;
		range = area_range(area);
		assert(!iova_set_intersects(&ioas->reserved, range));
		rc = iova_map_insert(&ioas->areas, range, area);
		if (rc) {
			erase_areas(ioas, request, i);
			return rc == -EEXIST ? refuse_overlap(ioas, range, area) : rc;
		}
		rc = check_area(ioas, area);
		if (rc) {
			erase_areas(ioas, request, i + 1);
			return rc;
		}
		iova = range.last + 1;
	}
	return 0;
}

static void unpin_areas(const struct area_request *request, size_t count)
{
	for (size_t i = 0; i < count; i++)
		mem_source_unpin(area_source(request->areas[i]), area_pages(request->areas[i]));
}

/* Pins the busy areas. Drops ioas->lock meanwhile: populating memory may take long. */
static int pin_areas(struct ioas *ioas, const struct area_request *request) REQUIRES(ioas->lock)
{
	size_t done;
	int rc = 0;

	lock_assert_held(&ioas->lock);
	ioas->pinning++;
	lock_release_lasting(&ioas->lock);
	for (done = 0; done < request->count; done++) {
		const struct area *area = request->areas[done];

		rc = mem_source_pin(area_source(area), area_pages(area));
		if (rc) {
			unpin_areas(request, done);
			break;
		}
	}
	lock_acquire_patiently(&ioas->lock);
	if (--ioas->pinning == 0)
		condition_broadcast(&ioas->idle);
	return rc;
}

/* Pins the busy areas and programs the HWPTs. Drops ioas->lock meanwhile. */
static int program_areas(struct ioas *ioas, const struct area_request *request) REQUIRES(ioas->lock)
{
	int rc;

	lock_assert_held(&ioas->lock);
	rc = pin_areas(ioas, request);
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

static __attribute__((noinline)) void observe_map(struct ioas *ioas,
						  const struct area_request *request)
	REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	for (size_t i = 0; i < request->count; i++) {
		struct area *area = request->areas[i];

		area_index_add(&ioas->index, area);
		event_map(ioas->object.id, area_range(area), area_address(area), area->prot);
		if (ioas_observer)
			ioas_observer->mapped(ioas, area, request->fixed);
	}
}

int ioas_add_areas(struct ioas *ioas, struct area_request *request)
{
	int rc;

	lock_acquire_patiently(&ioas->lock);
	/* Otherwise MAPs that overlap in time could keep a HWPT waiting forever. */
	while (ioas->waiting)
		lock_wait(&ioas->lock, &ioas->idle);
	/* The memory comes last: where its translation is not known, a processor waits for that. */
	if (request->fixed && !request->prefetched)
		ioas_prefetch(ioas, request->iova);
	if (ioas->table_count)
		mem_source_prefetch(area_source(request->areas[0]));
	rc = choose_iova(ioas, request);
	if (rc)
		goto out_unlock;
	rc = insert_areas(ioas, request);
	if (rc)
		goto out_unlock;
	if (ioas->table_count) {
		rc = program_areas(ioas, request);
		if (rc) {
			erase_areas(ioas, request, request->count);
			(void)refuse_unless_said(
				rc, "%s",
				rc == -EINVAL || rc == -EOPNOTSUPP
					? "a page table of the IOAS cannot express the "
					  "rights: a nesting parent of VT-d takes no "
					  "read-only mappings"
					: "the memory cannot be pinned");
		}
	}
out_unlock:
	for (size_t i = 0; i < request->count; i++)
		request->areas[i]->busy = false;
	if (!rc && observed())
		observe_map(ioas, request);
	lock_release_lasting(&ioas->lock);
	return rc;
}

/* ---- removing ---- */

/* Areas that have left the map and the tables. DMA in flight may still reach their memory. */
struct removed {
	struct area *areas[64];
	size_t count;
	struct history_entry entry; /* while recording(): what all of them have in common */
};

static __attribute__((noinline)) void observe_unmap(struct ioas *ioas, struct area *area,
						    struct history_entry *entry)
	REQUIRES(ioas->lock)
{
	const struct origin *mapped = area_mapped_by(area);

	lock_assert_held(&ioas->lock);
	area_index_remove(&ioas->index, area);
	event_unmap(ioas->object.id, area_range(area));
	if (ioas_observer)
		ioas_observer->unmapped(ioas, area);
	if (!ioas->history)
		return;
	entry->range = area_range(area);
	entry->mapped = mapped ? *mapped : (struct origin){.time = 0};
	history_add(ioas->history, entry);
}

/* Releases the memory of the areas, which no DMA can reach any more. */
static void release_removed(struct ioas *ioas, struct removed *removed) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	for (size_t i = 0; i < removed->count; i++) {
		struct area *area = removed->areas[i];

		if (ioas->table_count)
			mem_source_unpin(area_source(area), area_pages(area));
		if (observed())
			observe_unmap(ioas, area, &removed->entry);
		area_free(area);
	}
	removed->count = 0;
}

/* Waits for the DMA in flight, once for all the areas, and releases their memory. */
static void flush_removed(struct ioas *ioas, struct removed *removed) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	if (removed->count && ioas->table_count)
		ioas_quiesce(ioas);
	release_removed(ioas, removed);
}

/*
 * Removes @entry, which was found just before. Does not read the area, which may not have arrived
 * in the cache yet.
 */
static void remove_entry(struct ioas *ioas, const struct iova_map_entry *entry,
			 struct removed *removed) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	range_unfill(ioas, entry->range, NULL);
	iova_map_erase_found(&ioas->areas);
	removed->areas[removed->count++] = entry->value;
	if (removed->count == sizeof(removed->areas) / sizeof(removed->areas[0]))
		flush_removed(ioas, removed);
}

/* How often the accesses are asked to unpin an area before UNMAP gives up. */
enum {
	UNPIN_TRIES = 100
};

static bool has_accesses(struct ioas *ioas) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	return !cds_list_empty(&ioas->accesses);
}

/*
 * 0 if the area of @entry may be removed. The conditions on the IOAS come first because they mostly
 * spare reading the area.
 */
static int check_removable(struct ioas *ioas, const struct iova_map_entry *entry,
			   struct iova_range range) REQUIRES(ioas->lock)
{
	const struct area *area = entry->value;

	lock_assert_held(&ioas->lock);
	assert(!area->busy || ioas->pinning);
	assert(!area->pins || has_accesses(ioas));
	assert(area->locks <= area->pins);
	if (ioas->pinning && area->busy)
		return refuse(-EBUSY, "a mapping in the range is being made by another thread");
	if (has_accesses(ioas) && area->locks)
		return refuse(-EBUSY, "a hardware queue uses a mapping in the range");
	return iova_range_contains(range, entry->range) ? 0 : refuse_cut(ioas, entry, range);
}

/*
 * Whether an UNMAP of @range takes everything there is, and nothing of it can prevent that or has
 * to be told by itself.
 */
static bool takes_all(struct ioas *ioas, struct iova_range range) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	return iova_map_is_within(&ioas->areas, range) && !ioas->pinning && !has_accesses(ioas) &&
	       cds_list_empty(&ioas->listeners) && !observed();
}

struct clearing {
	struct ioas *ioas;
	struct removed removed;
	struct iova_range hull; /* of all areas */
	uint64_t len;
};

static int measure_one(const struct iova_map_entry *entry, void *arg)
{
	struct clearing *clearing = arg;

	if (!clearing->len)
		clearing->hull.start = entry->range.start;
	clearing->hull.last = entry->range.last;
	clearing->len += iova_range_len(entry->range);
	return 0;
}

static int release_one(const struct iova_map_entry *entry, void *arg)
{
	struct clearing *clearing = arg;
	struct removed *removed = &clearing->removed;
	struct ioas *ioas = clearing->ioas;

	lock_assert_held(&ioas->lock);
	area_prefetch(entry->value);
	removed->areas[removed->count++] = entry->value;
	if (removed->count == sizeof(removed->areas) / sizeof(removed->areas[0]))
		release_removed(ioas, removed);
	return 0;
}

/* Removes all areas: the tables are emptied at once, and the map is. Returns their bytes. */
static uint64_t remove_all(struct ioas *ioas) REQUIRES(ioas->lock)
{
	struct clearing clearing = {.ioas = ioas};

	lock_assert_held(&ioas->lock);
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, measure_one, &clearing);
	range_unfill(ioas, clearing.hull, NULL);
	if (ioas->table_count)
		ioas_quiesce(ioas);
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, release_one, &clearing);
	release_removed(ioas, &clearing.removed);
	iova_map_destroy(&ioas->areas);
	return clearing.len;
}

int ioas_unmap_range(struct ioas *ioas, struct iova_range range, uint64_t *unmapped)
{
	struct iova_map_entry entry;
	struct removed removed;
	unsigned int tries = 0;
	int rc = 0;

	*unmapped = 0;
	removed.count = 0;
	if (recording()) {
		origin_capture_now(&removed.entry.unmapped);
		removed.entry.unmaps = history_begin_unmap();
	}
	lock_acquire_patiently(&ioas->lock);
	if (takes_all(ioas, range)) {
		*unmapped = remove_all(ioas);
		goto out_unlock;
	}
	prefetch_in_tables(ioas, range.start);
	while (iova_map_seek(&ioas->areas, range.start, &entry) &&
	       entry.range.start <= range.last) {
		struct area *area = entry.value;

		area_prefetch(area);
		rc = check_removable(ioas, &entry, range);
		if (rc)
			break;
		if (has_accesses(ioas) && area->pins) {
			area->prevented = true;
			if (tries++ == UNPIN_TRIES) {
				rc = refuse(-EDEADLK, "an access (a mediated device) keeps the "
						      "mapping pinned, although asked to unpin it");
				break;
			}
			/*
			 * Before the lock is dropped: HWPTs that come or go meanwhile pin and unpin
			 * only what is in the map.
			 */
			flush_removed(ioas, &removed);
			ioas_notify_accesses(ioas, entry.range);
			continue;
		}
		tries = 0;
		*unmapped += iova_range_len(entry.range);
		remove_entry(ioas, &entry, &removed);
		if (entry.range.last == range.last)
			break;
		range.start = entry.range.last + 1;
	}
	flush_removed(ioas, &removed);
out_unlock:
	lock_release_lasting(&ioas->lock);
	return rc;
}

/* ---- HWPTs that come and go ---- */

struct pin_walk {
	struct ioas *ioas;
	struct ioas_table *table;
	const struct area *failed; /* where to stop undoing */
};

static int pin_one(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct pin_walk *walk = arg;
	int rc = mem_source_pin(area_source(area), area_pages(area));

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
	mem_source_unpin(area_source(area), area_pages(area));
	return 0;
}

int ioas_pin_all(struct ioas *ioas)
{
	struct pin_walk walk = {.ioas = ioas};
	int rc;

	lock_assert_held(&ioas->lock);
	assert(!ioas->pinning && !ioas->table_count);
	rc = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, pin_one, &walk);
	if (rc)
		(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, unpin_one, &walk);
	return rc;
}

void ioas_unpin_all(struct ioas *ioas)
{
	struct pin_walk walk = {.ioas = ioas};

	lock_assert_held(&ioas->lock);
	assert(!ioas->pinning && !ioas->table_count);
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, unpin_one, &walk);
}

static int fill_one(const struct iova_map_entry *entry, void *arg)
{
	const struct pin_walk *walk = arg;
	struct ioas *ioas = walk->ioas;

	lock_assert_held(&ioas->lock);
	return area_fill(ioas, walk->table, entry->value);
}

int ioas_fill(struct ioas *ioas, struct ioas_table *table)
{
	struct pin_walk walk = {.ioas = ioas, .table = table};
	struct iova_range aperture = iommu_domain_aperture(table->domain);
	int rc;

	lock_assert_held(&ioas->lock);
	assert(!ioas->pinning);
	rc = iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, fill_one, &walk);
	if (rc)
		iommu_domain_unmap(table->domain, aperture.start, aperture.last - aperture.start);
	return rc;
}
