/* SPDX-License-Identifier: MIT */
/*
 * Automatic choice of an IOVA: the kernel's rules [IOAS-AUTO], applied to the map of used
 * space and to the reserved and allowed ranges.
 */
#ifndef IOVA_IOVA_ALLOC_H
#define IOVA_IOVA_ALLOC_H

#include "iova/iova_map.h"
#include "iova/iova_set.h"

struct iova_request {
	uint64_t len;	    /* bytes, not 0 */
	uint64_t hint;	    /* address of the first byte in its source */
	uint64_t alignment; /* of the IOAS */
};

/*
 * The lowest IOVA that fits @request: outside of @reserved and of what @map holds, inside @allowed
 * unless that is empty. 0 with *@iova; -EOVERFLOW, -EINVAL, -ENOSPC as the spec says. Cost:
 * O((log n) * (ranges of the two sets)).
 */
int iova_alloc(const struct iova_map *map, const struct iova_set *reserved,
	       const struct iova_set *allowed, const struct iova_request *request, uint64_t *iova);

#endif
