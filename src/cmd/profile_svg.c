/* SPDX-License-Identifier: MIT */
/*
 * A profile as a picture: for each page table a panel with the mappings that it had, and below them
 * how much DMA went there and how many look-ups missed, as colours by the page.
 *
 * Where there are too many mappings to be seen, neighbours are drawn as one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cmd/profile_text.h"
#include "cmd/scale.h"
#include "cmd/state.h"
#include "cmd/svg.h"

enum {
	MAX_BOXES = 200, /* in a row */
	LABEL_SIZE = 96,
	PAGE = 4096,
};

/* A range, and how often it was accessed. */
struct box {
	struct iova_range range;
	uint64_t pages; /* that are mapped: less than the range if it has holes */
	double lookups, misses;
};

struct boxes {
	struct box *all;
	size_t count, capacity;
};

/* ---- collecting ---- */

static void add_box(struct boxes *boxes, const struct box *box)
{
	if (boxes->count == boxes->capacity) {
		const size_t capacity = boxes->capacity ? 2 * boxes->capacity : 256;
		struct box *grown = realloc(boxes->all, capacity * sizeof(*grown));

		if (!grown)
			return;
		boxes->all = grown;
		boxes->capacity = capacity;
	}
	boxes->all[boxes->count++] = *box;
}

/* The parts of @mapping whose accesses were counted. Misses are spread over them like accesses. */
static void add_mapping(struct boxes *boxes, struct json_object *mapping)
{
	const struct iova_range range = state_range(mapping);
	const size_t slots = state_count(mapping, "heat");
	const double lookups = (double)state_number(mapping, "lookups");
	const double misses = (double)state_number(state_get(mapping, "misses"), "actual");
	const uint64_t pages = iova_range_len(range) / PAGE;

	if (!slots)
		add_box(boxes, &(struct box){.range = range, .pages = pages});
	for (size_t i = 0; i < slots; i++) {
		const double heat = json_object_get_double(state_at(mapping, "heat", i));
		/* The first page whose slot is @i, and that of the next one. */
		const uint64_t first = (i * pages + slots - 1) / slots;
		const uint64_t next = ((i + 1) * pages + slots - 1) / slots;
		const struct box box = {
			.range = {.start = range.start + first * PAGE,
				  .last = range.start + next * PAGE - 1},
			.pages = next - first,
			.lookups = heat,
			.misses = lookups > 0 ? misses * heat / lookups : 0,
		};

		if (next > first)
			add_box(boxes, &box);
	}
}

static int by_start(const void *a, const void *b)
{
	const struct box *one = a, *two = b;

	if (one->range.start == two->range.start)
		return 0;
	return one->range.start < two->range.start ? -1 : 1;
}

static void join(struct box *to, const struct box *box)
{
	if (box->range.last > to->range.last)
		to->range.last = box->range.last;
	to->pages += box->pages;
	to->lookups += box->lookups;
	to->misses += box->misses;
}

/* Sorts; joins what was at the same place, and neighbours if there are too many. */
static void tidy(struct boxes *boxes)
{
	size_t kept = 0, group;

	if (!boxes->count)
		return;
	qsort(boxes->all, boxes->count, sizeof(*boxes->all), by_start);
	for (size_t i = 1; i < boxes->count; i++) {
		struct box *last = &boxes->all[kept];

		if (boxes->all[i].range.start > last->range.last) {
			boxes->all[++kept] = boxes->all[i];
			continue;
		}
		join(last, &boxes->all[i]);
		last->pages = iova_range_len(last->range) / PAGE;
	}
	boxes->count = kept + 1;
	group = (boxes->count + MAX_BOXES - 1) / MAX_BOXES;
	if (group < 2)
		return;
	kept = 0;
	for (size_t i = 0; i < boxes->count; i++) {
		if (i % group == 0)
			boxes->all[kept++] = boxes->all[i];
		else
			join(&boxes->all[kept - 1], &boxes->all[i]);
	}
	boxes->count = kept;
}

/* ---- drawing ---- */

static double lookups_of(const struct box *box)
{
	return box->lookups / (double)(box->pages ? box->pages : 1);
}

static double misses_of(const struct box *box)
{
	return box->misses / (double)(box->pages ? box->pages : 1);
}

/* The colour of @heat, where @most is the most: a step for each factor of four. */
static enum svg_fill colour(double heat, double most)
{
	if (heat <= 0)
		return SVG_UNUSED;
	if (heat * 4 > most)
		return SVG_HOTTEST;
	if (heat * 16 > most)
		return SVG_HOT;
	return heat * 64 > most ? SVG_WARM : SVG_COLD;
}

static void draw_heat(struct svg *svg, const struct boxes *boxes, const char *what,
		      double (*heat)(const struct box *box))
{
	double most = 0;
	char label[LABEL_SIZE];

	for (size_t i = 0; i < boxes->count; i++)
		if (heat(&boxes->all[i]) > most)
			most = heat(&boxes->all[i]);
	svg_begin_row(svg, what, NULL, false);
	for (size_t i = 0; i < boxes->count; i++) {
		const struct box *box = &boxes->all[i];

		snprintf(label, sizeof(label), "%.4g %s a page", heat(box), what);
		svg_box_labelled(svg, box->range, colour(heat(box), most), label);
	}
	snprintf(label, sizeof(label), "at most %.4g a page", most);
	svg_end_row(svg, label);
}

static void draw_mapped(struct svg *svg, const struct boxes *boxes)
{
	svg_begin_row(svg, "mapped", NULL, false);
	for (size_t i = 0; i < boxes->count; i++)
		svg_box(svg, boxes->all[i].range,
			boxes->all[i].pages == iova_range_len(boxes->all[i].range) / PAGE
				? SVG_MAPPED
				: SVG_SPARSE);
	svg_end_row(svg, NULL);
}

static void draw_table(struct svg *svg, struct json_object *profile, uint64_t table)
{
	struct boxes boxes = {.count = 0};
	char title[LABEL_SIZE], text[LABEL_SIZE];
	size_t mappings = 0;

	for (size_t i = 0; i < state_count(profile, "mappings"); i++) {
		struct json_object *mapping = state_at(profile, "mappings", i);

		if (state_number(mapping, "table") != table)
			continue;
		add_mapping(&boxes, mapping);
		mappings++;
	}
	tidy(&boxes);
	if (boxes.count && scale_create(&svg->scale)) {
		for (size_t i = 0; i < boxes.count; i++)
			scale_use(&svg->scale, boxes.all[i].range);
		snprintf(title, sizeof(title), "Page table %" PRIu64 " of process %" PRIu64, table,
			 state_number(profile, "pid"));
		snprintf(text, sizeof(text), "%zu mapping%s over time", mappings,
			 mappings == 1 ? "" : "s");
		svg_head(svg, title, text);
		svg_begin_panel(svg);
		draw_mapped(svg, &boxes);
		draw_heat(svg, &boxes, "look-ups", lookups_of);
		draw_heat(svg, &boxes, "misses", misses_of);
		svg_end_panel(svg);
		scale_destroy(&svg->scale);
	}
	free(boxes.all);
}

static uint64_t last_table(struct json_object *profile)
{
	uint64_t last = 0;

	for (size_t i = 0; i < state_count(profile, "mappings"); i++) {
		const uint64_t table = state_number(state_at(profile, "mappings", i), "table");

		if (table > last)
			last = table;
	}
	return last;
}

void profile_svg(struct json_object *file, FILE *out)
{
	struct svg svg;

	if (!svg_begin(&svg))
		return;
	svg_title(&svg, "Profile of DMA: where it went", SVG_UNUSED, SVG_HOTTEST);
	for (size_t i = 0; i < state_count(file, "profiles"); i++) {
		struct json_object *profile = state_at(file, "profiles", i);
		const uint64_t last = last_table(profile);

		for (uint64_t table = 1; table <= last; table++)
			draw_table(&svg, profile, table);
	}
	if (!state_count(file, "profiles"))
		svg_head(&svg, "There is none", "");
	svg_end(&svg, out);
}
