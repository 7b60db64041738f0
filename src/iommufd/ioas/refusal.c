/* SPDX-License-Identifier: MIT */
/* The texts. The class of a range's owner says why the range is reserved. */
#include "iommufd/ioas/refusal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
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
			     range_text(area_range(area), m), ioas->object.id,
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
		range_text(area_range(area), m), ioas->object.id, alignment);
}

/* ---- MAP, COPY, UNMAP ---- */

int refuse_alignment(const struct ioas *ioas, const char *member, uint64_t value)
{
	lock_assert_held(&ioas->lock);
	return refuse_mistake(-EINVAL,
			      "%s 0x%" PRIx64 " is not a multiple of 0x%" PRIx64
			      ", the alignment of IOAS %u (out_iova_alignment of "
			      "IOMMU_IOAS_IOVA_RANGES)",
			      member, value, ioas->alignment, ioas->object.id);
}

int refuse_no_hole(const struct ioas *ioas, uint64_t len, int error)
{
	lock_assert_held(&ioas->lock);
	return refuse(error, "no hole of 0x%" PRIx64 " bytes is free in IOAS %u: %zu mappings, %s",
		      len, ioas->object.id, ioas->areas.count,
		      ioas->allowed.count ? "within the allowed ranges" : "all IOVAs allowed");
}

struct reserved_cause {
	struct iova_range range; /* that cannot be mapped */
	char text[CAUSE_TEXT_SIZE];
};

/* The first one that has reserved some of it. */
static int find_cause(struct iova_range range, const struct iommufd_object *owner, void *arg)
{
	struct reserved_cause *cause = arg;

	if (!iova_range_intersects(range, cause->range))
		return 0;
	cause_text(range, owner, cause->text);
	return cause->text[0] != '\0';
}

int refuse_reserved(const struct ioas *ioas, struct iova_range range)
{
	struct reserved_cause cause = {.range = range};
	char r[RANGE_TEXT_SIZE];

	lock_assert_held(&ioas->lock);
	(void)reserved_for_each(&ioas->resv, find_cause, &cause);
	return refuse_mistake(-EINVAL, "IOVA %s cannot be mapped in IOAS %u: %s",
			      range_text(range, r), ioas->object.id, cause.text);
}

/* The address or offset that @iova of @area leads to, and of which kind of memory. */
static uint64_t memory_at(const struct area *area, uint64_t iova)
{
	return mem_source_start(area_source(area)) - mem_source_offset(area_source(area)) +
	       area_start(area) + (iova - area->iova);
}

/* Whether two areas lead to the same memory where they overlap. */
static bool is_same_memory(const struct area *a, const struct area *b)
{
	const uint64_t iova = max_u64(a->iova, b->iova);

	if (area_source(a) == area_source(b))
		return memory_at(a, iova) == memory_at(b, iova);
	return mem_source_kind(area_source(a)) == MEM_KIND_VA &&
	       mem_source_kind(area_source(b)) == MEM_KIND_VA &&
	       mem_source_caller(area_source(a)) == mem_source_caller(area_source(b)) &&
	       memory_at(a, iova) == memory_at(b, iova);
}

/* @other is in the way of @range, which would lead to the same memory if @same. */
static int refuse_other(const struct ioas *ioas, struct iova_range range,
			const struct iova_map_entry *other, bool same) REQUIRES(ioas->lock)
{
	char r[RANGE_TEXT_SIZE], m[RANGE_TEXT_SIZE];
	const struct origin *origin = area_mapped_by(other->value);

	lock_assert_held(&ioas->lock);
	if (origin)
		origin_blame(origin, "the mapping that is there was made");
	if (same)
		return refuse(-EEXIST,
			      "IOVA %s overlaps the mapping %s of IOAS %u, which leads to the "
			      "same memory",
			      range_text(range, r), range_text(other->range, m), ioas->object.id);
	return refuse_mistake(-EEXIST,
			      "IOVA %s overlaps the mapping %s of IOAS %u; the device continues to "
			      "see the memory of that mapping",
			      range_text(range, r), range_text(other->range, m), ioas->object.id);
}

int refuse_overlap(const struct ioas *ioas, struct iova_range range, const struct area *area)
{
	struct iova_map_entry other;

	lock_assert_held(&ioas->lock);
	if (!iova_map_lower(&ioas->areas, range.start, &other))
		return -EEXIST;
	return refuse_other(ioas, range, &other,
			    area->iova == range.start && is_same_memory(area, other.value));
}

int refuse_overlap_va(const struct ioas *ioas, struct iova_range range,
		      const struct uiommufd_caller *caller, uint64_t va)
{
	const uint64_t start = range.start;
	struct iova_map_entry other;
	const struct area *area;
	uint64_t iova;
	bool same;

	lock_assert_held(&ioas->lock);
	if (!iova_map_lower(&ioas->areas, start, &other))
		return -EEXIST;
	area = other.value;
	iova = max_u64(start, other.range.start);
	same = mem_source_kind(area_source(area)) == MEM_KIND_VA &&
	       mem_source_caller(area_source(area)) == caller &&
	       memory_at(area, iova) == va + (iova - start);
	return refuse_other(ioas, range, &other, same);
}

int refuse_cut(const struct ioas *ioas, const struct iova_map_entry *entry, struct iova_range range)
{
	char r[RANGE_TEXT_SIZE], m[RANGE_TEXT_SIZE];
	const struct origin *origin = area_mapped_by(entry->value);

	lock_assert_held(&ioas->lock);
	if (origin)
		origin_blame(origin, "that mapping was made");
	return refuse_mistake(-ENOENT,
			      "%s cuts the mapping %s of IOAS %u, which is unmapped as a whole or "
			      "not at all",
			      range_text(range, r), range_text(entry->range, m), ioas->object.id);
}
