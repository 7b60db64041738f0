/* SPDX-License-Identifier: MIT */
/*
 * Why an IOAS refuses a range, as text for uiommufd_last_error() (base/last_error.h):
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

/*
 * Why a MAP, COPY or UNMAP is refused; each returns the error.
 *
 * @value of @member is not a multiple of ioas->alignment: -EINVAL.
 */
int refuse_alignment(const struct ioas *ioas, const char *member, uint64_t value)
	REQUIRES(ioas->lock);

/* There is no hole for @len bytes, or no memory to look for one: @error. */
int refuse_no_hole(const struct ioas *ioas, uint64_t len, int error) REQUIRES(ioas->lock);

/* Something in @range is reserved: -EINVAL. */
int refuse_reserved(const struct ioas *ioas, struct iova_range range) REQUIRES(ioas->lock);

/*
 * @range, of which @area is or would be the first, overlaps another mapping: -EEXIST. That is no
 * mistake if the other one leads to the same memory.
 */
int refuse_overlap(const struct ioas *ioas, struct iova_range range, const struct area *area)
	REQUIRES(ioas->lock);

/* The same for @range that would lead to @va of @caller. */
int refuse_overlap_va(const struct ioas *ioas, struct iova_range range,
		      const struct uiommufd_caller *caller, uint64_t va) REQUIRES(ioas->lock);

/* UNMAP of @range would cut @entry: -ENOENT. */
int refuse_cut(const struct ioas *ioas, const struct iova_map_entry *entry, struct iova_range range)
	REQUIRES(ioas->lock);

#endif
