/* SPDX-License-Identifier: MIT */
/* Sets against bitmaps of 128 addresses, at either end and in the middle of the 64-bit space. */

#include "iova/iova_set.h"
#include "kit.h"

#define SIZE 128u
#define SETS 3u

static struct iova_set sets[SETS];
static bool model[SETS][SIZE];
static uint64_t base;

/* Offsets from the base. */
static struct iova_range random_range(void)
{
	uint64_t start = random_below(SIZE), len = 1 + random_below(random_below(4) ? 8 : SIZE);

	return (struct iova_range){start, start + len > SIZE ? SIZE - 1 : start + len - 1};
}

static struct iova_range at_base(struct iova_range range)
{
	return (struct iova_range){base + range.start, base + range.last};
}

static void check_form(const struct iova_set *set)
{
	assert_true(set->count <= set->capacity);
	for (size_t i = 0; i < set->count; i++) {
		assert_true(set->ranges[i].start <= set->ranges[i].last);
		if (i)
			assert_true(set->ranges[i - 1].last + 1 < set->ranges[i].start);
	}
}

static void check(unsigned int which)
{
	const struct iova_set *set = &sets[which];
	struct iova_range range = random_range();
	bool any = false, all = true;

	check_form(set);
	for (unsigned int i = 0; i < SIZE; i++) {
		struct iova_range one = at_base((struct iova_range){i, i});

		assert_int_equal(iova_set_contains(set, one), model[which][i]);
		if (i >= range.start && i <= range.last) {
			any |= model[which][i];
			all &= model[which][i];
		}
	}
	assert_int_equal(iova_set_intersects(set, at_base(range)), any);
	assert_int_equal(iova_set_contains(set, at_base(range)), all);
}

/* The inverse of set @from, without what is outside of the addresses of the model. */
static void invert(unsigned int from, unsigned int to)
{
	struct iova_set frame;
	bool wanted[SIZE];

	iova_set_init(&frame);
	assert_int_equal(iova_set_invert(&sets[from], &sets[to]), 0);
	check_form(&sets[to]);
	assert_int_equal(iova_set_add(&frame, at_base((struct iova_range){0, SIZE - 1})), 0);
	assert_int_equal(iova_set_intersect(&frame, &sets[to], &sets[to]), 0);
	iova_set_destroy(&frame);
	for (unsigned int i = 0; i < SIZE; i++)
		wanted[i] = !model[from][i];
	memcpy(model[to], wanted, sizeof(wanted));
}

static void combine(unsigned int a, unsigned int b, unsigned int to, bool merge)
{
	bool wanted[SIZE], meet = false;

	for (unsigned int i = 0; i < SIZE; i++)
		meet = meet || (model[a][i] && model[b][i]);
	assert_int_equal(iova_set_meets(&sets[a], &sets[b]), meet);
	if (merge)
		assert_int_equal(iova_set_merge(&sets[a], &sets[b], &sets[to]), 0);
	else
		assert_int_equal(iova_set_intersect(&sets[a], &sets[b], &sets[to]), 0);
	for (unsigned int i = 0; i < SIZE; i++)
		wanted[i] = merge ? model[a][i] || model[b][i] : model[a][i] && model[b][i];
	memcpy(model[to], wanted, sizeof(wanted));
}

static void change(unsigned int to)
{
	unsigned int a = (unsigned int)random_below(SETS), b = (unsigned int)random_below(SETS);
	struct iova_range range = random_range();
	uint64_t what = random_below(32);

	if (what < 26) {
		bool adding = what % 2;

		assert_int_equal(adding ? iova_set_add(&sets[to], at_base(range))
					: iova_set_remove(&sets[to], at_base(range)),
				 0);
		memset(&model[to][range.start], adding, iova_range_len(range));
	} else if (what < 28) {
		invert(a, to);
	} else if (what < 30) {
		combine(a, b, to, what % 2);
	} else if (what < 31) {
		assert_int_equal(iova_set_copy(&sets[a], &sets[to]), 0);
		memmove(model[to], model[a], sizeof(model[a]));
	} else {
		bool other[SIZE];

		iova_set_swap(&sets[a], &sets[to]);
		memcpy(other, model[to], sizeof(other));
		memmove(model[to], model[a], sizeof(other));
		memcpy(model[a], other, sizeof(other));
	}
}

static void sets_behave_as_bitmaps(void **state)
{
	const uint64_t bases[] = {0, UINT64_MAX - SIZE + 1, (UINT64_C(1) << 63) - SIZE / 2};

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		base = bases[i];
		memset(model, 0, sizeof(model));
		for (unsigned int s = 0; s < SETS; s++)
			iova_set_init(&sets[s]);
		for (unsigned int step = 0; step < 60000; step++) {
			unsigned int to = (unsigned int)random_below(SETS);

			change(to);
			check(to);
		}
		for (unsigned int s = 0; s < SETS; s++) {
			check(s);
			iova_set_destroy(&sets[s]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sets_behave_as_bitmaps)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
