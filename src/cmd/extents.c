/* SPDX-License-Identifier: MIT */
/* See extents.h: holes are ignored up to a size that doubles until the extents are few enough. */
#include "cmd/extents.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "cmd/state.h"

/* True if @a and @b are in the same element of the array @key, or neither is in any. */
static bool same_element(struct json_object *ioas, const char *key, uint64_t a, uint64_t b)
{
	for (size_t i = 0; i < state_count(ioas, key); i++) {
		const struct iova_range range = state_range(state_at(ioas, key, i));
		const bool has_a = range.start <= a && a <= range.last;
		const bool has_b = range.start <= b && b <= range.last;

		if (has_a || has_b)
			return has_a && has_b;
	}
	return true;
}

/* True if @extent and @next can become one: the hole between them has at most @hole bytes, and no
 * boundary of what is permitted or allowed lies in it. */
static bool joins(struct json_object *ioas, const struct extent *extent, const struct extent *next,
		  uint64_t hole)
{
	const uint64_t a = extent->range.last, b = next->range.start;

	return b - a - 1 <= hole && (hole == UINT64_MAX || (same_element(ioas, "permitted", a, b) &&
							    same_element(ioas, "allowed", a, b)));
}

static unsigned int read_rights(struct json_object *run)
{
	unsigned int rights = 0;

	for (size_t i = 0; i < state_count(run, "rights"); i++) {
		const char *text = json_object_get_string(state_at(run, "rights", i));

		/* A null has no text. */
		if (text && !strcmp(text, "rw"))
			rights |= EXTENT_BOTH;
		else if (text && *text)
			rights |= *text == 'r' ? EXTENT_READ : EXTENT_WRITE;
	}
	return rights;
}

const char *extent_rights(const struct extent *extent)
{
	static const char *const texts[] = {"", "r", "w", "r+w", "rw", "r+rw", "w+rw", "r+w+rw"};

	return texts[extent->rights];
}

static struct extent read_extent(struct json_object *run)
{
	return (struct extent){
		.range = state_range(run),
		.mappings = state_number(run, "mappings"),
		.bytes = state_number(run, "bytes"),
		.rights = read_rights(run),
	};
}

/*
 * Joins extents across holes of up to @hole bytes. Returns how many result; @extents: the first
 * @max.
 */
static size_t join(struct json_object *ioas, uint64_t hole, struct extent *extents, size_t max)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	const size_t given = state_count(mapped, "runs");
	size_t count = 0;

	for (size_t i = 0; i < given && count <= max; i++) {
		const struct extent next = read_extent(state_at(mapped, "runs", i));
		struct extent *top = count ? &extents[count - 1] : NULL;

		if (top && joins(ioas, top, &next, hole)) {
			top->range.last = next.range.last;
			top->mappings += next.mappings;
			top->bytes += next.bytes;
			top->rights |= next.rights;
		} else if (count++ < max) {
			extents[count - 1] = next;
		}
	}
	return count;
}

size_t extents_read(struct json_object *ioas, struct extent *extents, size_t max)
{
	uint64_t hole = 0;
	size_t count;

	while ((count = join(ioas, hole, extents, max)) > max) {
		if (hole > UINT64_MAX / 2)
			hole = UINT64_MAX;
		else
			hole = hole ? 2 * hole : PAGE_SIZE;
	}
	return count;
}
