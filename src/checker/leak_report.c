/* SPDX-License-Identifier: MIT */
/*
 * Mappings that are left. They are gathered first, a bounded number of them, and reported when no
 * lock is held; those of one call site are one report.
 */
#include "checker/leak_report.h"

#include <inttypes.h>
#include <string.h>

#include "iommufd/ioas/area.h"
#include "report/report.h"

enum {
	MAX_SITES = 64
};

/* All mappings that one call site has left in one address space. */
struct leak {
	uint32_t ioas_id;
	struct origin origin; /* of the first */
	struct iova_range first;
	uint64_t count, bytes;
};

struct leaks {
	struct leak sites[MAX_SITES];
	size_t count;
	uint32_t ioas_id;
};

static int visit_area(const struct iova_map_entry *entry, void *arg)
{
	const struct origin *origin = area_mapped_by(entry->value);
	struct leaks *leaks = arg;
	struct leak *leak = leaks->sites;
	struct leak *end = leak + leaks->count;

	if (!origin)
		return 0;
	while (leak < end &&
	       !(leak->ioas_id == leaks->ioas_id && leak->origin.stack == origin->stack))
		leak++;
	if (leak == end) {
		if (leaks->count == MAX_SITES)
			return 1;
		leaks->count++;
		*leak = (struct leak){
			.ioas_id = leaks->ioas_id, .origin = *origin, .first = entry->range};
	}
	leak->count++;
	leak->bytes += iova_range_len(entry->range);
	return 0;
}

static void visit_ioas(struct ioas *ioas, void *arg)
{
	struct leaks *leaks = arg;

	lock_assert_held(&ioas->lock);
	leaks->ioas_id = ioas->object.id;
	(void)iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, visit_area, leaks);
}

static void report_one(const struct leak *leak)
{
	struct report *report = report_begin("leak-mapping", "");

	report_headline(
		report,
		"at exit %" PRIu64 " mapping(s) of %" PRIu64 " bytes are left in IOAS %" PRIu32
		", the first at 0x%" PRIx64 "-0x%" PRIx64,
		leak->count, leak->bytes, leak->ioas_id, leak->first.start, leak->first.last);
	report_key(report, leak->ioas_id);
	report_number(report, "ioas", leak->ioas_id);
	report_number(report, "mappings", leak->count);
	report_number(report, "bytes", leak->bytes);
	report_origin(report, "mapped", &leak->origin, "mapped");
	report_end(report);
}

void leak_report(void)
{
	static struct leaks leaks;

	memset(&leaks, 0, sizeof(leaks));
	ioas_for_each(visit_ioas, &leaks);
	for (size_t i = 0; i < leaks.count; i++)
		report_one(&leaks.sites[i]);
}
