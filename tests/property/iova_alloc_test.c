/* SPDX-License-Identifier: MIT */
/*
 * The allocator against the rules as they are written, on a space of few units: a bitmap each of
 * what is mapped, reserved and allowed, walked unit by unit. All outside of the units is reserved.
 */

#include "iova/iova_alloc.h"
#include "kit.h"

#define UNITS 400u

typedef unsigned __int128 u128; /* nothing wraps in it */

static bool mapped[UNITS], reserved[UNITS], allowed[UNITS];
static struct iova_map map;
static struct iova_set reserved_set, allowed_set;
static uint64_t base, unit;

static struct iova_range units(uint64_t first, uint64_t count)
{
	return (struct iova_range){base + first * unit, base + (first + count) * unit - 1};
}

struct naive {
	u128 len, align, offset;
	uint64_t found;
};

static bool candidate(const struct naive *naive, u128 start, u128 last, u128 *c)
{
	*c = (start + naive->align - 1) / naive->align * naive->align;
	if (*c > UINT64_MAX)
		return false;
	*c |= naive->offset;
	return *c < last && last - *c >= naive->len - 1;
}

static bool unit_is_free(uint64_t i)
{
	return !mapped[i] && !reserved[i];
}

/* Each maximal hole from @from on within units up to @last. */
static bool naive_walk(struct naive *naive, u128 from, u128 last)
{
	u128 c;

	for (uint64_t i = (uint64_t)(from - base) / unit; i < UNITS; i++) {
		u128 start = base + (u128)i * unit, end;

		if (start > last)
			return false;
		if (!unit_is_free(i))
			continue;
		while (i + 1 < UNITS && unit_is_free(i + 1))
			i++;
		end = base + (u128)(i + 1) * unit - 1;
		if (candidate(naive, start > from ? start : from, end < last ? end : last, &c)) {
			naive->found = (uint64_t)c;
			return true;
		}
	}
	return false;
}

static bool naive_range(struct naive *naive, u128 start, u128 last)
{
	u128 top = (u128)UINT64_MAX - PAGE, c;

	start = start > PAGE ? start : PAGE;
	last = last < top ? last : top;
	return start <= last && candidate(naive, start, last, &c) && naive_walk(naive, c, last);
}

static int naive_alloc(const struct iova_request *request, uint64_t *iova)
{
	struct naive naive = {.len = request->len, .align = 1, .offset = request->hint % PAGE};
	bool any_allowed = false;

	if (request->len >= UINT64_MAX / 2)
		return -EOVERFLOW;
	while (naive.align < request->len && naive.align < 2u << 20 &&
	       request->hint % (naive.align * 2) == 0)
		naive.align *= 2;
	if (naive.align < request->alignment)
		return -EINVAL;
	for (uint64_t i = 0; i < UNITS; i++) {
		uint64_t first = i;

		if (!allowed[i])
			continue;
		any_allowed = true;
		while (i + 1 < UNITS && allowed[i + 1])
			i++;
		if (naive_range(&naive, units(first, 1).start, units(i, 1).last)) {
			*iova = naive.found;
			return 0;
		}
	}
	if (any_allowed)
		return -ENOSPC;

	/*
	 * Outside of the units nothing is free: where the walk begins there does not matter, as
	 * long as the candidate is that of the whole space.
	 */
	u128 start, last = (u128)UINT64_MAX - PAGE;

	if (!candidate(&naive, PAGE, last, &start))
		return -ENOSPC;
	if (!naive_walk(&naive, start > base ? start : base, last))
		return -ENOSPC;
	*iova = naive.found;
	return 0;
}

static void change(void)
{
	uint64_t first = random_below(UNITS), count = 1 + random_below(12);
	uint64_t what = random_below(16);

	if (first + count > UNITS)
		count = UNITS - first;
	if (what < 10) {
		for (uint64_t i = first; i < first + count; i++) {
			if (mapped[i])
				assert_non_null(iova_map_erase(&map, units(i, 1).start));
			else
				assert_int_equal(iova_map_insert(&map, units(i, 1), &map), 0);
			mapped[i] = !mapped[i];
		}
	} else if (what < 13) {
		bool set = random_below(3) == 0;

		assert_int_equal(set ? iova_set_add(&reserved_set, units(first, count))
				     : iova_set_remove(&reserved_set, units(first, count)),
				 0);
		memset(&reserved[first], set, count);
	} else {
		bool set = random_below(3) == 0;

		assert_int_equal(set ? iova_set_add(&allowed_set, units(first, count))
				     : iova_set_remove(&allowed_set, units(first, count)),
				 0);
		memset(&allowed[first], set, count);
	}
}

static void compare(void)
{
	struct iova_request request = {
		.len = 1 + random_below(random_below(2) ? 4 * unit : 40 * unit),
		.hint = random_below(1 << 20) << random_below(24),
		.alignment = UINT64_C(1) << (random_below(2) ? 0 : random_below(13)),
	};
	uint64_t expected = 0, found = 0;
	int rc;

	if (random_below(3))
		request.len = (request.len + unit - 1) / unit * unit;
	if (random_below(100) == 0)
		request.len = UINT64_MAX / 2 - 1 + random_below(3);
	rc = iova_alloc(&map, &reserved_set, &allowed_set, &request, &found);
	assert_int_equal(rc, naive_alloc(&request, &expected));
	if (!rc)
		assert_int_equal(found, expected);
}

static void reserve_outside(void)
{
	struct iova_range inside = units(0, UNITS);

	if (inside.start)
		assert_int_equal(
			iova_set_add(&reserved_set, (struct iova_range){0, inside.start - 1}), 0);
	if (inside.last < UINT64_MAX)
		assert_int_equal(iova_set_add(&reserved_set,
					      (struct iova_range){inside.last + 1, UINT64_MAX}),
				 0);
}

static void play(void)
{
	memset(mapped, 0, sizeof(mapped));
	memset(reserved, 0, sizeof(reserved));
	memset(allowed, 0, sizeof(allowed));
	iova_map_init(&map);
	iova_set_init(&reserved_set);
	iova_set_init(&allowed_set);
	reserve_outside();
	for (unsigned int i = 0; i < 1500; i++) {
		change();
		compare();
		compare();
	}
	iova_map_destroy(&map);
	iova_set_destroy(&reserved_set);
	iova_set_destroy(&allowed_set);
}

static void allocation_follows_the_rules(void **state)
{
	const uint64_t unit_sizes[] = {1, 0x100, 0x400, 0x1000, 0x3000, 0x10000, 0x80000};

	(void)state;
	for (unsigned int i = 0; i < 84; i++) {
		unit = unit_sizes[i % 7];
		switch (i / 7 % 4) {
		case 0:
			base = 0;
			break;
		case 1:
			base = 0 - UNITS * unit;
			break;
		case 2:
			/* Around the first or the last address that may be given. */
			base = unit >= 0x40 ? unit : i % 2 ? PAGE - 100 : 0 - (PAGE + 300ull);
			break;
		default:
			base = (UINT64_C(1) << 63) - random_below(100) * unit;
			break;
		}
		play();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(allocation_follows_the_rules)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
