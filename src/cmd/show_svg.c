/* SPDX-License-Identifier: MIT */
/*
 * The state as a picture: one panel for each IOAS, on a scale of its own (cmd/scale.h). Its rows
 * are what is mapped, allowed and permitted; the ranges of each owner that reserves some; and each
 * device of the context, with the conflicts that keep a device that is not attached from being so.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/extents.h"
#include "cmd/scale.h"
#include "cmd/state.h"
#include "cmd/svg.h"

enum {
	MAX_EXTENTS = 24, /* of mappings, in one row */
	LABEL_SIZE = 96,
	NAMES_SIZE = 2048,
};

struct panel {
	struct svg svg;
	struct json_object *ctx, *ioas;
	struct extent extents[MAX_EXTENTS];
	size_t extent_count;
};

/* ---- rows ---- */

/* Alike rows are one row: its label is that of the first, and its tooltip has all their names. */
struct fold {
	char names[NAMES_SIZE];
	size_t count, len;
};

static void fold_add(struct fold *fold, const char *name)
{
	const size_t left = sizeof(fold->names) - fold->len;
	const int len =
		snprintf(fold->names + fold->len, left, "%s%.24s", fold->count ? ", " : "", name);

	if ((size_t)len < left)
		fold->len += (size_t)len;
	fold->count++;
}

/* "NAME" or, of several, "NAME +2". */
static const char *fold_name(const struct fold *fold, const char *first, char name[LABEL_SIZE])
{
	if (fold->count > 1)
		snprintf(name, LABEL_SIZE, "%.24s +%zu", first, fold->count - 1);
	else
		snprintf(name, LABEL_SIZE, "%.24s", first);
	return name;
}

static const char *fold_hint(const struct fold *fold)
{
	return fold->count > 1 ? fold->names : NULL;
}

static void draw_ranges(struct panel *panel, const char *label, struct json_object *object,
			const char *key, enum svg_fill fill)
{
	svg_begin_row(&panel->svg, label, NULL, false);
	for (size_t i = 0; i < state_count(object, key); i++)
		svg_box(&panel->svg, state_range(state_at(object, key, i)), fill);
	svg_end_row(&panel->svg, NULL);
}

/* Rights are colours; where mappings in @extent differ, or it has holes, the label says them. */
static void draw_extent(struct panel *panel, const struct extent *extent)
{
	char label[LABEL_SIZE];

	if (extent->bytes != iova_range_len(extent->range)) {
		snprintf(label, sizeof(label), "%s in %zu, %s", text_size(extent->bytes),
			 (size_t)extent->mappings, extent_rights(extent));
		svg_box_labelled(&panel->svg, extent->range, SVG_SPARSE, label);
	} else if (extent->rights == EXTENT_READ) {
		svg_box(&panel->svg, extent->range, SVG_MAPPED_READ);
	} else if (extent->rights == EXTENT_WRITE) {
		svg_box(&panel->svg, extent->range, SVG_MAPPED_WRITE);
	} else if (extent->rights == EXTENT_BOTH) {
		svg_box(&panel->svg, extent->range, SVG_MAPPED);
	} else {
		snprintf(label, sizeof(label), "%s, %s", text_size(extent->bytes),
			 extent_rights(extent));
		svg_box_labelled(&panel->svg, extent->range, SVG_MAPPED, label);
	}
}

static void draw_mapped(struct panel *panel)
{
	svg_begin_row(&panel->svg, "mapped", NULL, false);
	for (size_t i = 0; i < panel->extent_count; i++)
		draw_extent(panel, &panel->extents[i]);
	svg_end_row(&panel->svg, NULL);
}

/* The name of the IOMMU of HWPT @id. */
static const char *iommu_of(struct json_object *ctx, uint64_t id)
{
	for (size_t i = 0; i < state_count(ctx, "hwpts"); i++) {
		struct json_object *hwpt = state_at(ctx, "hwpts", i);

		if (state_number(hwpt, "id") == id)
			return state_text(hwpt, "iommu");
	}
	return "the table";
}

/* The owner of the reserved range @resv, as the row's label names it. */
static const char *owner_name(const struct panel *panel, struct json_object *resv,
			      char name[LABEL_SIZE])
{
	if (!strcmp(state_text(resv, "by"), "hwpt"))
		snprintf(name, LABEL_SIZE, "%.20s, HWPT %.10s",
			 iommu_of(panel->ctx, state_number(resv, "id")), state_text(resv, "id"));
	else
		snprintf(name, LABEL_SIZE, "%.24s",
			 state_get(resv, "name") ? state_text(resv, "name") : "a test");
	return name;
}

/* The number of the next reserved range after @i that the owner of range @i has; else the end. */
static size_t next_of_owner(const struct panel *panel, size_t i)
{
	const size_t count = state_count(panel->ioas, "reserved");
	const uint64_t owner = state_number(state_at(panel->ioas, "reserved", i), "id");

	do
		i++;
	while (i < count && state_number(state_at(panel->ioas, "reserved", i), "id") != owner);
	return i;
}

/* Whether the owners whose first ranges have the numbers @a and @b are alike in all ranges. */
static bool reserve_alike(const struct panel *panel, size_t a, size_t b)
{
	const size_t count = state_count(panel->ioas, "reserved");

	while (a < count && b < count) {
		struct json_object *one = state_at(panel->ioas, "reserved", a);
		struct json_object *other = state_at(panel->ioas, "reserved", b);
		const struct iova_range range = state_range(one), same = state_range(other);

		if (range.start != same.start || range.last != same.last ||
		    strcmp(state_text(one, "by"), state_text(other, "by")) != 0)
			return false;
		a = next_of_owner(panel, a);
		b = next_of_owner(panel, b);
	}
	return a == count && b == count;
}

/* Whether range number @i is the first one of its owner. */
static bool is_first(const struct panel *panel, size_t i)
{
	const uint64_t owner = state_number(state_at(panel->ioas, "reserved", i), "id");

	for (size_t j = 0; j < i; j++)
		if (state_number(state_at(panel->ioas, "reserved", j), "id") == owner)
			return false;
	return true;
}

/* A row for the owner of range number @first, and for all the owners in @fold, which are alike. */
static void draw_owner(struct panel *panel, size_t first, const struct fold *fold)
{
	struct json_object *resv = state_at(panel->ioas, "reserved", first);
	const bool hwpt = !strcmp(state_text(resv, "by"), "hwpt");
	char owner[LABEL_SIZE], name[LABEL_SIZE], label[2 * LABEL_SIZE];

	snprintf(label, sizeof(label), hwpt ? "beyond %s" : "reserved: %s",
		 fold_name(fold, owner_name(panel, resv, owner), name));
	svg_begin_row(&panel->svg, label, fold_hint(fold), false);
	for (size_t i = first; i < state_count(panel->ioas, "reserved");
	     i = next_of_owner(panel, i))
		svg_box(&panel->svg, state_range(state_at(panel->ioas, "reserved", i)),
			hwpt ? SVG_BEYOND : SVG_RESERVED);
	svg_end_row(&panel->svg, NULL);
}

/* A row for each kind of owner of reserved ranges, in the order in which they appear. */
static void draw_reserved(struct panel *panel)
{
	const size_t count = state_count(panel->ioas, "reserved");

	for (size_t i = 0; i < count; i++) {
		struct fold fold = {.count = 0};
		char name[LABEL_SIZE];
		bool seen = !is_first(panel, i);

		for (size_t j = 0; j < i && !seen; j++)
			seen = is_first(panel, j) && reserve_alike(panel, i, j);
		for (size_t j = i; j < count && !seen; j++)
			if (is_first(panel, j) && reserve_alike(panel, i, j))
				fold_add(&fold,
					 owner_name(panel, state_at(panel->ioas, "reserved", j),
						    name));
		if (!seen)
			draw_owner(panel, i, &fold);
	}
}

/* True if @conflict is with the IOAS of @panel. */
static bool is_here(const struct panel *panel, struct json_object *conflict)
{
	return state_number(conflict, "ioas") == state_number(panel->ioas, "id");
}

/* Draws only the mapped part of a range with mappings, as most of it may be holes. */
static void draw_conflict(struct panel *panel, struct json_object *conflict)
{
	const struct iova_range range = state_range(conflict);

	if (strcmp(state_text(conflict, "with"), "mapping") != 0) {
		svg_box(&panel->svg, range, SVG_CONFLICT);
		return;
	}
	for (size_t i = 0; i < panel->extent_count; i++) {
		struct iova_range extent = panel->extents[i].range;

		if (!iova_range_intersects(extent, range))
			continue;
		if (extent.start < range.start)
			extent.start = range.start;
		if (extent.last > range.last)
			extent.last = range.last;
		svg_box(&panel->svg, extent, SVG_CONFLICT);
	}
}

/* Whether two devices have the same row in @panel. */
static bool devices_alike(const struct panel *panel, struct json_object *a, struct json_object *b)
{
	return state_is_attached(a, panel->ioas) == state_is_attached(b, panel->ioas) &&
	       state_fit(a, panel->ioas) == state_fit(b, panel->ioas) &&
	       json_object_equal(state_get(a, "permitted"), state_get(b, "permitted")) &&
	       json_object_equal(state_get(a, "conflicts"), state_get(b, "conflicts"));
}

/* A row for @device, and for all the devices in @fold, which are alike. */
static void draw_device(struct panel *panel, struct json_object *device, const struct fold *fold)
{
	static const char *const verdicts[] = {
		[FIT_YES] = "fits",
		[FIT_CONFLICTS] = "does not fit: hatched",
		[FIT_MISALIGNED] = "does not fit: alignment",
	};
	const bool attached = state_is_attached(device, panel->ioas);
	char name[LABEL_SIZE], label[2 * LABEL_SIZE];

	snprintf(label, sizeof(label), "%s%s", fold_name(fold, state_text(device, "name"), name),
		 !attached	   ? " would permit"
		 : fold->count > 1 ? " permit"
				   : " permits");
	svg_begin_row(&panel->svg, label, fold_hint(fold), !attached);
	for (size_t i = 0; i < state_count(device, "permitted"); i++)
		svg_box(&panel->svg, state_range(state_at(device, "permitted", i)),
			attached ? SVG_PERMITTED : SVG_DETACHED);
	for (size_t i = 0; i < state_count(device, "conflicts") && !attached; i++) {
		struct json_object *conflict = state_at(device, "conflicts", i);

		if (is_here(panel, conflict))
			draw_conflict(panel, conflict);
	}
	svg_end_row(&panel->svg, attached ? NULL : verdicts[state_fit(device, panel->ioas)]);
}

/* A row for each kind of device. */
static void draw_devices(struct panel *panel)
{
	const size_t count = state_count(panel->ctx, "devices");

	for (size_t i = 0; i < count; i++) {
		struct json_object *device = state_at(panel->ctx, "devices", i);
		struct fold fold = {.count = 0};
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = devices_alike(panel, device, state_at(panel->ctx, "devices", j));
		for (size_t j = i; j < count && !seen; j++) {
			struct json_object *other = state_at(panel->ctx, "devices", j);

			if (devices_alike(panel, device, other))
				fold_add(&fold, state_text(other, "name"));
		}
		if (!seen)
			draw_device(panel, device, &fold);
	}
}

/* ---- panels ---- */

static void add_ranges(struct scale *scale, struct json_object *object, const char *key,
		       void (*add)(struct scale *scale, struct iova_range range))
{
	for (size_t i = 0; i < state_count(object, key); i++)
		add(scale, state_range(state_at(object, key, i)));
}

static void add_device(struct panel *panel, struct json_object *device)
{
	add_ranges(&panel->svg.scale, device, "permitted", scale_add);
	for (size_t i = 0; i < state_count(device, "conflicts"); i++) {
		struct json_object *conflict = state_at(device, "conflicts", i);

		if (is_here(panel, conflict))
			scale_add(&panel->svg.scale, state_range(conflict));
	}
}

/* The boundaries of all that the panel shows. */
static void fill_scale(struct panel *panel)
{
	struct scale *scale = &panel->svg.scale;
	const bool unused = !panel->extent_count && !state_count(panel->ioas, "allowed");

	for (size_t i = 0; i < panel->extent_count; i++)
		scale_use(scale, panel->extents[i].range);
	add_ranges(scale, panel->ioas, "allowed", scale_use);
	add_ranges(scale, panel->ioas, "permitted", unused ? scale_use : scale_add);
	add_ranges(scale, panel->ioas, "reserved", scale_add);
	for (size_t i = 0; i < state_count(panel->ctx, "devices"); i++)
		add_device(panel, state_at(panel->ctx, "devices", i));
}

static void draw_rows(struct panel *panel)
{
	draw_mapped(panel);
	if (state_count(panel->ioas, "allowed"))
		draw_ranges(panel, "allowed: windows promised", panel->ioas, "allowed",
			    SVG_ALLOWED);
	draw_ranges(panel, "permitted now", panel->ioas, "permitted", SVG_PERMITTED);
	draw_reserved(panel);
	draw_devices(panel);
}

static void draw_head(struct panel *panel)
{
	struct json_object *mapped = state_get(panel->ioas, "mapped");
	const size_t mappings = (size_t)state_number(mapped, "mappings");
	const size_t tables = state_count(panel->ioas, "hwpts");
	char title[LABEL_SIZE], text[2 * LABEL_SIZE];

	snprintf(title, sizeof(title), "IOAS %u of context %u",
		 (unsigned int)state_number(panel->ioas, "id"),
		 (unsigned int)state_number(panel->ctx, "context"));
	snprintf(text, sizeof(text), "%zu mapping%s%s%s, %zu page table%s", mappings,
		 mappings == 1 ? "" : "s", mappings ? ", " : "",
		 mappings ? text_size(state_number(mapped, "bytes")) : "", tables,
		 tables == 1 ? "" : "s");
	svg_head(&panel->svg, title, text);
}

static void draw_panel(struct panel *panel)
{
	panel->extent_count = extents_read(panel->ioas, panel->extents, MAX_EXTENTS);
	if (!scale_create(&panel->svg.scale))
		return;
	fill_scale(panel);
	draw_head(panel);
	svg_begin_panel(&panel->svg);
	draw_rows(panel);
	svg_end_panel(&panel->svg);
	scale_destroy(&panel->svg.scale);
}

void show_svg(struct json_object *state, FILE *out)
{
	struct panel panel = {.ctx = NULL};
	char title[LABEL_SIZE];
	bool any = false;

	if (!svg_begin(&panel.svg))
		return;
	snprintf(title, sizeof(title), "%.40s, process %u: IO address spaces",
		 state_text(state, "program"), (unsigned int)state_number(state, "pid"));
	svg_title(&panel.svg, title, SVG_MAPPED, SVG_STATE_LAST);
	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		panel.ctx = state_at(state, "contexts", i);
		for (size_t j = 0; j < state_count(panel.ctx, "ioases"); j++) {
			panel.ioas = state_at(panel.ctx, "ioases", j);
			draw_panel(&panel);
			any = true;
		}
	}
	if (!any)
		svg_head(&panel.svg, "There is none", "");
	svg_end(&panel.svg, out);
}
