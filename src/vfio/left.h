/* SPDX-License-Identifier: MIT */
/* What a program has left of its devices when it ends. */
#ifndef VFIO_LEFT_H
#define VFIO_LEFT_H

#include "report/device_record.h"
#include "vfio/irq.h"

/* A device that is open at the end. */
struct vfio_left {
	const char *name;
	struct device_record *record; /* may be NULL */
	enum irq_index interrupts;    /* the kind that is enabled, or IRQ_NONE */
	unsigned int vectors;	      /* of it */
	struct origin enabled;	      /* by which call; time 0: it is not recorded */
	bool busy;		      /* it is doing what it was told */
};

enum {
	VFIO_LEFT_MAX = 64
};

/* Fills in @left (VFIO_LEFT_MAX); returns how many there are. Context: no lock held. */
size_t vfio_find_left(struct vfio_left *left);

#endif
