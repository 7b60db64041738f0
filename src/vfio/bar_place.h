/* SPDX-License-Identifier: MIT */
/* Which device's memory BAR has a bus address: for reports of DMA that was meant for a device. */
#ifndef VFIO_BAR_PLACE_H
#define VFIO_BAR_PLACE_H

#include "iova/range.h"

struct vfio_bar_place {
	const char *device; /* its name, borrowed: devices stay */
	unsigned int bar;
	struct iova_range
		range; /* bus addresses, as the device's config space and sysfs show them */
};

/* Whether a memory BAR overlaps @range; *@place: the first that does. Context: no lock of vfio. */
bool vfio_bar_place(struct iova_range range, struct vfio_bar_place *place);

#endif
