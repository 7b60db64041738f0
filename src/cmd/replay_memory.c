/* SPDX-License-Identifier: MIT */
#include "cmd/replay_memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/check.h"

enum {
	HUGE_SHIFT = 21
};

/* Recorded addresses, whole pages, that have memory: @to bytes higher, modulo 2^64. */
struct place {
	uint64_t start, end, to;
};

static struct place *places;
static size_t place_count;

static void add_place(uint64_t start, uint64_t end, uint64_t to)
{
	struct place *grown = realloc(places, (place_count + 1) * sizeof(*places));

	if (!grown)
		return;
	places = grown;
	places[place_count++] = (struct place){.start = start, .end = end, .to = to};
}

/* The place of @at, or NULL; *@end is moved to where that changes, if it is behind that. */
static const struct place *find_place(uint64_t at, uint64_t *end)
{
	const struct place *found = NULL;

	for (size_t i = 0; i < place_count; i++) {
		const struct place *place = &places[i];

		if (place->start <= at && at < place->end)
			found = place;
		else if (place->start > at && place->start < *end)
			*end = place->start;
	}
	if (found && found->end < *end)
		*end = found->end;
	return found;
}

static void *map(uint64_t at, uint64_t len, int flags)
{
	return mmap((void *)(uintptr_t)at, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

/* Maps all of the range that has no memory yet at the same addresses. False: some are taken. */
static bool map_here(uint64_t start, uint64_t end)
{
	for (uint64_t at = start, next; at < end; at = next) {
		const struct place *place;

		next = end;
		place = find_place(at, &next);
		if (place && place->to)
			return false;
		if (place)
			continue;
		if (map(at, next - at, MAP_FIXED_NOREPLACE) != (void *)(uintptr_t)at)
			return false;
		add_place(at, next, 0);
	}
	return true;
}

/* Maps the range elsewhere, with the same offset in a huge page. */
static uint64_t map_elsewhere(uint64_t start, uint64_t end)
{
	const uint64_t huge = UINT64_C(1) << HUGE_SHIFT;
	char *got = map(0, end - start + huge, 0);
	uint64_t base;

	if (got == MAP_FAILED)
		return start;
	base = (uint64_t)(uintptr_t)got;
	base += (start - base) & (huge - 1);
	add_place(start, end, base - start);
	return base;
}

uint64_t replay_memory(uint64_t va, uint64_t len)
{
	const uint64_t start = va & ~PAGE_MASK;
	uint64_t end, same;
	const struct place *place;

	if (!len || check_add(va, len, &end) || check_align_up(end, PAGE_SIZE, &end))
		return va;
	same = end;
	place = find_place(start, &same);
	if (place && same == end)
		return va + place->to;
	if (map_here(start, end))
		return va;
	return map_elsewhere(start, end) + (va - start);
}

uint64_t replay_nothing(uint64_t va)
{
	static uint64_t hole;

	if (!hole) {
		void *got = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		hole = got == MAP_FAILED ? 0 : (uint64_t)(uintptr_t)got;
	}
	return hole + (va & PAGE_MASK);
}
