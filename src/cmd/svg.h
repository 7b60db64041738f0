/* SPDX-License-Identifier: MIT */
/*
 * Drawing address spaces: a title with a legend, then panels. A panel is a head, rows of boxes over
 * columns, and an axis of addresses; its user decides what the rows mean.
 */
#ifndef CMD_SVG_H
#define CMD_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/scale.h"

enum svg_fill {
	SVG_MAPPED,
	SVG_MAPPED_READ,
	SVG_MAPPED_WRITE,
	SVG_SPARSE, /* mapped with holes */
	SVG_ALLOWED,
	SVG_PERMITTED,
	SVG_DETACHED, /* permitted by a device that is not attached */
	SVG_RESERVED,
	SVG_BEYOND, /* not translated */
	SVG_CONFLICT,
	SVG_STATE_LAST = SVG_CONFLICT,
	SVG_UNUSED, /* mapped, and no DMA */
	SVG_COLD,
	SVG_WARM,
	SVG_HOT,
	SVG_HOTTEST,
	SVG_FILLS,
};

struct svg {
	FILE *out; /* in memory: the size of what it contains is known only at its end */
	FILE *whole;
	char *panels, *rows;
	size_t panels_len, rows_len;
	struct scale scale; /* of the panel; the user creates and destroys it */
	double right;	    /* end of the scale */
	double y, top;
	double width; /* of the widest panel */
};

/* Begins a picture; svg_end() writes it to @out. False: no memory. */
bool svg_begin(struct svg *svg);
void svg_end(struct svg *svg, FILE *out);

/* The title of the picture, with the legend of the fills from @first to @last. */
void svg_title(struct svg *svg, const char *title, enum svg_fill first, enum svg_fill last);

/* The title of a panel, and a line below. */
void svg_head(struct svg *svg, const char *title, const char *text);

/* Around the rows of a panel. The scale has all its boundaries. */
void svg_begin_panel(struct svg *svg);
void svg_end_panel(struct svg *svg);

/*
 * A row: its name on the left, with @hint as its tooltip (or NULL), boxes, and a text on the right
 * (or NULL).
 */
void svg_begin_row(struct svg *svg, const char *label, const char *hint, bool faint);
void svg_end_row(struct svg *svg, const char *text);

/*
 * A box, with its size or @label inside if that fits, or else what is before the last comma of it.
 * Range, size and label are its tooltip.
 */
void svg_box(struct svg *svg, struct iova_range range, enum svg_fill fill);
void svg_box_labelled(struct svg *svg, struct iova_range range, enum svg_fill fill,
		      const char *label);

#endif
