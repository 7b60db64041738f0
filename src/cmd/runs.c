/* SPDX-License-Identifier: MIT */
#include "cmd/runs.h"

#include <stdbool.h>

#include "base/check.h"
#include "cmd/state.h"

/* True if one element of the array @key has both @a and @b in it, or neither is in any. */
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

/* True if what lies between @run and @next is a hole of at most @hole bytes, and of no meaning. */
static bool joins(struct json_object *ioas, const struct run *run, const struct run *next,
		  uint64_t hole)
{
	const uint64_t a = run->range.last, b = next->range.start;

	return b - a - 1 <= hole && (hole == UINT64_MAX || (same_element(ioas, "permitted", a, b) &&
							    same_element(ioas, "allowed", a, b)));
}

static struct run read_run(struct json_object *run)
{
	return (struct run){
		.range = state_range(run),
		.mappings = state_number(run, "mappings"),
		.bytes = state_number(run, "bytes"),
	};
}

/*
 * With holes of up to @hole bytes ignored: as many runs as there are, of which the first @max are
 * in @runs.
 */
static size_t join(struct json_object *ioas, uint64_t hole, struct run *runs, size_t max)
{
	struct json_object *mapped = state_get(ioas, "mapped");
	const size_t given = state_count(mapped, "runs");
	size_t count = 0;

	for (size_t i = 0; i < given && count <= max; i++) {
		const struct run next = read_run(state_at(mapped, "runs", i));
		struct run *top = count ? &runs[count - 1] : NULL;

		if (top && joins(ioas, top, &next, hole)) {
			top->range.last = next.range.last;
			top->mappings += next.mappings;
			top->bytes += next.bytes;
		} else if (count++ < max) {
			runs[count - 1] = next;
		}
	}
	return count;
}

size_t runs_read(struct json_object *ioas, struct run *runs, size_t max)
{
	uint64_t hole = 0;
	size_t count;

	while ((count = join(ioas, hole, runs, max)) > max) {
		if (hole > UINT64_MAX / 2)
			hole = UINT64_MAX;
		else
			hole = hole ? 2 * hole : PAGE_SIZE;
	}
	return count;
}
