/* SPDX-License-Identifier: MIT */
/*
 * IO address spaces as JSON: their ranges, what is mapped, and what keeps a device from them.
 *
 * Mappings are visited CHUNK at a time under ioas->lock, so that an address space of millions does
 * not block its users. What is mapped or unmapped between two turns may be missing or shown.
 *
 * Cost: O(n) in the number of mappings, O(log n) for the conflicts of a device.
 */
#include "inspect/show_ioas.h"

#include "inspect/coverage.h"
#include "iommufd/device/device.h"
#include "iommufd/device/hwpt.h"
#include "iommufd/device/lookup.h"
#include "iommufd/ioas/access.h"
#include "mem/dmabuf.h"
#include "report/json.h"

enum {
	CHUNK = 512,	/* mappings per turn of the lock */
	MAX_RUNS = 256, /* of each IOAS */
	FILE_NAME_SIZE = 512,
};

const char *show_rights(unsigned int prot)
{
	static const char *const texts[] = {"", "r", "w", "rw"};

	return texts[prot & (IOPT_READ | IOPT_WRITE)];
}

void show_ranges(struct json *json, const char *key, const struct iova_set *set)
{
	json_array(json, key);
	for (size_t i = 0; i < set->count; i++) {
		json_object(json, NULL);
		json_range(json, set->ranges[i]);
		json_end_object(json);
	}
	json_end_array(json);
}

/* ---- mappings ---- */

/* A walk over the areas of an IOAS, CHUNK of them in each turn. */
struct area_walk {
	void (*visit)(const struct area *area, void *arg);
	void *arg;
	uint64_t left;	   /* how many more to visit at most */
	unsigned int turn; /* how many more in this turn */
	uint64_t next;	   /* IOVA to go on from, unless done */
	bool done;	   /* the last area ends at the last IOVA */
};

static int walk_area(const struct iova_map_entry *entry, void *arg)
{
	struct area_walk *walk = arg;

	if (!walk->left || !walk->turn)
		return 1;
	walk->left--;
	walk->turn--;
	walk->next = entry->range.last + 1;
	walk->done = entry->range.last == UINT64_MAX;
	walk->visit(entry->value, walk->arg);
	return 0;
}

/* Calls @visit for the first @limit areas of @ioas, with ioas->lock held. */
static void for_each_area(struct ioas *ioas, uint64_t limit,
			  void (*visit)(const struct area *area, void *arg), void *arg)
{
	struct area_walk walk = {.visit = visit, .arg = arg, .left = limit};

	while (walk.left && !walk.done) {
		int more;

		walk.turn = CHUNK;
		lock_acquire(&ioas->lock);
		more = iova_map_for_each(&ioas->areas, (struct iova_range){walk.next, UINT64_MAX},
					 walk_area, &walk);
		lock_release(&ioas->lock);
		if (!more)
			break;
	}
}

static const char *kind_text(const struct area *area)
{
	static const char *const texts[] = {
		[MEM_KIND_VA] = "memory",
		[MEM_KIND_FILE] = "file",
		[MEM_KIND_DMABUF] = "dma-buf",
	};

	return texts[mem_source_kind(area_source(area))];
}

void show_backing(struct json *json, const struct area *area, uint64_t off)
{
	char name[FILE_NAME_SIZE];

	json_string(json, "rights", show_rights(area->prot));
	json_string(json, "of", kind_text(area));
	json_hex(json, "address", area_origin(area) + off);
	if (mem_source_file_name(area_source(area), name, sizeof(name)))
		json_string(json, "file", name);
	if (area_lookup_pid(area))
		json_number(json, "pid", area_lookup_pid(area));
}

static void show_area(const struct area *area, void *arg)
{
	struct json *json = arg;

	json_object(json, NULL);
	json_range(json, area_range(area));
	show_backing(json, area, 0);
	if (area->busy)
		json_bool(json, "busy", true);
	else
		json_bool(json, "pinned", mem_source_pinned(area_source(area), area_pages(area)));
	if (area->pins)
		json_number(json, "access_pins", area->pins);
	if (mem_source_revoked(area_source(area)))
		json_bool(json, "revoked", true);
	json_end_object(json);
}

struct cover {
	struct coverage coverage;
	uint64_t places; /* OR of everything that an alignment must divide */
};

static void cover_area(const struct area *area, void *arg)
{
	struct cover *cover = arg;

	coverage_add(&cover->coverage, area_range(area), area->prot & (IOPT_READ | IOPT_WRITE));
	cover->places |= area->iova | area_len(area) | (area_start(area) & PAGE_MASK);
}

static void show_runs(struct json *json, const struct coverage *coverage)
{
	json_array(json, "runs");
	for (size_t i = 0; i < coverage->count; i++) {
		const struct coverage_run *run = &coverage->runs[i];

		json_object(json, NULL);
		json_range(json, run->range);
		json_number(json, "mappings", run->mappings);
		json_hex(json, "bytes", run->bytes);
		json_array(json, "rights");
		for (unsigned int prot = 0; prot <= (IOPT_READ | IOPT_WRITE); prot++)
			if (run->rights & 1U << prot)
				json_string(json, NULL, show_rights(prot));
		json_end_array(json);
		json_end_object(json);
	}
	json_end_array(json);
}

/*
 * The member "mapped": the runs of all mappings, which do not join across ranges of @reserved, and
 * the first @limit mappings one by one.
 */
static void show_mappings(struct json *json, struct ioas *ioas, const struct iova_set *reserved,
			  uint64_t limit)
{
	struct cover cover = {.places = 0};

	if (coverage_create(&cover.coverage, MAX_RUNS, reserved)) {
		json_fail(json);
		return;
	}
	for_each_area(ioas, UINT64_MAX, cover_area, &cover);
	coverage_finish(&cover.coverage);
	json_object(json, "mapped");
	json_number(json, "mappings", cover.coverage.mappings);
	json_hex(json, "bytes", cover.coverage.bytes);
	if (cover.places)
		json_number(json, "alignment", min_u64(lowest_bit(cover.places), PAGE_SIZE));
	show_runs(json, &cover.coverage);
	coverage_destroy(&cover.coverage);
	json_array(json, "list");
	for_each_area(ioas, limit, show_area, json);
	json_end_array(json);
	json_end_object(json);
}

/* ---- IOASes ---- */

/* The object that keeps a range reserved. */
static void show_owner(struct json *json, const struct iommufd_object *object)
{
	const struct iommufd_device *device;

	switch (object_type(object)) {
	case OBJECT_DEVICE:
		device = (const struct iommufd_device *)object;
		json_string(json, "by", "device");
		json_string(json, "name", iommu_endpoint_name(device->endpoint));
		break;
	case OBJECT_HWPT:
		json_string(json, "by", "hwpt");
		break;
	default:
		json_string(json, "by", "test");
		return;
	}
	json_number(json, "id", object->id);
}

struct reserved_list {
	struct json *json;
	struct iova_range within;
};

static int show_one_reserved(struct iova_range range, const struct iommufd_object *owner, void *arg)
{
	const struct reserved_list *list = arg;

	if (!iova_range_intersects(range, list->within))
		return 0;
	json_object(list->json, NULL);
	json_range(list->json, range);
	show_owner(list->json, owner);
	json_end_object(list->json);
	return 0;
}

void show_reserved(struct json *json, const struct ioas *ioas, struct iova_range within)
{
	struct reserved_list list = {.json = json, .within = within};

	lock_assert_held(&ioas->lock);
	json_array(json, "reserved");
	(void)reserved_for_each(&ioas->resv, show_one_reserved, &list);
	json_end_array(json);
}

/* The ranges of @ioas. */
static void show_windows(struct json *json, const struct ioas *ioas) REQUIRES(ioas->lock)
{
	struct iova_set permitted;

	lock_assert_held(&ioas->lock);
	iova_set_init(&permitted);
	if (iova_set_invert(&ioas->reserved, &permitted))
		json_fail(json);
	show_ranges(json, "permitted", &permitted);
	iova_set_destroy(&permitted);
	show_ranges(json, "allowed", &ioas->allowed);
	show_reserved(json, ioas, (struct iova_range){.start = 0, .last = UINT64_MAX});
}

static void show_ioas(struct json *json, struct ioas *ioas, uint64_t mappings)
{
	struct access_link *link;
	struct iova_set reserved;
	struct hwpt_paging *hwpt;

	iova_set_init(&reserved);
	json_object(json, NULL);
	json_number(json, "id", ioas->object.id);
	lock_acquire(&ioas->lock);
	if (iova_set_copy(&ioas->reserved, &reserved))
		json_fail(json);
	json_number(json, "alignment", ioas->alignment);
	json_bool(json, "huge_pages", ioas->huge_pages);
	json_array(json, "hwpts");
	cds_list_for_each_entry (hwpt, &ioas->tables, table.link)
		json_number(json, NULL, hwpt->base.object.id);
	json_end_array(json);
	json_array(json, "accesses");
	cds_list_for_each_entry (link, &ioas->accesses, link)
		json_number(json, NULL, link->access->object.id);
	json_end_array(json);
	show_windows(json, ioas);
	lock_release(&ioas->lock);
	show_mappings(json, ioas, &reserved, mappings);
	iova_set_destroy(&reserved);
	json_end_object(json);
}

void show_ioases(struct json *json, struct iommufd_ctx *ctx, uint64_t mappings)
{
	struct ioas *ioas;

	json_array(json, "ioases");
	for (uint32_t id = 1; (ioas = ioas_next(ctx, &id)); id++) {
		show_ioas(json, ioas, mappings);
		object_put(&ioas->object);
	}
	json_end_array(json);
}

/* ---- conflicts ---- */

static void show_conflict(struct json *json, const struct ioas *ioas, struct iova_range range,
			  const char *with)
{
	json_object(json, NULL);
	json_number(json, "ioas", ioas->object.id);
	json_range(json, range);
	json_string(json, "with", with);
	json_end_object(json);
}

/* The parts of the allowed ranges of @ioas that are in @missing. */
static void show_missing_windows(struct json *json, const struct ioas *ioas,
				 const struct iova_set *missing) REQUIRES(ioas->lock)
{
	struct iova_set common;

	lock_assert_held(&ioas->lock);
	iova_set_init(&common);
	if (iova_set_intersect(&ioas->allowed, missing, &common)) {
		json_fail(json);
		goto out_destroy;
	}
	for (size_t i = 0; i < common.count; i++)
		show_conflict(json, ioas, common.ranges[i], "window");
out_destroy:
	iova_set_destroy(&common);
}

/*
 * True if a byte of @range from @iova on is mapped; *@entry is the first mapping that reaches
 * there.
 */
static bool mapped_from(const struct ioas *ioas, uint64_t iova, struct iova_range range,
			struct iova_map_entry *entry) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	return iova_map_lower(&ioas->areas, iova, entry) && entry->range.start <= range.last;
}

/*
 * The span from the first to the last mapped byte of @range; false: none is mapped. Bisects,
 * instead of visiting the mappings between the two.
 */
static bool mapped_span(const struct ioas *ioas, struct iova_range range, struct iova_range *span)
	REQUIRES(ioas->lock)
{
	struct iova_map_entry entry;
	uint64_t low = range.start, high = range.last;

	lock_assert_held(&ioas->lock);
	if (!mapped_from(ioas, range.start, range, &entry))
		return false;
	span->start = max_u64(entry.range.start, range.start);
	while (low < high) {
		const uint64_t middle = high - (high - low) / 2;

		if (mapped_from(ioas, middle, range, &entry))
			low = middle;
		else
			high = middle - 1;
	}
	span->last = low;
	return true;
}

static void show_ioas_conflicts(struct json *json, struct ioas *ioas,
				const struct iova_set *missing)
{
	struct iova_range span;

	lock_acquire(&ioas->lock);
	show_missing_windows(json, ioas, missing);
	for (size_t i = 0; i < missing->count; i++) {
		if (mapped_span(ioas, missing->ranges[i], &span))
			show_conflict(json, ioas, span, "mapping");
	}
	lock_release(&ioas->lock);
}

void show_conflicts(struct json *json, struct iommufd_ctx *ctx, const struct iova_set *permitted)
{
	struct iova_set missing;
	struct ioas *ioas;

	iova_set_init(&missing);
	if (iova_set_invert(permitted, &missing)) {
		json_fail(json);
		goto out_destroy;
	}
	json_array(json, "conflicts");
	for (uint32_t id = 1; (ioas = ioas_next(ctx, &id)); id++) {
		show_ioas_conflicts(json, ioas, &missing);
		object_put(&ioas->object);
	}
	json_end_array(json);
out_destroy:
	iova_set_destroy(&missing);
}
