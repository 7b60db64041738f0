/* SPDX-License-Identifier: MIT */
/*
 * Objects that the program could have destroyed by IOMMU_DESTROY. Not those that come and go with
 * something else: bound devices, automatic HWPTs, queues that their descriptor keeps, and what
 * containers and test devices consist of.
 */
#include "checker/leak_object.h"

#include <inttypes.h>
#include <string.h>

#include "iommufd/object/ctx.h"
#include "report/report.h"

enum {
	MAX_SITES = 64
};

/* Objects of one type that one call site has made. */
struct site {
	enum object_type type;
	struct origin origin; /* of the first */
	uint32_t first;
	uint64_t count;
};

struct search {
	bool (*explained)(const struct iommufd_object *object);
	struct site sites[MAX_SITES];
	size_t count;
};

static bool is_lasting(enum object_type type)
{
	return object_type_name(type) && type != OBJECT_DEVICE;
}

static bool is_left(const struct search *search, const struct iommufd_object *object)
{
	const struct ioas *compat = object->ctx->vfio_ioas;

	if (!is_lasting(object_type(object)) || !object->created.time ||
	    object_is_transient(object) || (const void *)compat == (const void *)object)
		return false;
	/* The file of a queue is a user beside the table. */
	if ((object_type(object) == OBJECT_FAULT || object_type(object) == OBJECT_VEVENTQ) &&
	    ref_read(&object->users) > 1)
		return false;
	return !search->explained(object);
}

static void visit_object(const struct iommufd_object *object, void *arg)
{
	struct search *search = arg;
	struct site *site = search->sites, *end = site + search->count;

	if (!is_left(search, object))
		return;
	while (site < end &&
	       !(site->type == object_type(object) && site->origin.stack == object->created.stack))
		site++;
	if (site == end) {
		if (search->count == MAX_SITES)
			return;
		search->count++;
		*site = (struct site){.type = object_type(object),
				      .origin = object->created,
				      .first = object->id};
	}
	site->count++;
}

/* A container's IOAS is in a context of its own, which no program sees. */
static void visit_context(struct iommufd_ctx *ctx, void *arg)
{
	if (!ctx->options.charge_always)
		object_for_each(ctx, visit_object, arg);
}

static void report_one(const struct site *site)
{
	struct report *report = report_begin("leak-object", "");

	report_headline(report,
			"at exit %" PRIu64
			" object(s) of the type %s are left, the first with the ID %" PRIu32,
			site->count, object_type_name(site->type), site->first);
	report_key(report, site->type);
	report_string(report, "type", object_type_name(site->type));
	report_number(report, "objects", site->count);
	report_origin(report, "created", &site->origin, "created");
	report_end(report);
}

void leak_report_objects(bool (*explained)(const struct iommufd_object *object))
{
	static struct search search;

	memset(&search, 0, sizeof(search));
	search.explained = explained;
	ctx_for_each(visit_context, &search);
	for (size_t i = 0; i < search.count; i++)
		report_one(&search.sites[i]);
}
