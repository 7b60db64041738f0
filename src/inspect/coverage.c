/* SPDX-License-Identifier: MIT */
#include "inspect/coverage.h"

#include <assert.h>
#include <errno.h>

#include "base/alloc.h"
#include "base/check.h"

int coverage_create(struct coverage *coverage, size_t limit, const struct iova_set *apart)
{
	assert(limit);
	*coverage = (struct coverage){.limit = limit, .apart = apart};
	coverage->runs = alloc_array(2 * limit, sizeof(*coverage->runs));
	return coverage->runs ? 0 : -ENOMEM;
}

void coverage_destroy(struct coverage *coverage)
{
	alloc_free(coverage->runs);
}

void coverage_check(const struct coverage *coverage)
{
	uint64_t mappings = 0, bytes = 0;

	assert(coverage->count <= 2 * coverage->limit);
	for (size_t i = 0; i < coverage->count; i++) {
		const struct coverage_run *run = &coverage->runs[i];

		assert(run->range.start <= run->range.last);
		assert(!i || run[-1].range.last < run->range.start - 1);
		mappings += run->mappings;
		bytes += run->bytes;
	}
	assert(mappings == coverage->mappings && bytes == coverage->bytes);
	(void)mappings, (void)bytes;
}

/* True if the hole between @run and what begins at @start above it is ignored. */
static bool continues(const struct coverage *coverage, const struct coverage_run *run,
		      uint64_t start)
{
	const uint64_t hole = start - run->range.last - 1;

	if (!hole)
		return true;
	return hole <= coverage->hole &&
	       !(coverage->apart &&
		 iova_set_intersects(coverage->apart,
				     (struct iova_range){run->range.last + 1, start - 1}));
}

static void append(struct coverage_run *run, const struct coverage_run *next)
{
	run->range.last = next->range.last;
	run->mappings += next->mappings;
	run->bytes += next->bytes;
	run->rights |= next->rights;
}

/* Ignores larger holes from now on; in the end all, even those with a range kept apart. */
static void ignore_larger_holes(struct coverage *coverage)
{
	if (coverage->hole == UINT64_MAX)
		coverage->apart = NULL;
	else if (coverage->hole > UINT64_MAX / 2)
		coverage->hole = UINT64_MAX;
	else
		coverage->hole = coverage->hole ? 2 * coverage->hole : PAGE_SIZE;
}

/* Joins runs, ignoring larger holes in each turn, until there are at most @limit. */
static void shrink(struct coverage *coverage, size_t limit)
{
	while (coverage->count > limit) {
		size_t kept = 0;

		ignore_larger_holes(coverage);
		for (size_t i = 0; i < coverage->count; i++) {
			const struct coverage_run next = coverage->runs[i];
			struct coverage_run *top = kept ? &coverage->runs[kept - 1] : NULL;

			if (top && continues(coverage, top, next.range.start))
				append(top, &next);
			else
				coverage->runs[kept++] = next;
		}
		coverage->count = kept;
	}
}

/* Makes @next a part of the last run. False: the hole between them is not ignored. */
static bool join_last(struct coverage *coverage, const struct coverage_run *next)
{
	struct coverage_run *top = coverage->count ? &coverage->runs[coverage->count - 1] : NULL;

	if (!top || !continues(coverage, top, next->range.start))
		return false;
	append(top, next);
	return true;
}

void coverage_add(struct coverage *coverage, struct iova_range range, unsigned int rights)
{
	const struct coverage_run next = {
		.range = range,
		.mappings = 1,
		.bytes = iova_range_len(range),
		.rights = 1U << rights,
	};

	assert(!coverage->count || range.start > coverage->runs[coverage->count - 1].range.last);
	coverage->mappings++;
	coverage->bytes += next.bytes;
	if (join_last(coverage, &next))
		return;
	if (coverage->count == 2 * coverage->limit) {
		shrink(coverage, coverage->limit);
		/* Larger holes are ignored now, perhaps the one before @range as well. */
		if (join_last(coverage, &next))
			return;
	}
	coverage->runs[coverage->count++] = next;
}

void coverage_finish(struct coverage *coverage)
{
	shrink(coverage, coverage->limit);
	coverage_check(coverage);
}
