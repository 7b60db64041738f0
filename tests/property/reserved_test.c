/* SPDX-License-Identifier: MIT */
/*
 * What owners have reserved, against a plain list: owners come and go at random, with ranges that
 * they share, that overlap and that touch; and allocations fail at random, which changes nothing.
 */
#include "iommufd/ioas/reserved.h"
#include "kit.h"

enum {
	OWNERS = 24,
	MOST_RANGES = 3, /* that an owner adds at once */
	ROUNDS = 4000,
	STARTS = 12,
	FAIL_OF = 4, /* one call of so many runs out of memory, perhaps */
};

/* A plain list: the owner's number and a range, in the order of arrival. */
struct model {
	size_t count;
	struct {
		unsigned int owner;
		struct iova_range range;
	} entries[OWNERS * 64];
};

static struct iommufd_object objects[OWNERS];

static struct iova_range random_range(void)
{
	const uint64_t start = random_below(STARTS) * 0x1000;
	const uint64_t len = (1 + random_below(4)) * 0x1000;

	return random_below(16) ? (struct iova_range){start, start + len - 1}
				: (struct iova_range){0x80000000 + start, UINT64_MAX};
}

static unsigned int owned_by(const struct model *model, unsigned int owner)
{
	unsigned int count = 0;

	for (size_t i = 0; i < model->count; i++)
		count += model->entries[i].owner == owner;
	return count;
}

static void add(struct reserved *reserved, struct model *model, unsigned int owner)
{
	struct iova_range ranges[MOST_RANGES];
	const size_t count = random_below(MOST_RANGES + 1);
	int rc;

	for (size_t i = 0; i < count; i++)
		ranges[i] = random_range();
	if (random_below(FAIL_OF) == 0)
		failure_arm(1 + random_below(4));
	rc = reserved_add(reserved, ranges, count, &objects[owner]);
	(void)failure_disarm();
	if (rc) {
		assert_int_equal(rc, -ENOMEM);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		model->entries[model->count].owner = owner;
		model->entries[model->count++].range = ranges[i];
	}
}

static void take_away(struct reserved *reserved, struct model *model, unsigned int owner)
{
	size_t kept = 0;

	failure_arm(1); /* needs no memory */
	reserved_remove(reserved, &objects[owner]);
	(void)failure_disarm();
	for (size_t i = 0; i < model->count; i++) {
		if (model->entries[i].owner != owner)
			model->entries[kept++] = model->entries[i];
	}
	model->count = kept;
}

struct cursor {
	const struct model *model;
	unsigned int owner;
	size_t at, seen;
};

/* The ranges of an owner come in the order in which it added them. */
static int compare_one(struct iova_range range, const struct iommufd_object *object, void *arg)
{
	const unsigned int owner = (unsigned int)(object - objects);
	struct cursor *cursor = arg;

	if (owner != cursor->owner)
		*cursor = (struct cursor){
			.model = cursor->model, .owner = owner, .seen = cursor->seen};
	while (cursor->model->entries[cursor->at].owner != owner)
		assert_true(++cursor->at < cursor->model->count);
	assert_int_equal(range.start, cursor->model->entries[cursor->at].range.start);
	assert_int_equal(range.last, cursor->model->entries[cursor->at].range.last);
	cursor->at++;
	cursor->seen++;
	return 0;
}

static void compare(const struct reserved *reserved, const struct model *model)
{
	struct cursor cursor = {.model = model, .owner = OWNERS};
	struct iova_set all;

	assert_null(reserved_check(reserved));
	assert_int_equal(reserved_for_each(reserved, compare_one, &cursor), 0);
	assert_int_equal(cursor.seen, model->count);
	iova_set_init(&all);
	for (size_t i = 0; i < model->count; i++)
		assert_int_equal(iova_set_add(&all, model->entries[i].range), 0);
	assert_int_equal(reserved->all->count, all.count);
	for (size_t i = 0; i < all.count; i++) {
		assert_int_equal(reserved->all->ranges[i].start, all.ranges[i].start);
		assert_int_equal(reserved->all->ranges[i].last, all.ranges[i].last);
	}
	iova_set_destroy(&all);
}

static void owners_come_and_go(void **state)
{
	static struct model model;
	struct reserved reserved;
	struct iova_set all;

	(void)state;
	iova_set_init(&all);
	reserved_init(&reserved, &all);
	for (int round = 0; round < ROUNDS; round++) {
		const unsigned int owner = (unsigned int)random_below(OWNERS);

		if (owned_by(&model, owner) > 8 || random_below(3) == 0)
			take_away(&reserved, &model, owner);
		else
			add(&reserved, &model, owner);
		compare(&reserved, &model);
	}
	for (unsigned int owner = 0; owner < OWNERS; owner++)
		take_away(&reserved, &model, owner);
	assert_int_equal(all.count, 0);
	reserved_destroy(&reserved);
	iova_set_destroy(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
