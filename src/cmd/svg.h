/* SPDX-License-Identifier: MIT */
/*
 * Drawing address spaces: a title with a legend, then panels, which are a head, rows of boxes over
 * columns, and an axis of addresses. What the rows mean is not known here.
 */
#ifndef CMD_SVG_H
#define CMD_SVG_H

#include <stdbool.h>
#include <stdio.h>

#include "cmd/scale.h"

enum svg_fill {
	SVG_MAPPED,
	SVG_SPARSE, /* mapped with holes */
	SVG_ALLOWED,
	SVG_PERMITTED,
	SVG_DETACHED, /* permitted by a device that is not attached */
	SVG_RESERVED,
	SVG_BEYOND, /* not translated */
	SVG_CONFLICT,
	SVG_FILLS,
};

struct svg {
	FILE *out; /* of what comes next; a file around it is known at the end of it */
	FILE *whole;
	char *panels, *rows;
	size_t panels_len, rows_len;
	struct scale scale; /* of the panel: outlives it, owned by the user */
	double right;	    /* end of the scale */
	double y, top;
	double width; /* of the widest panel */
};

/* Begins a picture. False: no memory. svg_end() writes it. */
bool svg_begin(struct svg *svg);
void svg_end(struct svg *svg, FILE *out);

/* The title of all, with the legend. */
void svg_title(struct svg *svg, const char *title);

/* The title of a panel, and a line below. */
void svg_head(struct svg *svg, const char *title, const char *text);

/* The rows come between; the scale has its boundaries. */
void svg_begin_panel(struct svg *svg);
void svg_end_panel(struct svg *svg);

/* A row: its name on the left, boxes, and a text on the right (or NULL). */
void svg_begin_row(struct svg *svg, const char *label, bool faint);
void svg_end_row(struct svg *svg, const char *text);

/* A box, with its size inside if there is room, or with @label; a pointer over it is told all. */
void svg_box(struct svg *svg, struct iova_range range, enum svg_fill fill);
void svg_box_labelled(struct svg *svg, struct iova_range range, enum svg_fill fill,
		      const char *label);

#endif
