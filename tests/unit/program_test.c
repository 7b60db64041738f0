/* SPDX-License-Identifier: MIT */
/* What LD_PRELOAD becomes for a program that brings a sanitizer's runtime (base/program.h). */
#include "base/program.h"

#include "kit.h"

#define OURS "/opt/lib/libuiommufd-preload.so"

static void is_value(const char *expected, const char *runtime, const char *before)
{
	char value[256];

	assert_true(program_preload(value, sizeof(value), runtime, OURS, before));
	assert_string_equal(value, expected);
}

static void our_library_comes_first(void **state)
{
	(void)state;
	is_value(OURS, "", NULL);
	is_value(OURS, "", "");
	is_value(OURS ":a.so b.so", "", "a.so b.so");
}

static void the_programs_runtime_comes_before_it(void **state)
{
	(void)state;
	is_value("libasan.so.8:" OURS, "libasan.so.8", NULL);
	is_value("libtsan.so.2:" OURS ":a.so", "libtsan.so.2", "a.so");
}

static void a_runtime_of_the_user_comes_before_it_and_is_inherited(void **state)
{
	(void)state;
	is_value("libasan.so.8:" OURS ":a.so:libasan.so.8", "", "a.so:libasan.so.8");
	is_value("/x/libclang_rt.asan-x86_64.so:" OURS ":/x/libclang_rt.asan-x86_64.so", "",
		 "/x/libclang_rt.asan-x86_64.so");
}

static void another_program_does_not_inherit_the_runtime(void **state)
{
	(void)state;
	is_value(OURS ":a.so", "", "libasan.so.8:" OURS ":a.so");
	is_value("libtsan.so.2:" OURS, "libtsan.so.2", "libasan.so.8:" OURS);
	assert_string_equal(program_preload_inherited("libasan.so.8:" OURS ":a.so", OURS),
			    OURS ":a.so");
	assert_string_equal(program_preload_inherited("a.so:" OURS, OURS), "a.so:" OURS);
}

static void what_names_our_library_keeps_its_order(void **state)
{
	(void)state;
	is_value(OURS, "", OURS);
	is_value("a.so:" OURS, "", "a.so:" OURS);
	is_value("libasan.so.8:a.so:" OURS, "libasan.so.8", "a.so:" OURS);
}

static void a_value_that_does_not_fit_is_refused(void **state)
{
	char value[sizeof(OURS) + 1];

	(void)state;
	assert_false(program_preload(value, sizeof(value), "", OURS, "a.so"));
	assert_true(program_preload(value, sizeof(value), "", OURS, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_library_comes_first),
		cmocka_unit_test(the_programs_runtime_comes_before_it),
		cmocka_unit_test(a_runtime_of_the_user_comes_before_it_and_is_inherited),
		cmocka_unit_test(another_program_does_not_inherit_the_runtime),
		cmocka_unit_test(what_names_our_library_keeps_its_order),
		cmocka_unit_test(a_value_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
