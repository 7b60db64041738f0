/* SPDX-License-Identifier: MIT */
/*
 * The JSON of all contexts. Mappings are visited a few hundred at a time under ioas->lock, so that
 * nobody waits long for an address space of millions.
 */
#include "inspect/show.h"

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "inspect/coverage.h"
#include "inspect/json.h"
#include "inspect/show_fit.h"
#include "iommu/nested_domain.h"
#include "iommufd/device/device_ranges.h"
#include "iommufd/device/group.h"
#include "iommufd/device/lookup.h"
#include "iommufd/ioas/access.h"
#include "iommufd/ioas/area.h"
#include "iommufd/viommu/viommu.h"
#include "mem/dmabuf.h"

enum {
	FORMAT_VERSION = 1,
	CHUNK = 512, /* mappings per turn of the lock */
	FILE_NAME_SIZE = 512,
};

struct show {
	struct json json;
	uint64_t mappings; /* of each IOAS, one by one */
	uint32_t contexts; /* so far */
	int rc;
};

const char *show_rights(unsigned int prot)
{
	static const char *const texts[] = {"", "r", "w", "rw"};

	return texts[prot & (IOPT_READ | IOPT_WRITE)];
}

static void show_ranges(struct json *json, const char *key, const struct iova_set *set)
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

/* A walk over the areas of an IOAS, in turns. */
struct area_walk {
	void (*visit)(const struct area *area, void *arg);
	void *arg;
	uint64_t left; /* how many more to visit at most */
	unsigned int turn;
	uint64_t next; /* IOVA to go on from */
	bool done;
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

void show_file_name(struct json *json, const struct mem_source *source)
{
	char name[FILE_NAME_SIZE];

	if (mem_source_file_name(source, name, sizeof(name)))
		json_string(json, "file", name);
}

static const char *kind_text(const struct area *area)
{
	static const char *const texts[] = {
		[MEM_KIND_VA] = "memory",
		[MEM_KIND_FILE] = "file",
		[MEM_KIND_DMABUF] = "dma-buf",
	};

	return texts[mem_source_kind(area->source)];
}

static void show_area(const struct area *area, void *arg)
{
	struct json *json = arg;

	json_object(json, NULL);
	json_range(json, area->range);
	json_string(json, "rights", show_rights(area->prot));
	json_string(json, "of", kind_text(area));
	json_hex(json, "address", area_origin(area));
	show_file_name(json, area->source);
	if (area_lookup_pid(area))
		json_number(json, "pid", area_lookup_pid(area));
	if (area->busy)
		json_bool(json, "busy", true);
	else
		json_bool(json, "pinned", mem_source_pinned(area->source, area_pages(area)));
	if (area->pins)
		json_number(json, "access_pins", area->pins);
	if (mem_source_revoked(area->source))
		json_bool(json, "revoked", true);
	json_end_object(json);
}

struct cover {
	struct coverage coverage;
	uint64_t places; /* all bits of what has to be aligned */
};

static void cover_area(const struct area *area, void *arg)
{
	struct cover *cover = arg;

	coverage_add(&cover->coverage, area->range);
	cover->places |= area->range.start | area_len(area) | (area->start & PAGE_MASK);
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
		json_end_object(json);
	}
	json_end_array(json);
}

/* @reserved: of the IOAS. */
static void show_mappings(struct show *show, struct ioas *ioas, const struct iova_set *reserved)
{
	struct json *json = &show->json;
	struct cover cover = {.places = 0};

	if (coverage_create(&cover.coverage, SHOW_RUNS, reserved)) {
		show->rc = -ENOMEM;
		return;
	}
	for_each_area(ioas, SHOW_ALL, cover_area, &cover);
	coverage_finish(&cover.coverage);
	json_object(json, "mapped");
	json_number(json, "mappings", cover.coverage.mappings);
	json_hex(json, "bytes", cover.coverage.bytes);
	if (cover.places)
		json_number(json, "alignment", min_u64(lowest_bit(cover.places), PAGE_SIZE));
	show_runs(json, &cover.coverage);
	coverage_destroy(&cover.coverage);
	json_array(json, "list");
	for_each_area(ioas, show->mappings, show_area, json);
	json_end_array(json);
	json_end_object(json);
}

/* ---- IOASes ---- */

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

/* The ranges of @ioas. Caller holds ioas->lock. */
static void show_windows(struct show *show, const struct ioas *ioas)
{
	struct json *json = &show->json;
	struct iova_set permitted;

	iova_set_init(&permitted);
	if (iova_set_invert(&ioas->reserved, &permitted))
		show->rc = -ENOMEM;
	show_ranges(json, "permitted", &permitted);
	iova_set_destroy(&permitted);
	show_ranges(json, "allowed", &ioas->allowed);
	json_array(json, "reserved");
	for (size_t i = 0; i < ioas->resv_count; i++) {
		json_object(json, NULL);
		json_range(json, ioas->resv[i].range);
		show_owner(json, ioas->resv[i].owner);
		json_end_object(json);
	}
	json_end_array(json);
}

static void show_ioas(struct show *show, struct ioas *ioas)
{
	struct json *json = &show->json;
	struct access_link *link;
	struct iova_set reserved;
	struct hwpt_paging *hwpt;

	iova_set_init(&reserved);
	json_object(json, NULL);
	json_number(json, "id", ioas->object.id);
	lock_acquire(&ioas->lock);
	if (iova_set_copy(&ioas->reserved, &reserved))
		show->rc = -ENOMEM;
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
	show_windows(show, ioas);
	lock_release(&ioas->lock);
	show_mappings(show, ioas, &reserved);
	iova_set_destroy(&reserved);
	json_end_object(json);
}

static void show_ioases(struct show *show, struct iommufd_ctx *ctx)
{
	struct ioas *ioas;

	json_array(&show->json, "ioases");
	for (uint32_t id = 1; (ioas = ioas_next(ctx, &id)); id++) {
		show_ioas(show, ioas);
		object_put(&ioas->object);
	}
	json_end_array(&show->json);
}

/* ---- tables ---- */

/* What a paging table is. Caller holds ioas->lock, under which tables grow. */
static void show_table(struct json *json, const struct hwpt *hwpt)
{
	const struct iommu_domain *domain = hwpt->domain;
	const struct iopt *table = iommu_domain_table(domain);
	const struct iova_range *gaps;
	size_t gap_count;

	json_string(json, "format", iopt_format(table)->name);
	json_object(json, "aperture");
	json_range(json, iommu_domain_aperture(domain));
	json_end_object(json);
	gaps = iommu_domain_gaps(domain, &gap_count);
	json_array(json, "gaps");
	for (size_t i = 0; i < gap_count; i++) {
		json_object(json, NULL);
		json_range(json, gaps[i]);
		json_end_object(json);
	}
	json_end_array(json);
	json_hex(json, "page_sizes", iommu_domain_pgsizes(domain));
	json_number(json, "table_bytes", iopt_memory(table));
	if (iommu_domain_flags(domain) & DOMAIN_DIRTY)
		json_bool(json, "dirty_tracking", iommu_domain_dirty_tracking(domain));
	if (iommu_domain_flags(domain) & DOMAIN_NEST_PARENT)
		json_bool(json, "nest_parent", true);
}

/* Opens the description of @hwpt, with what all HWPTs have. */
static void show_hwpt(struct json *json, const struct hwpt *hwpt)
{
	struct iommu *iommu = iommu_domain_iommu(hwpt->domain);

	json_object(json, NULL);
	json_number(json, "id", hwpt->object.id);
	json_number(json, "ioas", hwpt->ioas->object.id);
	json_string(json, "iommu", iommu_name(iommu));
	json_string(json, "kind", iommu_kind_name(iommu_kind_of(iommu)));
	json_bool(json, "automatic", hwpt_is_automatic(hwpt));
}

static void show_hwpt_paging(struct json *json, const struct hwpt_paging *hwpt)
{
	struct ioas *ioas = hwpt->base.ioas;

	show_hwpt(json, &hwpt->base);
	lock_acquire(&ioas->lock);
	show_table(json, &hwpt->base);
	lock_release(&ioas->lock);
	json_end_object(json);
}

static void show_hwpt_nested(struct json *json, const struct hwpt_nested *hwpt)
{
	show_hwpt(json, &hwpt->base);
	json_number(json, "parent", hwpt->parent->base.object.id);
	if (hwpt->viommu)
		json_number(json, "viommu", hwpt->viommu->object.id);
	json_end_object(json);
}

static void show_hwpts(struct show *show, struct iommufd_ctx *ctx)
{
	struct iommufd_object *object;

	json_array(&show->json, "hwpts");
	for (uint32_t id = 1; (object = object_next(ctx, &id, OBJECT_HWPT)); id++) {
		show_hwpt_paging(&show->json, (struct hwpt_paging *)object);
		object_put(object);
	}
	for (uint32_t id = 1; (object = object_next(ctx, &id, OBJECT_HWPT_NESTED)); id++) {
		show_hwpt_nested(&show->json, (struct hwpt_nested *)object);
		object_put(object);
	}
	json_end_array(&show->json);
}

/* ---- devices ---- */

static void show_regions(struct json *json, const struct iommufd_device *device)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);

	json_array(json, "reserved");
	for (size_t i = 0; i < count; i++) {
		json_object(json, NULL);
		json_range(json, regions[i].range);
		json_string(json, "type", iommu_resv_word(regions[i].type));
		json_end_object(json);
	}
	json_end_array(json);
}

static void show_permitted(struct show *show, struct iommufd_ctx *ctx,
			   const struct iommufd_device *device)
{
	struct iova_set permitted;
	uint64_t alignment;
	int rc;

	iova_set_init(&permitted);
	rc = device_permitted_ranges(device, &permitted, &alignment);
	if (!rc) {
		json_number(&show->json, "alignment", alignment);
		show_ranges(&show->json, "permitted", &permitted);
		rc = show_conflicts(&show->json, ctx, &permitted);
	}
	if (rc == -ENOMEM)
		show->rc = rc;
	iova_set_destroy(&permitted);
}

static void show_attachment(uint32_t pasid, const struct hwpt *hwpt, void *arg)
{
	struct json *json = arg;

	json_object(json, NULL);
	if (pasid != NO_PASID)
		json_number(json, "pasid", pasid);
	json_number(json, "hwpt", hwpt->object.id);
	json_number(json, "ioas", hwpt->ioas->object.id);
	json_end_object(json);
}

static void show_device(struct show *show, struct iommufd_ctx *ctx, struct iommufd_device *device)
{
	struct iommu *iommu = iommu_endpoint_iommu(device->endpoint);
	struct json *json = &show->json;

	json_object(json, NULL);
	json_number(json, "id", device->object.id);
	json_string(json, "name", iommu_endpoint_name(device->endpoint));
	json_string(json, "iommu", iommu_name(iommu));
	json_string(json, "kind", iommu_kind_name(iommu_kind_of(iommu)));
	json_number(json, "group", iommufd_group_number(device->group));
	json_array(json, "attached");
	group_for_each_attachment(device, show_attachment, json);
	json_end_array(json);
	show_regions(json, device);
	show_permitted(show, ctx, device);
	json_end_object(json);
}

static void show_devices(struct show *show, struct iommufd_ctx *ctx)
{
	struct iommufd_device *device;

	json_array(&show->json, "devices");
	for (uint32_t id = 1; (device = device_next(ctx, &id)); id++) {
		show_device(show, ctx, device);
		object_put(&device->object);
	}
	json_end_array(&show->json);
}

/* ---- the rest ---- */

static void show_others(struct show *show, struct iommufd_ctx *ctx)
{
	static const struct {
		enum object_type type;
		const char *name;
	} others[] = {
		{OBJECT_ACCESS, "access"},     {OBJECT_FAULT, "fault queue"},
		{OBJECT_VIOMMU, "viommu"},     {OBJECT_VDEVICE, "vdevice"},
		{OBJECT_VEVENTQ, "veventq"},   {OBJECT_HW_QUEUE, "hw queue"},
		{OBJECT_SELFTEST, "selftest"},
	};
	struct iommufd_object *object;

	json_array(&show->json, "others");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		for (uint32_t id = 1; (object = object_next(ctx, &id, others[i].type)); id++) {
			json_object(&show->json, NULL);
			json_number(&show->json, "id", id);
			json_string(&show->json, "type", others[i].name);
			json_end_object(&show->json);
			object_put(object);
		}
	}
	json_end_array(&show->json);
}

static void show_ctx(struct iommufd_ctx *ctx, void *arg)
{
	struct show *show = arg;
	struct json *json = &show->json;

	json_object(json, NULL);
	json_number(json, "context", show->contexts++);
	json_string(json, "accounting", ctx->accounting_mm ? "process" : "user");
	show_ioases(show, ctx);
	show_hwpts(show, ctx);
	show_devices(show, ctx);
	show_others(show, ctx);
	json_end_object(json);
}

int show_state(uint64_t mappings, char **text, size_t *len)
{
	struct show show = {.mappings = mappings};
	struct json *json = &show.json;

	json_init(json);
	json_object(json, NULL);
	json_number(json, "version", FORMAT_VERSION);
	json_number(json, "pid", (uint64_t)getpid());
	json_string(json, "program", program_invocation_short_name);
	/*
	 * In mode "user": what this process has pinned, each page once however often it is copied.
	 */
	json_number(json, "locked_pages", mem_user_locked(getuid()));
	json_array(json, "contexts");
	ctx_for_each(show_ctx, &show);
	json_end_array(json);
	json_end_object(json);
	json->failed |= show.rc != 0;
	*text = json_finish(json, len);
	return *text ? 0 : -ENOMEM;
}
