/* SPDX-License-Identifier: MIT */
/*
 * What keeps a device from an IO address space: the windows promised there that it does not permit,
 * and the mappings. For those that plan, before any attempt; what an attempt would be refused for
 * is among it.
 */
#include "inspect/show_fit.h"

#include "inspect/json.h"
#include "iommufd/ioas/ioas.h"

static void show_conflict(struct json *json, const struct ioas *ioas, struct iova_range range,
			  const char *with)
{
	json_object(json, NULL);
	json_number(json, "ioas", ioas->object.id);
	json_range(json, range);
	json_string(json, "with", with);
	json_end_object(json);
}

static int show_windows(struct json *json, const struct ioas *ioas, const struct iova_set *missing)
{
	struct iova_set common;
	int rc;

	iova_set_init(&common);
	rc = iova_set_intersect(&ioas->allowed, missing, &common);
	for (size_t i = 0; i < common.count && !rc; i++)
		show_conflict(json, ioas, common.ranges[i], "window");
	iova_set_destroy(&common);
	return rc;
}

/*
 * True if a mapping that reaches @iova or lies above it begins in or below @range: then it is
 * *@entry.
 */
static bool mapped_up_to(const struct ioas *ioas, uint64_t iova, struct iova_range range,
			 struct iova_map_entry *entry)
{
	return iova_map_lower(&ioas->areas, iova, entry) && entry->range.start <= range.last;
}

/*
 * From the first to the last byte in @range that is mapped; found by halving, not by visiting what
 * is between.
 */
static bool mapped_extent(const struct ioas *ioas, struct iova_range range,
			  struct iova_range *extent)
{
	struct iova_map_entry entry;
	uint64_t low = range.start, high = range.last;

	if (!mapped_up_to(ioas, range.start, range, &entry))
		return false;
	extent->start = entry.range.start > range.start ? entry.range.start : range.start;
	while (low < high) {
		const uint64_t middle = high - (high - low) / 2;

		if (mapped_up_to(ioas, middle, range, &entry))
			low = middle;
		else
			high = middle - 1;
	}
	extent->last = low;
	return true;
}

static int show_ioas(struct json *json, struct ioas *ioas, const struct iova_set *missing)
{
	struct iova_range extent;
	int rc;

	lock_acquire(&ioas->lock);
	rc = show_windows(json, ioas, missing);
	for (size_t i = 0; i < missing->count; i++) {
		if (mapped_extent(ioas, missing->ranges[i], &extent))
			show_conflict(json, ioas, extent, "mapping");
	}
	lock_release(&ioas->lock);
	return rc;
}

int show_conflicts(struct json *json, struct iommufd_ctx *ctx, const struct iova_set *permitted)
{
	struct iova_set missing;
	struct ioas *ioas;
	int rc;

	iova_set_init(&missing);
	rc = iova_set_invert(permitted, &missing);
	json_array(json, "conflicts");
	for (uint32_t id = 1; !rc && (ioas = ioas_next(ctx, &id)); id++) {
		rc = show_ioas(json, ioas, &missing);
		object_put(&ioas->object);
	}
	json_end_array(json);
	iova_set_destroy(&missing);
	return rc;
}
