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
};

struct panel {
	struct svg svg;
	struct json_object *ctx, *ioas;
	struct extent extents[MAX_EXTENTS];
	size_t extent_count;
};

/* ---- rows ---- */

static void draw_ranges(struct panel *panel, const char *label, struct json_object *object,
			const char *key, enum svg_fill fill)
{
	svg_begin_row(&panel->svg, label, false);
	for (size_t i = 0; i < state_count(object, key); i++)
		svg_box(&panel->svg, state_range(state_at(object, key, i)), fill);
	svg_end_row(&panel->svg, NULL);
}

static void draw_mapped(struct panel *panel)
{
	svg_begin_row(&panel->svg, "mapped", false);
	for (size_t i = 0; i < panel->extent_count; i++) {
		const struct extent *extent = &panel->extents[i];
		char label[LABEL_SIZE];

		if (extent->bytes == iova_range_len(extent->range)) {
			svg_box(&panel->svg, extent->range, SVG_MAPPED);
			continue;
		}
		snprintf(label, sizeof(label), "%s in %zu", text_size(extent->bytes),
			 (size_t)extent->mappings);
		svg_box_labelled(&panel->svg, extent->range, SVG_SPARSE, label);
	}
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

static void reserved_label(const struct panel *panel, struct json_object *resv,
			   char label[LABEL_SIZE])
{
	if (!strcmp(state_text(resv, "by"), "hwpt"))
		snprintf(label, LABEL_SIZE, "beyond %.20s, HWPT %.10s",
			 iommu_of(panel->ctx, state_number(resv, "id")), state_text(resv, "id"));
	else
		snprintf(label, LABEL_SIZE, "reserved: %.24s",
			 state_get(resv, "name") ? state_text(resv, "name") : "a test");
}

/* A row for the owner of the reserved range number @first, with all that it reserves. */
static void draw_owner(struct panel *panel, size_t first)
{
	struct json_object *resv = state_at(panel->ioas, "reserved", first);
	const uint64_t owner = state_number(resv, "id");
	const bool hwpt = !strcmp(state_text(resv, "by"), "hwpt");
	char label[LABEL_SIZE];

	reserved_label(panel, resv, label);
	svg_begin_row(&panel->svg, label, false);
	for (size_t i = first; i < state_count(panel->ioas, "reserved"); i++) {
		resv = state_at(panel->ioas, "reserved", i);
		if (state_number(resv, "id") == owner)
			svg_box(&panel->svg, state_range(resv), hwpt ? SVG_BEYOND : SVG_RESERVED);
	}
	svg_end_row(&panel->svg, NULL);
}

/* A row for each owner of reserved ranges, in the order in which they appear. */
static void draw_reserved(struct panel *panel)
{
	for (size_t i = 0; i < state_count(panel->ioas, "reserved"); i++) {
		const uint64_t owner = state_number(state_at(panel->ioas, "reserved", i), "id");
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = state_number(state_at(panel->ioas, "reserved", j), "id") == owner;
		if (!seen)
			draw_owner(panel, i);
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

static void draw_device(struct panel *panel, struct json_object *device)
{
	static const char *const verdicts[] = {
		[FIT_YES] = "fits",
		[FIT_CONFLICTS] = "does not fit: hatched",
		[FIT_MISALIGNED] = "does not fit: alignment",
	};
	const bool attached = state_is_attached(device, panel->ioas);
	char label[LABEL_SIZE];

	snprintf(label, sizeof(label), "%.24s%s", state_text(device, "name"),
		 attached ? " permits" : " would permit");
	svg_begin_row(&panel->svg, label, !attached);
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
	for (size_t i = 0; i < state_count(panel->ctx, "devices"); i++)
		draw_device(panel, state_at(panel->ctx, "devices", i));
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
