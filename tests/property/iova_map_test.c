/* SPDX-License-Identifier: MIT */
/*
 * The map against a sorted array, under random operations: dense and sparse, in both directions, in
 * the middle and at both ends of the 64-bit space. The tree's invariants are checked after each
 * change of a small map, and now and then of a large one.
 */

#include "iova/map_internal.h"
#include "kit.h"

#define ENTRIES_MAX 200000u

static struct iova_map_entry model[ENTRIES_MAX];
static size_t model_count;
static struct iova_map map;

/* The first entry of the model that ends at or after @iova. */
static size_t model_lower(uint64_t iova)
{
	size_t low = 0, high = model_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (model[middle].range.last < iova)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* A region of the space, and the sizes of entries and holes in it. */
struct scene {
	uint64_t base, size;
	uint64_t unit;	  /* what starts and lengths are multiples of */
	uint64_t len_max; /* units */
	enum {
		ORDER_RANDOM,
		ORDER_UP,
		ORDER_DOWN,
		ORDER_TOUCHING
	} order;
	size_t count_max;
	unsigned int check_every;
};

/* A start within the scene, in its order; any address when that has none. */
static uint64_t pick_start(const struct scene *scene, uint64_t len)
{
	uint64_t gap = random_below(3) ? 0 : scene->unit * random_below(4);
	struct iova_map_entry near;

	if (model_count && scene->order == ORDER_UP)
		return model[model_count - 1].range.last + 1 + gap;
	if (model_count && scene->order == ORDER_DOWN)
		return model[0].range.start - len - gap;
	if (model_count && scene->order == ORDER_TOUCHING && random_below(8)) {
		near = model[random_below(model_count)];
		return random_below(2) ? near.range.last + 1 + gap : near.range.start - len - gap;
	}
	return scene->base + random_below(scene->size / scene->unit) * scene->unit;
}

static void insert_range(struct iova_range range)
{
	static char values[16];
	const struct iova_map_entry entry = {range, &values[random_below(16)]};
	const size_t at = model_lower(range.start);
	const int rc = iova_map_insert(&map, range, entry.value);

	if (at < model_count && model[at].range.start <= range.last) {
		assert_int_equal(rc, -EEXIST);
		return;
	}
	assert_int_equal(rc, 0);
	memmove(&model[at + 1], &model[at], (model_count - at) * sizeof(model[0]));
	model[at] = entry;
	model_count++;
}

static void insert(const struct scene *scene)
{
	const uint64_t len = scene->unit * (1 + random_below(scene->len_max));
	const uint64_t start = pick_start(scene, len), last = start + len - 1;

	if (last >= start && start >= scene->base && last - scene->base < scene->size)
		insert_range((struct iova_range){start, last});
}

static void erase_entry(size_t at)
{
	assert_ptr_equal(iova_map_erase(&map, model[at].range.start), model[at].value);
	model_count--;
	memmove(&model[at], &model[at + 1], (model_count - at) * sizeof(model[0]));
}

static void erase(const struct scene *scene)
{
	size_t at = random_below(model_count);

	/* Sometimes from an end, and sometimes what is not there. */
	if (scene->order == ORDER_UP && random_below(2))
		at = 0;
	if (scene->order == ORDER_DOWN && random_below(2))
		at = model_count - 1;
	if (model[at].range.last > model[at].range.start)
		assert_null(iova_map_erase(&map, model[at].range.last));
	erase_entry(at);
}

/* Cuts an entry somewhere, if it is long enough. */
static void split(void)
{
	static char values[16];
	size_t at = random_below(model_count);
	struct iova_map_entry *left = &model[at];
	struct iova_map_entry right = {left->range, &values[random_below(16)]};
	uint64_t len = iova_range_len(left->range);

	if (len == 1 || model_count == ENTRIES_MAX)
		return;
	right.range.start = left->range.start + 1 + random_below(len - 1);
	assert_int_equal(iova_map_prepare_split(&map, left->range.start), 0);
	left->value = &values[random_below(16)];
	iova_map_split(&map, left->range.start, right.range.start - 1, left->value, right.value);
	left->range.last = right.range.start - 1;
	memmove(&model[at + 2], &model[at + 1], (model_count - at - 1) * sizeof(model[0]));
	model[at + 1] = right;
	model_count++;
}

/* An address where something may happen: in the scene, or right beside an entry. */
static uint64_t pick_address(const struct scene *scene)
{
	if (model_count && random_below(2)) {
		struct iova_range range = model[random_below(model_count)].range;

		return (random_below(2) ? range.start : range.last) + random_below(3) - 1;
	}
	return scene->base + random_below(scene->size);
}

static int compare_visit(const struct iova_map_entry *entry, void *arg)
{
	size_t *at = arg;

	assert_true(*at < model_count);
	assert_memory_equal(entry, &model[*at], sizeof(*entry));
	(*at)++;
	return 0;
}

static void look_up(const struct scene *scene)
{
	uint64_t iova = pick_address(scene);
	struct iova_range range = {iova, pick_address(scene)};
	size_t at = model_lower(iova), end;
	struct iova_map_entry entry;
	bool inside = at < model_count && model[at].range.start <= iova;

	assert_int_equal(iova_map_lower(&map, iova, &entry), at < model_count);
	if (at < model_count)
		assert_memory_equal(&entry, &model[at], sizeof(entry));
	assert_ptr_equal(iova_map_find(&map, iova), inside ? model[at].value : NULL);

	if (range.last < range.start)
		return;
	for (end = at; end < model_count && model[end].range.start <= range.last; end++)
		;
	assert_int_equal(iova_map_intersects(&map, range), end > at);
	assert_int_equal(iova_map_for_each(&map, range, compare_visit, &at), 0);
	assert_int_equal(at, end);
}

/* Whether [@start, @last] has a place: in 128 bits, where nothing wraps. */
static bool naive_fit(const struct iova_fit *fit, uint64_t start, uint64_t last, uint64_t *iova)
{
	unsigned __int128 c = start;

	while (c % fit->align)
		c = (c / fit->align + 1) * fit->align;
	if (c > UINT64_MAX)
		return false;
	c |= fit->offset;
	if (c >= last || c + fit->len - 1 > last)
		return false;
	*iova = (uint64_t)c;
	return true;
}

static int naive_find_hole(struct iova_range window, const struct iova_fit *fit, uint64_t *iova)
{
	uint64_t start = window.start;

	for (size_t at = model_lower(start);; at++) {
		bool bounded = at < model_count && model[at].range.start <= window.last;
		bool is_hole = !bounded || model[at].range.start > start;

		if (is_hole &&
		    naive_fit(fit, start, bounded ? model[at].range.start - 1 : window.last, iova))
			return 0;
		if (!bounded || model[at].range.last >= window.last)
			return -ENOSPC;
		start = model[at].range.last + 1;
	}
}

static void find_hole(const struct scene *scene)
{
	struct iova_range window = {0, UINT64_MAX};
	struct iova_fit fit = {.align = UINT64_C(1) << random_below(22)};
	uint64_t expected = 0, found = 0;
	int rc;

	fit.len = scene->unit * (1 + random_below(2 * scene->len_max));
	if (!random_below(4))
		fit.len += random_below(3) - 1;
	if (!random_below(16) || !fit.len)
		fit.len = 1 + random_u64() / (UINT64_C(1) << random_below(64));
	if (!random_below(3))
		fit.offset = random_below(4096);
	if (random_below(8)) {
		window.start = pick_address(scene);
		if (random_below(2))
			window.last = pick_address(scene);
		if (window.last < window.start)
			window.last = UINT64_MAX;
	}
	rc = iova_map_find_hole(&map, window, &fit, &found);
	assert_int_equal(rc, naive_find_hole(window, &fit, &expected));
	if (!rc)
		assert_int_equal(found, expected);
}

static void check(void)
{
	const char *broken = iova_map_check(&map);

	if (broken)
		fail_msg("invariant: %s", broken);
	assert_int_equal(map.count, model_count);
}

static void play(const struct scene *scene, unsigned int operations)
{
	unsigned int fill = 3;

	iova_map_init(&map);
	model_count = 0;
	for (unsigned int i = 0; i < operations; i++) {
		if (i % (operations / 8) == 0)
			fill = 1 + (unsigned int)random_below(3);
		if (!model_count || (random_below(4) < fill && model_count < scene->count_max))
			insert(scene);
		else
			erase(scene);
		if (model_count && random_below(4) == 0)
			split();
		if (i % scene->check_every == 0) {
			check();
			look_up(scene);
			find_hole(scene);
			find_hole(scene);
		}
	}
	while (model_count)
		erase(scene);
	check();
	assert_int_equal(iova_map_memory(&map), 0);
	iova_map_destroy(&map);
}

static const uint64_t units[] = {1, 0x800, 0x1000, 0x3000, 0x10000, 0x200000};

static void a_small_map_behaves_as_a_sorted_array(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 144; i++) {
		uint64_t unit = units[i % 6];
		struct scene scene = {
			.unit = unit,
			.size = unit * 3000,
			.len_max = i / 6 % 2 ? 1 : 6,
			.order = i / 12 % 4,
			.count_max = 2000,
			.check_every = 1,
		};

		if (i / 48 == 1)
			scene.base = 0 - scene.size;
		else if (i / 48 == 2)
			scene.base = (UINT64_C(1) << 63) - scene.size / 2 + random_below(5000);
		play(&scene, 800);
	}
}

static void a_map_behaves_as_a_sorted_array(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 24; i++) {
		uint64_t unit = units[i % 6];
		struct scene scene = {
			.unit = unit,
			.size = unit * 20000,
			.base = i % 2 ? 0 : 0 - unit * 20000,
			.len_max = i / 6 % 2 ? 1 : 3,
			.order = i / 6,
			.count_max = 10000,
			.check_every = 50,
		};

		play(&scene, 30000);
	}
}

static void a_large_map_keeps_its_invariants(void **state)
{
	const struct scene scene = {
		.unit = 4096,
		.size = UINT64_C(4096) * 400000,
		.len_max = 2,
		.order = ORDER_TOUCHING,
		.count_max = ENTRIES_MAX,
		.check_every = 8000,
	};

	(void)state;
	iova_map_init(&map);
	model_count = 0;
	/* In ascending order the array takes them at its end. */
	for (uint64_t page = 0; page < 400000; page += 2 + random_below(2)) {
		struct iova_map_entry entry = {{page * 4096, page * 4096 + 4095}, &map};

		assert_int_equal(iova_map_insert(&map, entry.range, entry.value), 0);
		model[model_count++] = entry;
	}
	check();
	for (unsigned int i = 0; i < 15000; i++) {
		if (random_below(5) == 0)
			insert(&scene);
		else
			erase(&scene);
		if (i % scene.check_every == 0)
			check();
		if (i % 500 == 0)
			find_hole(&scene);
	}
	check();
	iova_map_destroy(&map);
}

/* Erases up to @most entries from the one at @iova on. */
static void make_hole(uint64_t iova, uint64_t most)
{
	const size_t at = model_lower(iova);

	for (uint64_t i = 1 + random_below(most); i && at + 1 < model_count; i--)
		erase_entry(at);
	check();
}

/* Fills the hole at @iova with entries of @unit, from one end, and mostly to the other. */
static void fill_hole(uint64_t iova, uint64_t unit)
{
	const bool down = random_below(3) == 0;
	size_t at = model_lower(iova);
	uint64_t begin = model[at - 1].range.last + 1, end = model[at].range.start;

	while (end - begin >= unit && random_below(40)) {
		const uint64_t start = down ? end - unit : begin;

		insert_range((struct iova_range){start, start + unit - 1});
		begin += down ? 0 : unit;
		end -= down ? unit : 0;
		check();
	}
}

/*
 * As allocators do it: so that most changes are near the latest one, and what the map remembers of
 * that is used. Holes of several sizes are near each other, and some split their leaves while they
 * are being filled.
 */
static void holes_are_filled_in_order(void **state)
{
	enum {
		UNIT = 4096,
		COUNT = 3000, /* three levels */
		NEAR = 40,
	};

	(void)state;
	iova_map_init(&map);
	model_count = 0;
	for (uint64_t i = 0; i < COUNT; i++)
		insert_range((struct iova_range){i * 2 * UNIT, i * 2 * UNIT + UNIT - 1});
	for (unsigned int i = 0; i < 100; i++) {
		const uint64_t first = (1 + random_below(COUNT - NEAR)) * 2 * UNIT;
		uint64_t holes[3];

		for (unsigned int j = 0; j < 3; j++) {
			holes[j] = first + random_below(NEAR) * 2 * UNIT;
			make_hole(holes[j], 12);
		}
		for (unsigned int j = 0; j < 3; j++)
			fill_hole(holes[random_below(3)], UNIT / (1 + random_below(2)));
	}
	iova_map_destroy(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_small_map_behaves_as_a_sorted_array),
		cmocka_unit_test(a_map_behaves_as_a_sorted_array),
		cmocka_unit_test(a_large_map_keeps_its_invariants),
		cmocka_unit_test(holes_are_filled_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
