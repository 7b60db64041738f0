/* SPDX-License-Identifier: MIT */
/* The texts. The class of a range's owner says why the range is reserved. */
#include "iommufd/ioas/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/last_error.h"

const char *range_text(struct iova_range range, char text[RANGE_TEXT_SIZE])
{
	snprintf(text, RANGE_TEXT_SIZE, "0x%" PRIx64 "-0x%" PRIx64, range.start, range.last);
	return text;
}

static const char *cause_text(struct iova_range range, const struct iommufd_object *owner,
			      char text[CAUSE_TEXT_SIZE])
{
	owner->class->explain_reserved(owner, range, text, CAUSE_TEXT_SIZE);
	return text;
}

void refuse_reserved_over_window(const struct ioas *ioas, struct iova_range reserved,
				 const struct iommufd_object *owner, struct iova_range window)
{
	char cause[CAUSE_TEXT_SIZE], w[RANGE_TEXT_SIZE];

	lock_assert_held(&ioas->lock);
	(void)refuse_mistake(-EADDRINUSE, "window %s of IOAS %u cannot be kept: %s",
			     range_text(window, w), ioas->object.id,
			     cause_text(reserved, owner, cause));
}

void refuse_reserved_over_area(const struct ioas *ioas, struct iova_range reserved,
			       const struct iommufd_object *owner, const struct area *area)
{
	char cause[CAUSE_TEXT_SIZE], m[RANGE_TEXT_SIZE];

	lock_assert_held(&ioas->lock);
	(void)refuse_mistake(-EADDRINUSE, "mapping %s of IOAS %u is in the way: %s",
			     range_text(area->range, m), ioas->object.id,
			     cause_text(reserved, owner, cause));
}

void refuse_misaligned_area(const struct ioas *ioas, const struct area *area, uint64_t alignment)
{
	char m[RANGE_TEXT_SIZE];

	lock_assert_held(&ioas->lock);
	(void)refuse_mistake(
		-EADDRINUSE,
		"mapping %s of IOAS %u is in the way: everything must be a multiple of "
		"%" PRIu64 " bytes",
		range_text(area->range, m), ioas->object.id, alignment);
}
