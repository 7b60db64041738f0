/* SPDX-License-Identifier: MIT */
/* The codes of leaves say of every entry what a walk says of it, or nothing. */
#include "iopt/leaf_code.h"
#include "kit.h"

#define IOVA UINT64_C(0x4040403000)
#define OA   UINT64_C(0x7080000000)

static const uint64_t sizes[] = {1 << 12, 1 << 21, 1 << 30};

static struct iopt *create(const struct iopt_format *format, unsigned int features)
{
	struct iopt *pt;

	return iopt_create(format, &(struct iopt_config){.features = features}, &pt) ? NULL : pt;
}

/* What the codes say of the leaf that translates @iova. */
static void compare(const struct iopt *pt, uint64_t iova)
{
	const enum iopt_codes codes = iopt_format(pt)->codes;
	struct iopt_leaf walked, decoded;
	const struct leaf_code *code;
	unsigned int level;
	const uint64_t *table;
	uint64_t entry, word;

	assert_true(iopt_translate(pt, iova, &walked));
	table = iopt_leaf_table(pt, iova, &level);
	assert_non_null(table);
	assert_true(level < LEAF_CODE_LEVELS);
	word = leaf_code_word(table, codes, level);
	code = leaf_code_of(word);
	assert_ptr_equal(code, &leaf_codes[codes + level]);
	entry = leaf_code_load(word, code->size_shift, iova);

	assert_true(leaf_code_decode(code, entry, iova, &decoded));
	assert_int_equal(decoded.oa, walked.oa);
	assert_int_equal(decoded.start, walked.start);
	assert_int_equal(decoded.len, walked.len);
	assert_int_equal(decoded.prot, walked.prot);
	for (unsigned int need = 0; need < LEAF_CODE_RIGHTS; need++) {
		if (!leaf_code_matches(code, entry, need))
			continue;
		assert_int_not_equal(need, 0);
		assert_int_equal(walked.prot & need, need);
		assert_int_equal(walked.len, code->inside + 1);
		assert_int_equal(walked.oa, leaf_code_oa(code, entry) | (iova & code->inside));
	}
	if (walked.len == code->inside + 1)
		assert_true(leaf_code_matches(code, entry, IOPT_READ) ||
			    !(walked.prot & IOPT_READ));
}

static void codes_say_what_a_walk_says(void **state)
{
	static const unsigned int features[] = {0, IOPT_DIRTY, IOPT_FORCE_COHERENT, IOPT_PBMT};

	(void)state;
	for (size_t i = 0; iopt_formats[i]; i++)
		for (size_t f = 0;
		     iopt_formats[i]->codes != IOPT_CODES_NONE && f < CAA_ARRAY_SIZE(features); f++)
			for (size_t s = 0; s < CAA_ARRAY_SIZE(sizes); s++)
				for (unsigned int prot = 1; prot < 8; prot++) {
					struct iopt *pt = create(iopt_formats[i], features[f]);
					uint64_t iova = IOVA & ~(sizes[s] - 1);

					if (!pt)
						break;
					if (!iopt_map(pt, iova, OA, sizes[s], prot, sizes[s])) {
						compare(pt, iova + 0x123);
						iopt_set_dirty(pt, iova);
						compare(pt, iova + sizes[s] - 1);
					}
					iopt_destroy(pt);
				}
}

static void leaves_with_copies_are_decoded(void **state)
{
	struct iopt *pt;

	(void)state;
	pt = create(&iopt_amdv1, 0);
	assert_int_equal(iopt_map(pt, 1 << 16, OA + (1 << 16), 1 << 16, 3, 1 << 16), 0);
	assert_int_equal(iopt_map(pt, 1 << 23, OA + (1 << 23), 1 << 23, 3, 1 << 23), 0);
	compare(pt, (1 << 16) + 0x5123);
	compare(pt, (1 << 23) + 0x345123);
	iopt_destroy(pt);
	pt = create(&iopt_riscv, IOPT_NAPOT);
	assert_int_equal(iopt_map(pt, 1 << 16, OA + (1 << 16), 1 << 16, 1, 1 << 16), 0);
	compare(pt, (1 << 16) + 0x5123);
	iopt_destroy(pt);
}

static void what_is_no_leaf_matches_no_code(void **state)
{
	(void)state;
	for (size_t i = 0; iopt_formats[i]; i++) {
		const enum iopt_codes codes = iopt_formats[i]->codes;
		struct iopt *pt = create(iopt_formats[i], 0);
		struct iopt_trace trace;
		struct iopt_leaf leaf;

		assert_int_equal(iopt_map(pt, IOVA & 0xfffffff, OA, 1 << 12, 3, 1 << 12), 0);
		assert_true(iopt_trace(pt, IOVA & 0xfffffff, &trace));
		for (size_t s = 0; s + 1 < trace.count && codes != IOPT_CODES_NONE; s++) {
			const struct leaf_code *code = &leaf_codes[codes + trace.steps[s].level];

			if (trace.steps[s].level >= LEAF_CODE_LEVELS)
				continue;
			for (unsigned int need = 0; need < LEAF_CODE_RIGHTS; need++) {
				assert_false(leaf_code_matches(code, trace.steps[s].entry, need));
				assert_false(leaf_code_matches(code, 0, need));
			}
			assert_false(leaf_code_decode(code, trace.steps[s].entry, 0, &leaf));
			assert_false(leaf_code_decode(code, 0, 0, &leaf));
		}
		iopt_destroy(pt);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_say_what_a_walk_says),
		cmocka_unit_test(leaves_with_copies_are_decoded),
		cmocka_unit_test(what_is_no_leaf_matches_no_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
