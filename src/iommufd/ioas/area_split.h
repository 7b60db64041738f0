/* SPDX-License-Identifier: MIT */
/* Cutting an area in two. */
#ifndef IOMMUFD_AREA_SPLIT_H
#define IOMMUFD_AREA_SPLIT_H

#include "iommufd/ioas/ioas.h"

/*
 * If @ioas has no huge pages and @last lies inside an area, ends that area there: the rest of it
 * becomes an area of its own. Errors: [COMPAT-UNMAP].
 */
int ioas_cut(struct ioas *ioas, uint64_t last);

#endif
