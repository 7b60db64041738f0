/* SPDX-License-Identifier: MIT */
/*
 * What comes into and out of IO address spaces, for advice on how they are used (checker/advice.c).
 * It is told while observed() (base/observe.h), as the recording of reports makes it: advice needs
 * both.
 */
#ifndef IOMMUFD_IOAS_OBSERVER_H
#define IOMMUFD_IOAS_OBSERVER_H

#include "iommufd/ioas/area.h"

/* All are called with ioas->lock held, and must not wait for the program. */
struct ioas_observer {
	/* @area has been mapped; @fixed: at an IOVA that the program has chosen. */
	void (*mapped)(struct ioas *ioas, const struct area *area, bool fixed);

	/* @area has left the map, and is about to be freed. */
	void (*unmapped)(struct ioas *ioas, const struct area *area);
};

extern const struct ioas_observer *ioas_observer;

/* Context: before any thread maps. */
void ioas_observe(const struct ioas_observer *observer);

#endif
