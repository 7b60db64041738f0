/* SPDX-License-Identifier: MIT */
/*
 * Page tables of every format, width and mask of page sizes against a naive model, a plain array of
 * leaves, under random maps, unmaps and dirty marks; and both against the independent decoder.
 */
#include <inttypes.h>

#include "../unit/iopt_decoder.h"
#include "iopt/iopt.h"
#include "kit.h"

enum {
	MODEL_LEAVES = 4096,
	OPERATIONS = 1500,
};

struct leaf {
	uint64_t iova, oa, size;
	unsigned int prot;
	bool dirty;
};

struct model {
	const struct iopt_format *format;
	struct iopt_config config;
	struct iopt *pt;
	size_t count;
	struct leaf leaves[MODEL_LEAVES]; /* ascending */
};

static bool is(const struct model *model, const char *name)
{
	return strcmp(model->format->name, name) == 0;
}

static uint64_t smallest(const struct model *model)
{
	uint64_t sizes = iopt_pgsizes(model->pt);

	return sizes & -sizes;
}

/* An address near one of a few places of interest: around 0 and around multiples of each size. */
static uint64_t random_address(const struct model *model, uint64_t last)
{
	unsigned int shift = 11 + (unsigned int)random_below(53);
	uint64_t place = random_below(4) << shift;
	uint64_t offset = random_below(1ULL << (11 + random_below(13)));
	uint64_t address = (random_below(2) ? place + offset : place - offset) & last;

	return address & ~(smallest(model) - 1);
}

/* The leaf that the rules give at this step of a map. */
static uint64_t rule_size(uint64_t sizes, uint64_t iova, uint64_t oa, uint64_t len)
{
	for (unsigned int bits = 63;; bits--) {
		uint64_t size = 1ULL << bits;

		if (sizes & size && iova % size == 0 && oa % size == 0 && size <= len)
			return size;
	}
}

static size_t model_find(const struct model *model, uint64_t iova)
{
	size_t i = 0;

	while (i < model->count && model->leaves[i].iova + (model->leaves[i].size - 1) < iova)
		i++;
	return i;
}

/* The leaves of a map into @out; their number, or 0 if there would be too many. */
static size_t split(const struct model *model, uint64_t sizes, struct leaf map, uint64_t len,
		    struct leaf *out)
{
	size_t count = 0;

	while (len) {
		if (count + model->count == MODEL_LEAVES || count == 1200)
			return 0;
		map.size = rule_size(sizes, map.iova, map.oa, len);
		map.dirty = is(model, "arm-s1") && model->config.features & IOPT_DIRTY &&
			    map.prot & IOPT_WRITE;
		out[count++] = map;
		map.iova += map.size;
		map.oa += map.size;
		len -= map.size;
	}
	return count;
}

static unsigned int random_prot(const struct model *model)
{
	static const unsigned int prots[] = {IOPT_READ, IOPT_READ | IOPT_WRITE, IOPT_WRITE,
					     IOPT_READ | IOPT_MMIO};

	if (model->config.features & IOPT_NEST_PARENT)
		return IOPT_READ | IOPT_WRITE;
	return prots[random_below(4)];
}

static void try_map(struct model *model)
{
	static struct leaf fresh[MODEL_LEAVES];
	uint64_t sizes = iopt_pgsizes(model->pt);
	uint64_t last = iopt_aperture(model->pt).last;
	uint64_t oa_last = model->config.oa_bits ? (1ULL << model->config.oa_bits) - 1
						 : (1ULL << 47) - 1;
	struct leaf map = {.prot = random_prot(model)};
	uint64_t mask = 0, len;
	size_t count, at;

	map.iova = random_address(model, last);
	map.oa = random_address(model, oa_last);
	if (random_below(2)) {
		/* Alike in the low bits, so that large leaves fit. */
		uint64_t low = (1ULL << (12 + random_below(30))) - 1;

		map.oa = ((map.oa & ~low) | (map.iova & low)) & oa_last;
	}
	len = (1 + random_below(1ULL << random_below(10))) * smallest(model);
	if (random_below(2))
		len <<= random_below(32);
	if (random_below(3) == 0)
		mask = smallest(model) | (random_u64() & sizes);
	if (len == 0 || len - 1 > last - map.iova || len - 1 > oa_last - map.oa)
		return;
	count = split(model, mask ? mask & sizes : sizes, map, len, fresh);
	if (!count)
		return;

	at = model_find(model, map.iova);
	if (at < model->count && model->leaves[at].iova <= map.iova + (len - 1)) {
		assert_int_equal(iopt_map(model->pt, map.iova, map.oa, len, map.prot, mask),
				 -EADDRINUSE);
		return;
	}
	assert_int_equal(iopt_map(model->pt, map.iova, map.oa, len, map.prot, mask), 0);
	memmove(&model->leaves[at + count], &model->leaves[at],
		(model->count - at) * sizeof(struct leaf));
	memcpy(&model->leaves[at], fresh, count * sizeof(struct leaf));
	model->count += count;
}

static void unmap_and_compare(struct model *model, uint64_t iova, uint64_t len)
{
	size_t first = model_find(model, iova), end = first;
	uint64_t last = iova + (len - 1), bytes = 0;

	for (; end < model->count && model->leaves[end].iova <= last; end++) {
		const struct leaf *leaf = &model->leaves[end];

		if (leaf->iova < iova || leaf->iova + (leaf->size - 1) > last)
			break;
		bytes += leaf->size;
	}
	assert_int_equal(iopt_unmap(model->pt, iova, len), bytes);
	memmove(&model->leaves[first], &model->leaves[end],
		(model->count - end) * sizeof(struct leaf));
	model->count -= end - first;
}

static void try_unmap(struct model *model)
{
	uint64_t last = iopt_aperture(model->pt).last;
	uint64_t iova = random_address(model, last);
	uint64_t len = (1 + random_below(1ULL << random_below(14))) * smallest(model);

	if (random_below(2))
		len <<= random_below(24);
	if (model->count && random_below(2)) {
		const struct leaf *leaf = &model->leaves[random_below(model->count)];

		iova = leaf->iova;
		len = random_below(2) ? leaf->size : len;
	}
	if (len == 0 || len - 1 > last - iova)
		len = last - iova ? last - iova : 1;
	unmap_and_compare(model, iova, len);
}

/* What set_dirty does to a leaf of this format. */
static void model_mark(const struct model *model, struct leaf *leaf)
{
	if (!(model->config.features & IOPT_DIRTY))
		return;
	if (is(model, "arm-s1") && !(leaf->prot & IOPT_WRITE))
		return;
	leaf->dirty = true;
}

static unsigned int expected_prot(const struct model *model, unsigned int prot)
{
	unsigned int rights = prot & (IOPT_READ | IOPT_WRITE);

	if (is(model, "x86-64") || is(model, "riscv") || is(model, "arm-s1"))
		rights |= IOPT_READ;
	if (is(model, "arm-s1") || is(model, "arm-s2") ||
	    (is(model, "riscv") && model->config.features & IOPT_PBMT))
		rights |= prot & IOPT_MMIO;
	return rights;
}

static void compare_decoder(const struct model *model, const struct leaf *leaf, uint64_t iova)
{
	unsigned int level, prot = expected_prot(model, leaf ? leaf->prot : 0);
	const void *root = iopt_root(model->pt, &level);
	enum decode_result result;
	struct decoded decoded;

	result = decode(model->format->name, root, level, iova, &decoded);
	if (result == DECODE_BAD)
		fail_msg("%s: %s at %#" PRIx64 ": entry %#" PRIx64, model->format->name,
			 decoded.why, iova, decoded.entry);
	assert_int_equal(result, leaf ? DECODE_LEAF : DECODE_NONE);
	if (!leaf)
		return;
	assert_int_equal(decoded.oa, leaf->oa + (iova - leaf->iova));
	assert_int_equal(decoded.size, leaf->size);
	assert_int_equal(decoded.read, !!(prot & IOPT_READ));
	assert_int_equal(decoded.write, !!(prot & IOPT_WRITE));
	assert_int_equal(decoded.device, !!(prot & IOPT_MMIO));
	assert_int_equal(decoded.dirty, leaf->dirty);
	assert_int_equal(decoded.coherent, !!(model->config.features & IOPT_FORCE_COHERENT));
}

/* A run is the leaf, and what the leaves behind it would say, too. */
static void compare_run(struct model *model, const struct iopt_leaf *first, uint64_t iova)
{
	uint64_t want = 1 + random_below(UINT64_C(1) << (12 + random_below(16)));
	struct iopt_leaf run, found;

	assert_true(iopt_translate_extent(model->pt, iova, want, &run));
	assert_int_equal(run.start, first->start);
	assert_int_equal(run.oa, first->oa);
	assert_int_equal(run.prot, first->prot);
	assert_in_range(run.len, first->len, UINT64_MAX);
	for (uint64_t at = first->start + first->len; at < run.start + run.len;
	     at = found.start + found.len) {
		/* No further than was asked for. */
		assert_true(at - iova < want);
		assert_true(iopt_translate(model->pt, at, &found));
		assert_int_equal(found.oa - run.oa, at - iova);
		assert_int_equal(found.prot, run.prot);
	}
}

static void compare_at(struct model *model, uint64_t iova)
{
	size_t at = model_find(model, iova);
	const struct leaf *leaf = NULL;
	struct iopt_trace trace;
	struct iopt_leaf found;

	if (at < model->count && model->leaves[at].iova <= iova)
		leaf = &model->leaves[at];
	assert_int_equal(iopt_trace(model->pt, iova, &trace), leaf != NULL);
	assert_in_range(trace.count, 1, IOPT_MAX_LEVELS);
	assert_int_equal(iopt_translate(model->pt, iova, &found), leaf != NULL);
	if (leaf) {
		assert_int_equal(found.start, leaf->iova);
		assert_int_equal(found.len, leaf->size);
		assert_int_equal(found.oa, leaf->oa + (iova - leaf->iova));
		assert_int_equal(found.prot, expected_prot(model, leaf->prot));
		assert_int_equal(found.dirty, leaf->dirty);
		compare_run(model, &found, iova);
	}
	compare_decoder(model, leaf, iova);
}

static void compare_somewhere(struct model *model)
{
	unsigned int level;
	uint64_t iova = random_address(model, iopt_aperture(model->pt).last);
	struct iopt_trace trace;

	iopt_root(model->pt, &level);
	if (iopt_trace(model->pt, iova, &trace) || trace.count)
		compare_at(model, iova);
	if (!model->count)
		return;

	const struct leaf leaf = model->leaves[random_below(model->count)];

	compare_at(model, leaf.iova);
	compare_at(model, leaf.iova + (leaf.size - 1));
	compare_at(model, leaf.iova + random_below(leaf.size));
}

struct reports {
	struct model *model;
	struct iova_range range;
	size_t next;
	bool clear;
};

/* The next dirty leaf of the model in the range must be this one. */
static void check_report(struct iova_range dirty, void *arg)
{
	struct reports *reports = arg;
	struct model *model = reports->model;
	struct leaf *leaf;

	while (reports->next < model->count && !model->leaves[reports->next].dirty)
		reports->next++;
	assert_in_range(reports->next, 0, model->count - 1);
	leaf = &model->leaves[reports->next++];

	uint64_t last = leaf->iova + (leaf->size - 1);

	assert_int_equal(dirty.start,
			 leaf->iova < reports->range.start ? reports->range.start : leaf->iova);
	assert_int_equal(dirty.last, last > reports->range.last ? reports->range.last : last);
	if (reports->clear)
		leaf->dirty = false;
}

static void try_dirty(struct model *model)
{
	struct iova_range range = iopt_aperture(model->pt);
	struct reports reports = {.model = model, .clear = random_below(2)};

	for (int i = 0; i < 20 && model->count; i++) {
		struct leaf *leaf = &model->leaves[random_below(model->count)];

		assert_true(iopt_set_dirty(model->pt, leaf->iova + random_below(leaf->size)));
		model_mark(model, leaf);
	}
	if (random_below(2)) {
		uint64_t a = random_address(model, range.last);
		uint64_t b = random_address(model, range.last);

		range = (struct iova_range){.start = a < b ? a : b, .last = a < b ? b : a};
	}
	reports.range = range;
	reports.next = model_find(model, range.start);
	iopt_read_dirty(model->pt, range, reports.clear, check_report, &reports);
	while (reports.next < model->count && model->leaves[reports.next].iova <= range.last)
		assert_false(model->leaves[reports.next++].dirty);
}

static void run_one(const struct iopt_format *format, const struct iopt_config *config)
{
	static struct model model;
	size_t memory;

	model = (struct model){.format = format, .config = *config};
	assert_int_equal(iopt_create(format, config, &model.pt), 0);
	memory = iopt_memory(model.pt);
	for (int i = 0; i < OPERATIONS; i++) {
		switch (random_below(8)) {
		case 0:
		case 1:
		case 2:
			try_map(&model);
			break;
		case 3:
		case 4:
			try_unmap(&model);
			break;
		case 5:
			if (model.config.features & IOPT_DIRTY)
				try_dirty(&model);
			break;
		default:
			compare_somewhere(&model);
			iopt_check(model.pt);
		}
	}
	for (size_t i = 0; i < model.count; i++)
		compare_at(&model, model.leaves[i].iova + model.leaves[i].size / 2);
	unmap_and_compare(&model, 0, iopt_aperture(model.pt).last);
	if (!model.count)
		assert_int_equal(iopt_memory(model.pt), memory);
	iopt_check(model.pt);
	iopt_destroy(model.pt);
}

static void tables_agree_with_the_model_and_the_decoder(void **state)
{
	const struct {
		const struct iopt_format *format;
		struct iopt_config config;
	} cases[] = {
		{&iopt_amdv1, {0}},
		{&iopt_amdv1, {.features = IOPT_DIRTY | IOPT_FORCE_COHERENT}},
		{&iopt_amdv1, {.iova_bits = 40, .pgsizes = 0x40201000}},
		{&iopt_amdv1, {.pgsizes = 0x2000, .features = IOPT_DIRTY}},
		{&iopt_amdv1_mock, {.features = IOPT_DIRTY}},
		{&iopt_amdv1_mock, {.pgsizes = 0x101000, .features = IOPT_DIRTY}},
		{&iopt_vtdss, {.features = IOPT_DIRTY}},
		{&iopt_vtdss, {.iova_bits = 39, .features = IOPT_FORCE_COHERENT}},
		{&iopt_vtdss, {.iova_bits = 57, .pgsizes = 0x201000}},
		{&iopt_vtdss, {.features = IOPT_NEST_PARENT | IOPT_DIRTY}},
		{&iopt_x86_64, {.features = IOPT_SIGN_EXTEND}},
		{&iopt_x86_64, {.iova_bits = 57}},
		{&iopt_x86_64, {.iova_bits = 47, .pgsizes = 0x1000}},
		{&iopt_riscv, {.iova_bits = 39, .features = IOPT_NAPOT}},
		{&iopt_riscv, {.iova_bits = 48, .features = IOPT_NAPOT | IOPT_PBMT}},
		{&iopt_riscv, {.iova_bits = 57}},
		{&iopt_arm_s1, {0}},
		{&iopt_arm_s1, {.features = IOPT_DIRTY}},
		{&iopt_arm_s1, {.iova_bits = 32, .features = IOPT_DIRTY}},
		{&iopt_arm_s1, {.iova_bits = 30}},
		{&iopt_arm_s2, {0}},
		{&iopt_arm_s2, {.iova_bits = 42, .oa_bits = 42}},
		{&iopt_arm_s2, {.iova_bits = 40, .oa_bits = 40}},
		{&iopt_arm_s2, {.iova_bits = 36, .oa_bits = 48}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		run_one(cases[i].format, &cases[i].config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_agree_with_the_model_and_the_decoder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
