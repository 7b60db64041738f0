/* SPDX-License-Identifier: MIT */
/*
 * Why an IOAS refuses a range, as text for uiommufd_last_error() (iommufd/object/last_error.h):
 * which range is in the way of which.
 */
#ifndef IOMMUFD_REFUSAL_H
#define IOMMUFD_REFUSAL_H

#include "iommufd/ioas/area.h"

/* Enough for the text of a range, and for a text of object_class.explain_reserved. */
enum {
	RANGE_TEXT_SIZE = 48,
	CAUSE_TEXT_SIZE = 160,
};

/* Writes "0x1000-0x1fff" to @text and returns it. */
const char *range_text(struct iova_range range, char text[RANGE_TEXT_SIZE]);

/* @owner cannot reserve @reserved because of @window of the allowed list. */
void refuse_reserved_over_window(const struct ioas *ioas, struct iova_range reserved,
				 const struct iommufd_object *owner, struct iova_range window)
	REQUIRES(ioas->lock);

/* @owner cannot reserve @reserved because of @area. */
void refuse_reserved_over_area(const struct ioas *ioas, struct iova_range reserved,
			       const struct iommufd_object *owner, const struct area *area)
	REQUIRES(ioas->lock);

/* @area does not conform to @alignment. */
void refuse_misaligned_area(const struct ioas *ioas, const struct area *area, uint64_t alignment)
	REQUIRES(ioas->lock);

#endif
