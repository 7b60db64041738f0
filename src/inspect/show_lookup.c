/* SPDX-License-Identifier: MIT */
/*
 * One IOVA as JSON: the mapping that it lies in, and the entries that a walk of each table reads,
 * stage by stage and level by level.
 *
 * A mapping and the tables of its IOAS are shown under ioas->lock and so agree with each other.
 * Stage 1 is guest memory, which may change at any time.
 */
#include "inspect/show_lookup.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/alloc.h"
#include "inspect/show_ioas.h"
#include "iommu/nested_domain.h"
#include "iommufd/device/lookup.h"
#include "iommufd/viommu/hwpt_nested.h"
#include "iopt/entry_text.h"
#include "mem/dmabuf.h"
#include "report/json.h"

/*
 * The highest entry below @iova, which lies in none. The map has no way down, but knows whether a
 * range is empty: the entry's end is the highest address from which up to @iova it is not.
 */
static bool find_below(const struct iova_map *map, uint64_t iova, struct iova_map_entry *entry)
{
	uint64_t low = 0, high = iova;

	if (!iova_map_intersects(map, (struct iova_range){.start = 0, .last = iova}))
		return false;
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;

		if (iova_map_intersects(map, (struct iova_range){.start = middle, .last = iova}))
			low = middle;
		else
			high = middle;
	}
	return iova_map_lower(map, low, entry);
}

static void show_neighbour(struct json *json, const char *key, struct iova_range range)
{
	json_object(json, key);
	json_range(json, range);
	json_end_object(json);
}

/*
 * What is around @iova, which is not mapped: the mappings "below" and "above", and who keeps the
 * address reserved.
 */
static void show_hole(struct json *json, const struct ioas *ioas, uint64_t iova)
	REQUIRES(ioas->lock)
{
	struct iova_map_entry entry;

	lock_assert_held(&ioas->lock);
	if (find_below(&ioas->areas, iova, &entry))
		show_neighbour(json, "below", entry.range);
	if (iova_map_lower(&ioas->areas, iova, &entry))
		show_neighbour(json, "above", entry.range);
	show_reserved(json, ioas, (struct iova_range){.start = iova, .last = iova});
}

/* The mapping that holds @iova, or what is around it. */
static void show_mapping(struct json *json, const struct ioas *ioas, uint64_t iova)
	REQUIRES(ioas->lock)
{
	const struct area *area;

	lock_assert_held(&ioas->lock);
	area = ioas_find_area(ioas, iova);
	if (!area) {
		show_hole(json, ioas, iova);
		return;
	}
	json_object(json, "mapping");
	json_range(json, area_range(area));
	show_backing(json, area, iova - area->iova);
	json_bool(json, "pinned", area_pinned_at(area, iova));
	json_number(json, "access_pins", area->pins);
	if (mem_source_revoked(area_source(area)))
		json_bool(json, "revoked", true);
	json_end_object(json);
}

/* An entry of a page table, and what its bits say. @lowest: as of iopt_entry_text(). */
static void show_entry(struct json *json, const struct iopt_format *format, bool lowest,
		       uint64_t entry)
{
	static const char *const kinds[] = {
		[ENTRY_EMPTY] = "empty", [ENTRY_TABLE] = "table", [ENTRY_PAGE] = "page"};
	struct entry_text text;

	iopt_entry_text(format, lowest, entry, &text);
	json_hex(json, "entry", entry);
	json_string(json, "kind", kinds[text.kind]);
	if (text.kind == ENTRY_TABLE)
		json_hex(json, "next", text.table);
	json_string(json, "bits", text.bits);
}

/* The entries that a walk of @table, a table of @ioas, reads. */
static void show_levels(struct json *json, const struct ioas *ioas, const struct iopt *table,
			uint64_t iova) REQUIRES(ioas->lock)
{
	struct iopt_trace trace = {.count = 0};

	lock_assert_held(&ioas->lock);
	rcu_read_lock();
	if (iova >= iopt_aperture(table).start && iova <= iopt_aperture(table).last)
		(void)iopt_trace(table, iova, &trace);
	rcu_read_unlock();
	json_array(json, "levels");
	for (unsigned int i = 0; i < trace.count; i++) {
		json_object(json, NULL);
		json_number(json, "level", trace.steps[i].level);
		json_hex(json, "table", (uintptr_t)trace.steps[i].table);
		json_number(json, "index", trace.steps[i].index);
		show_entry(json, iopt_format(table), !trace.steps[i].level, trace.steps[i].entry);
		json_end_object(json);
	}
	json_end_array(json);
}

/* A walk of the table of @hwpt, which is on the list of @ioas. */
static void show_walk(struct json *json, const struct ioas *ioas, const struct hwpt_paging *hwpt,
		      uint64_t iova) REQUIRES(ioas->lock)
{
	const struct iopt *table = iommu_domain_table(hwpt->base.domain);
	struct iopt_leaf leaf;

	lock_assert_held(&ioas->lock);
	json_number(json, "hwpt", hwpt->base.object.id);
	json_string(json, "iommu", iommu_name(iommu_domain_iommu(hwpt->base.domain)));
	json_string(json, "format", iopt_format(table)->name);
	json_hex(json, "iova", iova);
	show_levels(json, ioas, table, iova);
	if (!ioas_find_leaf(ioas, &hwpt->table, iova, &leaf))
		return;
	json_object(json, "leaf");
	json_range(json, (struct iova_range){leaf.start, leaf.start + leaf.len - 1});
	json_hex(json, "size", leaf.len);
	json_hex(json, "address", leaf.oa);
	json_string(json, "rights", show_rights(leaf.prot));
	if (iommu_domain_flags(hwpt->base.domain) & DOMAIN_DIRTY)
		json_bool(json, "dirty", leaf.dirty);
	json_end_object(json);
}

/* The mapping of @ioas that holds @iova, and walks of its tables, or of @only unless it is NULL. */
static void show_paging(struct json *json, struct ioas *ioas, const struct hwpt_paging *only,
			uint64_t iova)
{
	const struct hwpt_paging *hwpt;

	lock_acquire(&ioas->lock);
	show_mapping(json, ioas, iova);
	json_array(json, "tables");
	cds_list_for_each_entry (hwpt, &ioas->tables, table.link) {
		if (only && only != hwpt)
			continue;
		json_object(json, NULL);
		show_walk(json, ioas, hwpt, iova);
		json_end_object(json);
	}
	json_end_array(json);
	lock_release(&ioas->lock);
}

/* Why stage 1 does not translate the IOVA. */
static void show_fault(struct json *json, const struct dma_fault *fault)
{
	json_object(json, "fault");
	json_number(json, "stage", fault->stage);
	json_string(json, "name", fault->name);
	json_string(json, "text", fault->text);
	if (fault->stage == 2)
		json_hex(json, "at", fault->ipa);
	json_end_object(json);
}

/* One entry of a table in guest memory, or a word of what leads to the table. */
static void show_step(struct json *json, const struct nested_look *look, unsigned int i,
		      const struct iopt_format *format)
{
	const unsigned int level = look->steps[i].level;

	json_object(json, NULL);
	if (look->steps[i].context)
		json_bool(json, "context", true);
	else
		json_number(json, "level", level);
	json_hex(json, "at", look->steps[i].ipa);
	if (look->steps[i].context)
		json_hex(json, "entry", look->steps[i].entry);
	else
		show_entry(json, format, level == iopt_lowest_level(format), look->steps[i].entry);
	json_end_object(json);
}

/*
 * The entries that a walk of stage 1 (which returned @rc), with tables of @format, read in guest
 * memory, and its result.
 */
static void show_stage1(struct json *json, const struct nested_look *look,
			const struct iopt_format *format, int rc)
{
	json_object(json, "stage1");
	json_bool(json, "walked", rc || look->walked);
	json_array(json, "levels");
	for (unsigned int i = 0; i < look->count; i++)
		show_step(json, look, i, format);
	json_end_array(json);
	if (rc) {
		show_fault(json, &look->fault);
	} else {
		json_object(json, "leaf");
		json_range(json, look->leaf);
		json_hex(json, "size", iova_range_len(look->leaf));
		json_hex(json, "address", look->ipa);
		json_string(json, "rights", show_rights(look->prot));
		json_end_object(json);
	}
	json_end_object(json);
}

static int show_nested(struct json *json, const struct hwpt_nested *nested, uint64_t iova)
{
	struct nested_look look;
	int rc;

	rc = iommu_nested_look(nested->base.domain, NO_PASID, iova, &look);
	if (rc == -ENOMEM)
		return rc;
	show_stage1(json, &look, iommu_nested_entries(nested->base.domain), rc);
	/*
	 * Stage 2, for the address that stage 1 results in, or at which its walk failed in stage 2.
	 */
	if (rc && look.fault.stage != 2)
		return 0;
	show_paging(json, nested->base.ioas, nested->parent, rc ? look.fault.ipa : look.ipa);
	return 0;
}

static int show_object(struct json *json, struct iommufd_object *object, uint64_t iova)
{
	struct hwpt_paging *paging;

	switch (object_type(object)) {
	case OBJECT_IOAS:
		json_string(json, "type", "IOAS");
		show_paging(json, (struct ioas *)object, NULL, iova);
		return 0;
	case OBJECT_HWPT:
		json_string(json, "type", "HWPT");
		paging = (struct hwpt_paging *)object;
		show_paging(json, paging->base.ioas, paging, iova);
		return 0;
	case OBJECT_HWPT_NESTED:
		json_string(json, "type", "nested HWPT");
		return show_nested(json, (struct hwpt_nested *)object, iova);
	default:
		return -EINVAL;
	}
}

struct lookup {
	struct json json;
	uint32_t pt_id;
	uint64_t iova;
};

static int lookup_in_ctx(struct iommufd_ctx *ctx, void *arg)
{
	struct lookup *lookup = arg;
	struct iommufd_object *object;
	int rc;

	object = object_get(ctx, lookup->pt_id, OBJECT_ANY);
	if (!object)
		return -ENOENT;
	rc = show_object(&lookup->json, object, lookup->iova);
	object_put(object);
	return rc;
}

int show_lookup(uint32_t context, uint32_t pt_id, uint64_t iova, char **text, size_t *len)
{
	struct lookup lookup = {.pt_id = pt_id, .iova = iova};
	struct json *json = &lookup.json;
	int rc;

	json_init(json);
	json_object(json, NULL);
	json_number(json, "pid", (uint64_t)getpid());
	json_hex(json, "iova", iova);
	json_number(json, "pt", pt_id);
	rc = ctx_visit_nth(context, lookup_in_ctx, &lookup);
	json_end_object(json);
	*text = json_finish(json, len);
	if (!*text)
		return -ENOMEM;
	if (rc)
		alloc_free(*text);
	return rc;
}
