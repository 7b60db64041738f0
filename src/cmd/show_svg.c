/* SPDX-License-Identifier: MIT */
/*
 * The state as a picture: for each IOAS a panel on a scale of its own (cmd/scale.h), with a row each for what is mapped, promised
 * (allowed) and permitted, one for each who reserves something, and one for each device of the context, which shows for those that
 * are not attached what keeps them from it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "cmd/scale.h"
#include "cmd/state.h"
#include "iova/ranges.h"

enum {
	LABELS = 250, /* width of the column on the left */
	WIDTH = 1150, /* of the address space, if it is not crowded */
	MARGIN = 24,
	ROW = 24,
	ROW_GAP = 6,
	HEAD = 62,
	AXIS = 118,	 /* height of the addresses below */
	LABEL_MIN = 34,	 /* of a box that has a text inside */
	TICK_MIN = 15,	 /* between two addresses */
	MAX_RUNS = 40,	 /* of mappings */
	MAX_RANGES = 64, /* of one row */
};

static const char style[] =
	"<style>text{font-family:'DejaVu Sans','Helvetica',sans-serif;font-size:12px;fill:#222}"
	".t{font-size:16px;font-weight:bold}.s{font-size:10px}.w{fill:#fff;font-size:10px}"
	".m{font-family:'DejaVu Sans "
	"Mono',monospace;font-size:10px;fill:#444}.g{fill:#666}</style>\n"
	"<defs><pattern id='h' width='7' height='7' patternUnits='userSpaceOnUse' "
	"patternTransform='rotate(45)'><rect width='7' height='7' fill='#f6d0cb'/>"
	"<rect width='3' height='7' fill='#cf3a2b'/></pattern></defs>\n";

#define FILL_MAPPED    "#e08214"
#define FILL_ALLOWED   "#2f6fb7"
#define FILL_PERMITTED "#8cc68a"
#define FILL_DETACHED  "#d3e8d2"
#define FILL_RESERVED  "#cf3a2b"
#define FILL_APERTURE  "#9a9a9a"
#define FILL_CONFLICT  "url(#h)"

struct picture {
	FILE *out; /* of the panels; what is around them is known at the end */
	struct scale scale;
	double right; /* end of the scale */
	double y;
	double width; /* of the widest panel */
};

/* A list of ranges from an array of the state. */
struct list {
	struct iova_range ranges[MAX_RANGES];
	size_t count;
};

static void read_list(struct list *list, struct json_object *object, const char *key)
{
	list->count = state_count(object, key);
	if (list->count > MAX_RANGES)
		list->count = MAX_RANGES;
	for (size_t i = 0; i < list->count; i++)
		list->ranges[i] = state_range(state_at(object, key, i));
}

/* The runs of mappings, as many as a person can tell apart: those with the smallest holes between them become one. */
static void read_runs(struct list *list, struct json_object *ioas)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	uint64_t hole = 0;

	do {
		list->count = 0;
		for (size_t i = 0; i < state_count(mapped, "runs") && list->count <= MAX_RUNS;
		     i++) {
			const struct iova_range run = state_range(state_at(mapped, "runs", i));
			struct iova_range *top = list->count ? &list->ranges[list->count - 1]
							     : NULL;

			if (top && run.start - top->last - 1 <= hole)
				top->last = run.last;
			else
				list->ranges[list->count++] = run;
		}
		hole = hole ? 2 * hole : PAGE_SIZE;
	} while (list->count > MAX_RUNS);
}

/* ---- drawing ---- */

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else
			fputc(*text, out);
	}
}

static void put_text(const struct picture *picture, double x, double y, const char *class,
		     const char *text)
{
	fprintf(picture->out, "<text x='%.1f' y='%.1f' class='%s'>", x, y, class);
	put_escaped(picture->out, text);
	fputs("</text>\n", picture->out);
}

/* A box for @range in the row at @y, with a size inside if there is room, and all of it on a pointer's question. */
static void draw_box(const struct picture *picture, struct iova_range range, const char *fill,
		     const char *class)
{
	double x, width;

	scale_place(&picture->scale, range, &x, &width);
	fprintf(picture->out,
		"<g><title>%s (%s)</title><rect x='%.1f' y='%.1f' width='%.1f' height='%d' rx='2' "
		"fill='%s'/>",
		text_range(range), text_size(iova_range_len(range)), x, picture->y, width, ROW,
		fill);
	if (class && width >= LABEL_MIN)
		fprintf(picture->out,
			"<text x='%.1f' y='%.1f' class='%s' text-anchor='middle'>%s</text>",
			x + width / 2, picture->y + 16, class, text_size(iova_range_len(range)));
	fputs("</g>\n", picture->out);
}

static void begin_row(const struct picture *picture, const char *label, const char *class)
{
	fprintf(picture->out,
		"<line x1='%d' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#ddd'/>"
		"<text x='%d' y='%.1f' class='%s' text-anchor='end'>",
		LABELS, picture->y + ROW / 2.0, picture->right, picture->y + ROW / 2.0, LABELS - 12,
		picture->y + 16, class);
	put_escaped(picture->out, label);
	fputs("</text>\n", picture->out);
}

static void end_row(struct picture *picture)
{
	picture->y += ROW + ROW_GAP;
}

static void draw_row(struct picture *picture, const char *label, const struct list *list,
		     const char *fill, const char *class)
{
	begin_row(picture, label, "n");
	for (size_t i = 0; i < list->count; i++)
		draw_box(picture, list->ranges[i], fill, class);
	end_row(picture);
}

/* Columns: what is empty is grey, and only as wide as it has to be seen. */
static void draw_columns(const struct picture *picture, double height)
{
	for (size_t i = 0; i < picture->scale.count; i++) {
		const struct scale_segment *segment = &picture->scale.segments[i];

		fprintf(picture->out,
			"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' fill='%s' "
			"stroke='#e4e4e4' stroke-width='.6'/>\n",
			segment->x, picture->y, segment->width, height,
			segment->used ? "#fff" : "#f2f2f2");
	}
}

static void draw_tick(const struct picture *picture, double x, uint64_t iova)
{
	fprintf(picture->out,
		"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' stroke='#888'/>"
		"<text transform='translate(%.1f %.1f) rotate(50)' class='m'>0x%" PRIx64
		"</text>\n",
		x, picture->y, x, picture->y + 5, x - 3, picture->y + 14, iova);
}

/* Addresses where there is room for them, and the last of all. */
static void draw_axis(struct picture *picture)
{
	double next = 0;

	for (size_t i = 0; i < picture->scale.count; i++) {
		const struct scale_segment *segment = &picture->scale.segments[i];

		if (segment->x < next || segment->x > picture->right - TICK_MIN)
			continue;
		draw_tick(picture, segment->x, segment->range.start);
		next = segment->x + TICK_MIN;
	}
	draw_tick(picture, picture->right, UINT64_MAX);
	picture->y += AXIS;
}

/* ---- rows ---- */

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

/* Who reserves: each once, in the order in which they come. */
static void draw_reserved(struct picture *picture, struct json_object *ctx,
			  struct json_object *ioas)
{
	const size_t count = state_count(ioas, "reserved");

	for (size_t i = 0; i < count; i++) {
		struct json_object *first = state_at(ioas, "reserved", i);
		const bool hwpt = !strcmp(state_text(first, "by"), "hwpt");
		char label[96];
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = state_number(state_at(ioas, "reserved", j), "id") ==
			       state_number(first, "id");
		if (seen)
			continue;
		if (hwpt)
			snprintf(label, sizeof(label), "beyond %.40s, HWPT %s",
				 iommu_of(ctx, state_number(first, "id")), state_text(first, "id"));
		else
			snprintf(label, sizeof(label), "reserved, %.60s",
				 state_get(first, "name") ? state_text(first, "name") : "test");
		begin_row(picture, label, "n");
		for (size_t j = i; j < count; j++) {
			struct json_object *resv = state_at(ioas, "reserved", j);

			if (state_number(resv, "id") == state_number(first, "id"))
				draw_box(picture, state_range(resv),
					 hwpt ? FILL_APERTURE : FILL_RESERVED, "w");
		}
		end_row(picture);
	}
}

static bool is_attached(struct json_object *device, struct json_object *ioas)
{
	for (size_t i = 0; i < state_count(device, "attached"); i++) {
		if (state_number(state_at(device, "attached", i), "ioas") ==
		    state_number(ioas, "id"))
			return true;
	}
	return false;
}

/* What is in use and @permitted does not have: why a device does not fit. Returns how much there is. */
static size_t draw_conflicts(const struct picture *picture, const struct list *permitted,
			     const struct list *used)
{
	struct iova_range missing[MAX_RANGES + 1], conflicts[2 * MAX_RANGES];
	size_t count = ranges_invert(permitted->ranges, permitted->count, missing, MAX_RANGES + 1);

	count = ranges_intersect(used->ranges, used->count, missing, count, conflicts,
				 2 * MAX_RANGES);
	for (size_t i = 0; i < count && i < 2 * MAX_RANGES; i++)
		draw_box(picture, conflicts[i], FILL_CONFLICT, NULL);
	return count;
}

static void draw_device(struct picture *picture, struct json_object *device,
			struct json_object *ioas, const struct list *mapped,
			const struct list *allowed)
{
	const bool attached = is_attached(device, ioas);
	struct list permitted;
	char label[96];
	size_t conflicts;

	read_list(&permitted, device, "permitted");
	snprintf(label, sizeof(label), "%.24s%s", state_text(device, "name"),
		 attached ? " permits" : " would permit");
	begin_row(picture, label, attached ? "n" : "g");
	for (size_t i = 0; i < permitted.count; i++)
		draw_box(picture, permitted.ranges[i], attached ? FILL_PERMITTED : FILL_DETACHED,
			 "s");
	if (!attached) {
		conflicts = draw_conflicts(picture, &permitted, allowed);
		conflicts += draw_conflicts(picture, &permitted, mapped);
		put_text(picture, picture->right + 10, picture->y + 16, "s",
			 conflicts ? "does not fit: hatched" : "fits");
	}
	end_row(picture);
}

/* ---- panels ---- */

static void add_all(struct scale *scale, const struct list *list,
		    void (*add)(struct scale *scale, struct iova_range range))
{
	for (size_t i = 0; i < list->count; i++)
		add(scale, list->ranges[i]);
}

/* The boundaries of all that the panel shows. */
static void fill_scale(struct scale *scale, struct json_object *ctx, struct json_object *ioas,
		       const struct list *mapped, const struct list *allowed)
{
	struct list list;

	add_all(scale, mapped, scale_use);
	add_all(scale, allowed, scale_use);
	read_list(&list, ioas, "permitted");
	add_all(scale, &list, scale_add);
	read_list(&list, ioas, "reserved");
	add_all(scale, &list, scale_add);
	for (size_t i = 0; i < state_count(ctx, "devices"); i++) {
		read_list(&list, state_at(ctx, "devices", i), "permitted");
		add_all(scale, &list, scale_add);
	}
}

static void draw_rows(struct picture *picture, struct json_object *ctx, struct json_object *ioas,
		      const struct list *mapped, const struct list *allowed)
{
	struct list permitted;

	draw_row(picture, "mapped", mapped, FILL_MAPPED, "w");
	if (allowed->count)
		draw_row(picture, "allowed: windows promised", allowed, FILL_ALLOWED, "w");
	read_list(&permitted, ioas, "permitted");
	draw_row(picture, "permitted now", &permitted, FILL_PERMITTED, "s");
	draw_reserved(picture, ctx, ioas);
	for (size_t i = 0; i < state_count(ctx, "devices"); i++)
		draw_device(picture, state_at(ctx, "devices", i), ioas, mapped, allowed);
}

static void draw_head(struct picture *picture, struct json_object *state, struct json_object *ctx,
		      struct json_object *ioas)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	const uint64_t mappings = state_number(mapped, "mappings");
	char text[256];

	snprintf(text, sizeof(text), "IOAS %s", state_text(ioas, "id"));
	put_text(picture, MARGIN, picture->y + 18, "t", text);
	snprintf(text, sizeof(text),
		 "process %s, context %s: %" PRIu64
		 " mapping%s%s%s, %zu table%s. Not to scale: larger is wider, what is not in "
		 "use (grey) is cut short.",
		 state_text(state, "pid"), state_text(ctx, "context"), mappings,
		 mappings == 1 ? "" : "s", mappings ? ", " : "",
		 mappings ? text_size(state_number(mapped, "bytes")) : "",
		 state_count(ioas, "hwpts"), state_count(ioas, "hwpts") == 1 ? "" : "s");
	put_text(picture, MARGIN, picture->y + 38, "g", text);
	picture->y += HEAD;
}

/* Draws the rows over their columns, whose height is known only afterwards. */
static void draw_panel(struct picture *picture, struct json_object *state, struct json_object *ctx,
		       struct json_object *ioas)
{
	struct list mapped, allowed;
	FILE *whole = picture->out;
	char *rows = NULL;
	size_t len = 0;
	double top;

	if (!scale_create(&picture->scale))
		return;
	read_runs(&mapped, ioas);
	read_list(&allowed, ioas, "allowed");
	fill_scale(&picture->scale, ctx, ioas, &mapped, &allowed);
	picture->right = scale_finish(&picture->scale, LABELS, WIDTH);
	draw_head(picture, state, ctx, ioas);
	top = picture->y;
	picture->out = open_memstream(&rows, &len);
	if (picture->out) {
		double bottom;

		picture->y += ROW_GAP;
		draw_rows(picture, ctx, ioas, &mapped, &allowed);
		fclose(picture->out);
		picture->out = whole;
		bottom = picture->y;
		picture->y = top;
		draw_columns(picture, bottom - top);
		picture->y = bottom;
		fwrite(rows, 1, len, whole);
		draw_axis(picture);
	}
	picture->out = whole;
	free(rows);
	scale_destroy(&picture->scale);
	if (picture->right > picture->width)
		picture->width = picture->right;
}

void show_svg(struct json_object *state, FILE *out)
{
	char *panels = NULL;
	size_t len = 0;
	struct picture picture = {.out = open_memstream(&panels, &len), .y = MARGIN};

	if (!picture.out)
		return;
	for (size_t i = 0; i < state_count(state, "contexts"); i++) {
		struct json_object *ctx = state_at(state, "contexts", i);

		for (size_t j = 0; j < state_count(ctx, "ioases"); j++)
			draw_panel(&picture, state, ctx, state_at(ctx, "ioases", j));
	}
	if (picture.width == 0)
		put_text(&picture, MARGIN, picture.y + 18, "t", "no IO address space");
	fclose(picture.out);
	picture.width = (picture.width > 0 ? picture.width : LABELS) + 150;
	fprintf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' "
		"viewBox='0 0 %.0f %.0f'>\n%s<rect width='100%%' height='100%%' fill='#fff'/>\n",
		picture.width, picture.y + MARGIN, picture.width, picture.y + MARGIN, style);
	fwrite(panels, 1, len, out);
	fputs("</svg>\n", out);
	free(panels);
}
