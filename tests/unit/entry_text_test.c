/* SPDX-License-Identifier: MIT */
/* What is told of an entry's bits, against words put together by hand from the bit tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iopt/entry_text.h"

enum {
	RW = IOPT_READ | IOPT_WRITE
};

static void each_formats_fields_have_their_names(void **state)
{
	static const struct {
		const struct iopt_format *format;
		bool lowest;
		uint64_t entry;
		enum entry_kind kind;
		uint64_t table;
		const char *bits;
	} cases[] = {
		{&iopt_amdv1, false, 0x6000000012345401, ENTRY_TABLE, 0x12345000,
		 "PR NextLevel=2 IR IW"},
		{&iopt_amdv1, true, 0x3000000012345041, ENTRY_PAGE, 0, "PR D FC IR"},
		{&iopt_amdv1, true, 0x6000000012345e01, ENTRY_PAGE, 0, "PR NextLevel=7 IR IW"},
		{&iopt_amdv1, false, 0x6000000012345400, ENTRY_EMPTY, 0,
		 "others 0x6000000012345400"},
		{&iopt_amdv1_mock, false, 0x6000000012346201, ENTRY_TABLE, 0x91a3000,
		 "PR NextLevel=1 IR IW"},
		{&iopt_vtdss, false, 0x12345003, ENTRY_TABLE, 0x12345000, "R W"},
		{&iopt_vtdss, false, 0x12200b83, ENTRY_PAGE, 0, "R W PS A D SNP"},
		{&iopt_vtdss, true, 0x0010000012345001, ENTRY_PAGE, 0, "R others 0x10000000000000"},
		{&iopt_x86_64, false, 0x12345027, ENTRY_TABLE, 0x12345000, "P R/W U/S A"},
		{&iopt_x86_64, true, 0x8000000012345065, ENTRY_PAGE, 0, "P U/S A D XD"},
		{&iopt_x86_64, false, 0x12345026, ENTRY_EMPTY, 0, "others 0x12345026"},
		{&iopt_riscv, false, 0x48d1401, ENTRY_TABLE, 0x12345000, "V"},
		{&iopt_riscv, true, 0xc0000000048d20d7, ENTRY_PAGE, 0, "V R W U A D PBMT=2 N"},
		{&iopt_arm_s1, false, 0x4000000012345003, ENTRY_TABLE, 0x12345000, "APTable=2"},
		{&iopt_arm_s1, true, 0x0008000012345f47, ENTRY_PAGE, 0,
		 "AttrIndx=1 AP[1] SH=3 AF nG DBM"},
		{&iopt_arm_s1, false, 0x12200fc5, ENTRY_PAGE, 0,
		 "AttrIndx=1 AP[1] AP[2] SH=3 AF nG"},
		{&iopt_arm_s1, true, 0x12345f45, ENTRY_EMPTY, 0, "others 0x12345f45"},
		{&iopt_arm_s2, true, 0x0040000012345747, ENTRY_PAGE, 0,
		 "MemAttr=1 S2AP[0] SH=3 AF XN=2"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct entry_text text;

		iopt_entry_text(cases[i].format, cases[i].lowest, cases[i].entry, &text);
		assert_string_equal(text.bits, cases[i].bits);
		assert_int_equal(text.kind, cases[i].kind);
		assert_int_equal(text.table, cases[i].table);
	}
}

/* The entries on the way to @iova: tables, each of which leads to the next, and a page. */
static void check_walk(const struct iopt *pt, uint64_t iova)
{
	const struct iopt_format *format = iopt_format(pt);
	struct iopt_trace trace;
	struct entry_text text;

	assert_true(iopt_trace(pt, iova, &trace));
	for (unsigned int i = 0; i < trace.count; i++) {
		iopt_entry_text(format, !trace.steps[i].level, trace.steps[i].entry, &text);
		assert_null(strstr(text.bits, "others"));
		if (i + 1 < trace.count)
			assert_int_equal(text.table, (uintptr_t)trace.steps[i + 1].table);
		else
			assert_int_equal(text.kind, ENTRY_PAGE);
	}
}

static void every_bit_of_our_own_tables_has_a_name(void **state)
{
	const uint64_t large = UINT64_C(2) << 20;

	(void)state;
	for (size_t i = 0; iopt_formats[i]; i++) {
		const struct iopt_config dirty = {.features = IOPT_DIRTY};
		struct iopt *pt;

		/* Not every format has dirty tracking. */
		if (iopt_create(iopt_formats[i], &dirty, &pt))
			assert_int_equal(iopt_create(iopt_formats[i], NULL, &pt), 0);
		assert_int_equal(iopt_map(pt, 0x1000, 0x7000, 0x1000, RW, 0), 0);
		assert_int_equal(iopt_map(pt, large, 2 * large, large, IOPT_READ, 0), 0);
		(void)iopt_set_dirty(pt, 0x1000);
		check_walk(pt, 0x1000);
		check_walk(pt, large);
		iopt_destroy(pt);
	}
}

/* 0xff... has every field of a kind: the text still fits. */
static void text_of_any_word_fits(void **state)
{
	struct entry_text text;

	(void)state;
	for (size_t i = 0; iopt_formats[i]; i++)
		for (uint64_t spare = 1; spare; spare <<= 1)
			for (int lowest = 0; lowest < 2; lowest++)
				iopt_entry_text(iopt_formats[i], lowest, ~spare, &text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_formats_fields_have_their_names),
		cmocka_unit_test(every_bit_of_our_own_tables_has_a_name),
		cmocka_unit_test(text_of_any_word_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
