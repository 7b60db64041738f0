/* SPDX-License-Identifier: MIT */
/* See svg.h. Coordinates are in units of the picture, y grows downwards. */
#include "cmd/svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/state.h"

enum {
	LABELS = 230, /* width of the column on the left */
	WIDTH = 1180, /* of the address space, if it is not crowded */
	NOTES = 170,  /* of the column on the right */
	MARGIN = 24,
	ROW = 24,
	ROW_GAP = 6,
	TITLE = 34,
	LEGEND = 30,
	HEAD = 50,
	AXIS = 168,    /* height of the addresses below */
	TICK_MIN = 17, /* between two addresses */
	SWATCH = 22,
};

/* The width of a character of the small type, at most. */
#define LETTER 6.4

/*
 * Boxes keep their colours in a dark page, and with them the text inside them (w, d, b). Everything
 * around them follows the page.
 */
static const char style[] =
	"<style>text{font-family:'DejaVu Sans',Helvetica,sans-serif;font-size:12px;fill:#222}"
	".T{font-size:19px;font-weight:bold}.t{font-size:15px;font-weight:bold}"
	".s,.d,.w,.b,.m{font-size:10px}.g{fill:#777}.u{fill:#999}"
	".m{font-family:'DejaVu Sans Mono',monospace;fill:#333}"
	".w{fill:#fff}.d,.b{fill:#222}.b{stroke:#fff;stroke-width:3px;paint-order:stroke}"
	".P,.U{fill:#fff}.S{fill:#f0f0f0}.U,.S{stroke:#e2e2e2;stroke-width:.6}.L{stroke:#ddd}"
	".A{stroke:#888}"
	"@media(prefers-color-scheme:dark){text{fill:#dde3ea}.g{fill:#9aa4b0}.u{fill:#7d8894}"
	".m{fill:#c3ccd6}.w{fill:#fff}.d,.b{fill:#222}.P,.U{fill:#14181d}.S{fill:#222932}"
	".U,.S{stroke:#2c343e}.L{stroke:#39424d}}"
	"</style>\n"
	"<defs><pattern id='conflict' width='7' height='7' patternUnits='userSpaceOnUse' "
	"patternTransform='rotate(45)'><rect width='7' height='7' fill='#f9dcd8'/>"
	"<rect width='3' height='7' fill='#cf3a2b'/></pattern>"
	"<pattern id='sparse' width='5' height='5' patternUnits='userSpaceOnUse'>"
	"<rect width='5' height='5' fill='#fbe3c4'/><rect width='2' height='5' fill='#e9a04a'/>"
	"</pattern></defs>\n";

/* The fill of a box, the class of the text in it (NULL: no text), and its meaning in the legend. */
static const struct look {
	const char *fill, *class, *meaning;
} looks[SVG_FILLS] = {
	[SVG_MAPPED] = {"#d97706", "w", "mapped"},
	[SVG_MAPPED_READ] = {"#f2c078", "d", "mapped, read only"},
	[SVG_MAPPED_WRITE] = {"#8a4b08", "w", "mapped, write only"},
	[SVG_SPARSE] = {"url(#sparse)", "b", "mapped, with holes"},
	[SVG_ALLOWED] = {"#2f6fb7", "w", "window promised"},
	[SVG_PERMITTED] = {"#8cc68a", "d", "permitted"},
	[SVG_DETACHED] = {"#d3e8d2", "d", "permitted if attached"},
	[SVG_RESERVED] = {"#cf3a2b", "w", "reserved"},
	[SVG_BEYOND] = {"#8f8f8f", "w", "not translated"},
	[SVG_CONFLICT] = {"url(#conflict)", NULL, "conflict"},
	[SVG_UNUSED] = {"#dfe3e8", NULL, "no DMA"},
	[SVG_COLD] = {"#fde3b0", NULL, "little"},
	[SVG_WARM] = {"#fbb04a", NULL, "more"},
	[SVG_HOT] = {"#e8642c", NULL, "much"},
	[SVG_HOTTEST] = {"#a61b1b", NULL, "most, by the page"},
};

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", out);
		else if (*text == '&')
			fputs("&amp;", out);
		else if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
			fputc('?', out);
		else
			fputc(*text, out);
	}
}

static void put_text(const struct svg *svg, double x, double y, const char *class, const char *text)
{
	fprintf(svg->out, "<text x='%.1f' y='%.1f' class='%s'>", x, y, class);
	put_escaped(svg->out, text);
	fputs("</text>\n", svg->out);
}

/* ---- the picture ---- */

bool svg_begin(struct svg *svg)
{
	*svg = (struct svg){.y = MARGIN};
	svg->out = open_memstream(&svg->panels, &svg->panels_len);
	return svg->out;
}

void svg_end(struct svg *svg, FILE *out)
{
	const double width = svg->width + NOTES, height = svg->y;

	fclose(svg->out);
	fprintf(out,
		"<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' "
		"viewBox='0 0 %.0f %.0f'>\n%s<rect width='100%%' height='100%%' class='P'/>\n",
		width, height, width, height, style);
	fwrite(svg->panels, 1, svg->panels_len, out);
	fputs("</svg>\n", out);
	free(svg->panels);
}

void svg_title(struct svg *svg, const char *title, enum svg_fill first, enum svg_fill last)
{
	double x = MARGIN;

	put_text(svg, MARGIN, svg->y + 16, "T", title);
	svg->y += TITLE;
	for (size_t i = first; i <= last; i++) {
		fprintf(svg->out,
			"<rect x='%.1f' y='%.1f' width='%d' height='12' rx='2' fill='%s'/>\n", x,
			svg->y, SWATCH, looks[i].fill);
		put_text(svg, x + SWATCH + 6, svg->y + 10.5, "n", looks[i].meaning);
		x += SWATCH + 24 + 7 * (double)strlen(looks[i].meaning);
	}
	svg->width = x > LABELS + WIDTH ? x : LABELS + WIDTH;
	svg->y += LEGEND;
	put_text(svg, MARGIN, svg->y, "g",
		 "Not to scale: what is in use is wider the larger it is, twice the size a little; "
		 "what is not (shaded) is cut short.");
	svg->y += LEGEND;
}

void svg_head(struct svg *svg, const char *title, const char *text)
{
	put_text(svg, MARGIN, svg->y + 16, "t", title);
	put_text(svg, LABELS, svg->y + 16, "g", text);
	svg->y += HEAD - TITLE + 16;
}

/* ---- panels ---- */

void svg_begin_panel(struct svg *svg)
{
	svg->right = scale_finish(&svg->scale, LABELS, WIDTH);
	if (svg->right > svg->width)
		svg->width = svg->right;
	svg->top = svg->y;
	svg->y += ROW_GAP;
	/* The columns lie behind the rows and are as high as all rows: the rows are buffered. */
	svg->rows = NULL;
	svg->whole = svg->out;
	svg->out = open_memstream(&svg->rows, &svg->rows_len);
	if (!svg->out)
		svg->out = svg->whole;
}

static void draw_columns(const struct svg *svg)
{
	for (size_t i = 0; i < svg->scale.count; i++) {
		const struct scale_segment *segment = &svg->scale.segments[i];

		fprintf(svg->out,
			"<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f' class='%s'/>\n",
			segment->x, svg->top, segment->width, svg->y - svg->top,
			segment->used ? "U" : "S");
	}
}

/* "0x1_0000_0000": digits in groups of four. */
static void put_address(FILE *out, uint64_t iova)
{
	char digits[20];
	const int count = snprintf(digits, sizeof(digits), "%" PRIx64, iova);

	fputs("0x", out);
	for (int i = 0; i < count; i++) {
		fputc(digits[i], out);
		if ((count - i) % 4 == 1 && i + 1 < count)
			fputc('_', out);
	}
}

static void draw_tick(const struct svg *svg, double x, uint64_t iova)
{
	const char *size = text_size(iova);

	fprintf(svg->out,
		"<line x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f' class='A'/>"
		"<text transform='translate(%.1f %.1f) rotate(50)' class='m'>",
		x, svg->y, x, svg->y + 5, x - 3, svg->y + 14);
	put_address(svg->out, iova);
	/* Round addresses are named by their size. */
	if (iova >> 20 && !strpbrk(size, ".~"))
		fprintf(svg->out, "<tspan class='u' dx='5'>= %s</tspan>", size);
	fputs("</text>\n", svg->out);
}

/* Whether @i has no use but its start, and too little room for that before the next start. */
static bool gives_way(const struct svg *svg, size_t i)
{
	const struct scale_segment *segment = &svg->scale.segments[i];

	return !segment->used && i + 1 < svg->scale.count && segment[1].used &&
	       segment[1].x - segment->x < TICK_MIN;
}

/*
 * The addresses of boundaries, as many as fit, and the last address. Where there is no room for all
 * of them, the start of what is used is named rather than the end of what is before it.
 */
static void draw_axis(struct svg *svg)
{
	double next = 0;

	for (size_t i = 0; i < svg->scale.count; i++) {
		const struct scale_segment *segment = &svg->scale.segments[i];

		if (segment->x < next || segment->x > svg->right - TICK_MIN || gives_way(svg, i))
			continue;
		draw_tick(svg, segment->x, segment->range.start);
		next = segment->x + TICK_MIN;
	}
	draw_tick(svg, svg->right, UINT64_MAX);
	svg->y += AXIS;
}

void svg_end_panel(struct svg *svg)
{
	if (svg->out != svg->whole)
		fclose(svg->out);
	svg->out = svg->whole;
	draw_columns(svg);
	if (svg->rows)
		fwrite(svg->rows, 1, svg->rows_len, svg->out);
	free(svg->rows);
	draw_axis(svg);
}

/* ---- rows ---- */

void svg_begin_row(struct svg *svg, const char *label, const char *hint, bool faint)
{
	fprintf(svg->out,
		"<line x1='%d' y1='%.1f' x2='%.1f' y2='%.1f' class='L'/>"
		"<text x='%d' y='%.1f' class='%s' text-anchor='end'>",
		LABELS, svg->y + ROW / 2.0, svg->right, svg->y + ROW / 2.0, LABELS - 12,
		svg->y + 16, faint ? "g" : "n");
	if (hint) {
		fputs("<title>", svg->out);
		put_escaped(svg->out, hint);
		fputs("</title>", svg->out);
	}
	put_escaped(svg->out, label);
	fputs("</text>\n", svg->out);
}

void svg_end_row(struct svg *svg, const char *text)
{
	if (text)
		put_text(svg, svg->right + 10, svg->y + 16, "s", text);
	svg->y += ROW + ROW_GAP;
}

/* How many characters of @label are drawn in a box of @width. */
static int label_len(const char *label, double width)
{
	const size_t room = width > 4 ? (size_t)((width - 4) / LETTER) : 0;
	const char *comma = strrchr(label, ',');

	if (strlen(label) <= room)
		return (int)strlen(label);
	return comma && (size_t)(comma - label) <= room ? (int)(comma - label) : 0;
}

void svg_box_labelled(struct svg *svg, struct iova_range range, enum svg_fill fill,
		      const char *label)
{
	const struct look *look = &looks[fill];
	double x, width;

	scale_place(&svg->scale, range, &x, &width);
	fprintf(svg->out,
		"<g><title>%s: %s (%s), %s</title>"
		"<rect x='%.1f' y='%.1f' width='%.1f' height='%d' rx='2' fill='%s'/>",
		look->meaning, text_range(range), text_size(iova_range_len(range)), label, x,
		svg->y, width, ROW, look->fill);
	if (look->class && label_len(label, width))
		fprintf(svg->out,
			"<text x='%.1f' y='%.1f' class='%s' text-anchor='middle'>%.*s</text>",
			x + width / 2, svg->y + 16, look->class, label_len(label, width), label);
	fputs("</g>\n", svg->out);
}

void svg_box(struct svg *svg, struct iova_range range, enum svg_fill fill)
{
	svg_box_labelled(svg, range, fill, text_size(iova_range_len(range)));
}
