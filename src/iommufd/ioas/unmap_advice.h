/* SPDX-License-Identifier: MIT */
/* Advice on commands that succeed and unmap nothing, or more: those of VFIO's containers. */
#ifndef IOMMUFD_UNMAP_ADVICE_H
#define IOMMUFD_UNMAP_ADVICE_H

#include "iommufd/ioas/area.h"

/*
 * The running call, @call, has unmapped nothing of @range. Nothing unless advice is wanted; cost
 * then: a search in the history. Context: without ioas->lock.
 */
void advise_on_unmap_of_nothing(struct ioas *ioas, const char *call, struct iova_range range);

/* The same of a call that has unmapped @range, and what followed it up to @last. */
void advise_on_unmap_of_more(struct ioas *ioas, const char *call, struct iova_range range,
			     uint64_t last);

#endif
