/* SPDX-License-Identifier: MIT */
/* The state as JSON, and what keeps it short: runs of mappings. */
#include <pthread.h>
#include <stdio.h>

#include "base/alloc.h"
#include "inspect/coverage.h"
#include "inspect/dump.h"
#include "inspect/show_lookup.h"
#include "inspect/show_state.h"
#include "kit.h"
#include "report/json.h"

static int set_up(void **state)
{
	*state = fixture_create("x86", 64);
	return 0;
}

static int tear_down(void **state)
{
	fixture_destroy(*state);
	return 0;
}

/* Brackets in balance outside of strings: enough to notice a missing end. */
static void assert_balanced(const char *json)
{
	int depth = 0;
	bool quoted = false;

	for (; *json; json++) {
		if (*json == '\\' && quoted)
			json++;
		else if (*json == '"')
			quoted = !quoted;
		else if (!quoted && (*json == '{' || *json == '['))
			depth++;
		else if (!quoted && (*json == '}' || *json == ']'))
			depth--;
		assert_true(depth >= 0);
	}
	assert_int_equal(depth, 0);
	assert_false(quoted);
}

static void assert_shows(const char *json, const char *part)
{
	if (!strstr(json, part))
		print_error("not there: %s\nin: %s\n", part, json);
	assert_non_null(strstr(json, part));
}

static void json_writes_what_readers_take(void **state)
{
	struct json json;
	size_t len;
	char *text;

	(void)state;
	json_init(&json);
	json_object(&json, NULL);
	json_string(&json, "name", "a\"b\\c\n");
	json_array(&json, "list");
	json_number(&json, NULL, 1);
	json_hex(&json, NULL, UINT64_MAX);
	json_end_array(&json);
	json_array(&json, "none");
	json_end_array(&json);
	json_bool(&json, "on", true);
	json_end_object(&json);
	text = json_finish(&json, &len);
	assert_string_equal(text,
			    "{\"name\":\"a\\\"b\\\\c\\u000a\",\"list\":[1,\"0xffffffffffffffff\"],"
			    "\"none\":[],\"on\":true}");
	assert_int_equal(len, strlen(text));
	alloc_free(text);
}

static void state_names_windows_mappings_devices_and_tables(void **state)
{
	const struct iommu_iova_range window = {0, 0x3fffffff};
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = ioas,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&window,
	};
	char *json;

	assert_int_equal(fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &allow), 0);
	assert_int_equal(fixture_map(f, ioas, 0x200000, 0, 8192, IOMMU_IOAS_MAP_READABLE), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(uiommufd_show(16, &json), 0);
	assert_balanced(json);
	assert_shows(json, "\"allowed\":[\n{\"start\":\"0x0\",\"last\":\"0x3fffffff\"}]");
	assert_shows(json, "{\"start\":\"0x200000\",\"last\":\"0x201fff\",\"rights\":\"r\",\"of\":"
			   "\"memory\"");
	assert_shows(json, "\"pinned\":true");
	assert_shows(json, "\"iommu\":\"iommu0\",\"kind\":\"x86\"");
	assert_shows(json, "{\"start\":\"0xfee00000\",\"last\":\"0xfeefffff\",\"by\":\"device\","
			   "\"name\":\"device\"");
	assert_shows(json, "\"permitted\":[\n{\"start\":\"0x0\",\"last\":\"0xfedfffff\"},\n"
			   "{\"start\":\"0xfef00000\",\"last\":\"0xffffffffffff\"}]");
	uiommufd_free(json);
}

/* The x86 kind permits neither the MSI range nor anything from 2^48 on. */
static void state_tells_what_keeps_a_device_out(void **state)
{
	const struct iommu_iova_range window = {0, 0x1000fffffffff};
	struct fixture *f = *state;
	uint32_t fits = fixture_ioas(f), promised = fixture_ioas(f), mapped = fixture_ioas(f);
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow),
		.ioas_id = promised,
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&window,
	};
	char *json, expected[512];

	assert_int_equal(fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &allow), 0);
	assert_int_equal(fixture_map(f, fits, 0xfedff000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, mapped, 0xfedff000, 0, 8192, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, mapped, 0xfee80000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, mapped, 0xfef01000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_map(f, mapped, UINT64_MAX - 4095, 0, 4096, FIXTURE_RW), 0);
	snprintf(expected, sizeof(expected),
		 "\"conflicts\":["
		 "\n{\"ioas\":%u,\"start\":\"0xfee00000\",\"last\":\"0xfeefffff\",\"with\":"
		 "\"window\"},"
		 "\n{\"ioas\":%u,\"start\":\"0x1000000000000\",\"last\":\"0x1000fffffffff\","
		 "\"with\":"
		 "\"window\"},"
		 "\n{\"ioas\":%u,\"start\":\"0xfee00000\",\"last\":\"0xfee80fff\",\"with\":"
		 "\"mapping\"},"
		 "\n{\"ioas\":%u,\"start\":\"0xfffffffffffff000\",\"last\":\"0xffffffffffffffff\","
		 "\"with\":\"mapping\"}]",
		 promised, promised, mapped, mapped);
	assert_int_equal(uiommufd_show(0, &json), 0);
	assert_balanced(json);
	assert_shows(json, expected);
	uiommufd_free(json);
}

static void many_mappings_are_summed_up(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f);
	char *json;

	for (unsigned int i = 0; i < 50; i++)
		assert_int_equal(fixture_map(f, ioas, 0x100000 + i * 0x1000, 0, 4096, FIXTURE_RW),
				 0);
	assert_int_equal(fixture_map(f, ioas, 0x4000000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(uiommufd_show(2, &json), 0);
	assert_balanced(json);
	assert_shows(json, "\"mappings\":51,\"bytes\":\"0x33000\",\"alignment\":4096,\"runs\":[\n"
			   "{\"start\":\"0x100000\",\"last\":\"0x131fff\",\"mappings\":50,"
			   "\"bytes\":\"0x32000\",\"rights\":[\"rw\"]},\n{\"start\":\"0x4000000\"");
	assert_shows(json, "\"0x101fff\"");
	assert_null(strstr(json, "\"0x102fff\""));
	uiommufd_free(json);
	assert_int_equal(uiommufd_show(UINT64_MAX, &json), 0);
	assert_shows(json, "\"0x102fff\"");
	uiommufd_free(json);
}

static void runs_join_across_the_smallest_holes_and_count_all(void **state)
{
	struct coverage coverage;
	uint64_t mappings = 0, bytes = 0;

	(void)state;
	assert_int_equal(coverage_create(&coverage, 8, NULL), 0);
	/*
	 * Pairs with a hole of a page between, and 1 GiB to the next pair; the last ends the space.
	 */
	for (uint64_t i = 0; i < 5; i++) {
		const uint64_t start = i << 30;

		coverage_add(&coverage, (struct iova_range){start, start + 0xfff}, IOPT_READ);
		coverage_add(&coverage, (struct iova_range){start + 0x2000, start + 0x2fff},
			     IOPT_WRITE);
	}
	coverage_add(&coverage, (struct iova_range){UINT64_MAX - 0xfff, UINT64_MAX}, IOPT_READ);
	coverage_finish(&coverage);
	assert_int_equal(coverage.count, 6);
	assert_int_equal(coverage.runs[1].range.start, 1 << 30);
	assert_int_equal(coverage.runs[1].range.last, (1 << 30) + 0x2fff);
	assert_int_equal(coverage.runs[1].mappings, 2);
	assert_int_equal(coverage.runs[1].bytes, 0x2000);
	assert_int_equal(coverage.runs[1].rights, 1 << IOPT_READ | 1 << IOPT_WRITE);
	assert_int_equal(coverage.runs[5].rights, 1 << IOPT_READ);
	assert_int_equal(coverage.runs[5].range.last, UINT64_MAX);
	for (size_t i = 0; i < coverage.count; i++) {
		mappings += coverage.runs[i].mappings;
		bytes += coverage.runs[i].bytes;
	}
	assert_int_equal(mappings, 11);
	assert_int_equal(bytes, 11 * 0x1000);
	coverage_destroy(&coverage);
}

static void runs_do_not_join_across_what_is_kept_apart(void **state)
{
	struct iova_range reserved = {0xfee00000, 0xfeefffff};
	const struct iova_set apart = {.ranges = &reserved, .count = 1, .capacity = 1};
	struct coverage coverage;

	(void)state;
	assert_int_equal(coverage_create(&coverage, 2, &apart), 0);
	coverage_add(&coverage, (struct iova_range){0, 0xfff}, IOPT_READ);
	coverage_add(&coverage, (struct iova_range){0x80000000, 0x80000fff}, IOPT_READ);
	coverage_add(&coverage, (struct iova_range){0xfedff000, 0xfedfffff}, IOPT_READ);
	coverage_add(&coverage, (struct iova_range){0xfef00000, 0xfef00fff}, IOPT_READ);
	coverage_finish(&coverage);
	assert_int_equal(coverage.count, 2);
	assert_int_equal(coverage.runs[0].range.last, 0xfedfffff);
	assert_int_equal(coverage.runs[0].mappings, 3);
	assert_int_equal(coverage.runs[1].range.start, 0xfef00000);
	coverage_destroy(&coverage);
}

static void runs_that_are_alike_become_one(void **state)
{
	struct coverage coverage;

	(void)state;
	assert_int_equal(coverage_create(&coverage, 8, NULL), 0);
	for (uint64_t i = 0; i < 1000; i++)
		coverage_add(&coverage, (struct iova_range){i * 0x2000, i * 0x2000 + 0xfff},
			     IOPT_READ);
	coverage_finish(&coverage);
	assert_int_equal(coverage.count, 1);
	assert_int_equal(coverage.runs[0].mappings, 1000);
	coverage_destroy(&coverage);
}

/* Mappings at both ends of the space: the search for runs must end. */
static void runs_that_are_too_many_join_all_the_same(void **state)
{
	struct iova_range reserved = {0xfee00000, 0xfeefffff};
	const struct iova_set apart = {.ranges = &reserved, .count = 1, .capacity = 1};
	struct coverage coverage;

	(void)state;
	assert_int_equal(coverage_create(&coverage, 1, &apart), 0);
	coverage_add(&coverage, (struct iova_range){0, 0}, IOPT_READ);
	coverage_add(&coverage, (struct iova_range){UINT64_MAX, UINT64_MAX}, IOPT_READ);
	coverage_finish(&coverage);
	assert_int_equal(coverage.count, 1);
	assert_int_equal(coverage.runs[0].bytes, 2);
	coverage_destroy(&coverage);
}

static void lookup_tells_every_level(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	size_t len;
	char *json;

	assert_int_equal(fixture_map(f, ioas, 0x201000, 0, 4096, FIXTURE_RW), 0);
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	assert_int_equal(show_lookup(0, ioas, 0x201010, &json, &len), 0);
	assert_balanced(json);
	assert_shows(json, "\"type\":\"IOAS\",\"mapping\":");
	assert_shows(json, "\"level\":3");
	assert_shows(json, "\"level\":0");
	assert_shows(json, "\"leaf\":{\"start\":\"0x201000\",\"last\":\"0x201fff\"");
	alloc_free(json);
	/* An incomplete walk is shown as far as it goes; outside of the aperture there is none. */
	assert_int_equal(show_lookup(0, pt_id, 0x205000, &json, &len), 0);
	assert_shows(json, "\"level\":1");
	assert_null(strstr(json, "leaf"));
	alloc_free(json);
	assert_int_equal(show_lookup(0, pt_id, UINT64_MAX, &json, &len), 0);
	assert_shows(json, "\"levels\":[]");
	alloc_free(json);
	assert_int_equal(show_lookup(0, 99, 0, &json, &len), -ENOENT);
	assert_int_equal(show_lookup(1, ioas, 0, &json, &len), -ENOENT);
	assert_int_equal(show_lookup(0, f->dev_ids[0], 0, &json, &len), -EINVAL);
}

/* show_dump() of context number @context, as text, which the caller frees. */
static char *dump_of(uint32_t context, uint32_t pt_id, int expected)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	assert_int_equal(show_dump(context, pt_id, out), expected);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void assert_no_dump(uint32_t context, uint32_t pt_id, int expected)
{
	char *text = dump_of(context, pt_id, expected);

	assert_string_equal(text, "");
	free(text);
}

static void dump_prints_the_tables_of_what_is_asked_for(void **state)
{
	struct fixture *f = *state;
	uint32_t ioas = fixture_ioas(f), pt_id = ioas;
	char *text;

	assert_int_equal(fixture_map(f, ioas, 0x201000, 0, 8192, FIXTURE_RW), 0);
	assert_no_dump(0, ioas, 0);
	assert_int_equal(fixture_attach(f, 0, 0, &pt_id), 0);
	for (unsigned int i = 0; i < 2; i++) {
		text = dump_of(0, i ? pt_id : ioas, 0);
		assert_shows(text, "vtdss root 0x");
		assert_shows(text, "[1-2] level 0 iova 0x201000 entry 0x");
		assert_shows(text, " size 0x1000 x 2 rw\n");
		free(text);
	}
	assert_no_dump(0, 99, -ENOENT);
	assert_no_dump(1, ioas, -ENOENT);
	assert_no_dump(0, f->dev_ids[0], -EINVAL);
}

struct busy {
	struct fixture *f;
	uint32_t ioas;
	_Atomic bool stop;
};

/* Maps, attaches, promises and takes it all back. */
static void *keep_changing(void *arg)
{
	const struct iommu_iova_range window = {0, 0x3fffffff};
	struct busy *busy = arg;
	struct iommu_ioas_allow_iovas allow = {
		.size = sizeof(allow), .ioas_id = busy->ioas, .allowed_iovas = (uintptr_t)&window};

	while (!busy->stop) {
		uint32_t pt_id = busy->ioas;

		(void)fixture_map(busy->f, busy->ioas, 0x200000, 0, 65536, FIXTURE_RW);
		(void)fixture_attach(busy->f, 0, 0, &pt_id);
		allow.num_iovas = !allow.num_iovas;
		(void)fixture_call(busy->f, IOMMU_IOAS_ALLOW_IOVAS, &allow);
		(void)fixture_unmap(busy->f, busy->ioas, 0x200000, 65536);
		uiommufd_endpoint_detach(busy->f->devices[0], 0);
	}
	return NULL;
}

static void showing_disturbs_nobody_and_is_not_disturbed(void **state)
{
	struct busy busy = {.f = *state, .ioas = fixture_ioas(*state)};
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, keep_changing, &busy), 0);
	for (unsigned int i = 0; i < 300; i++) {
		size_t len;
		char *json;

		assert_int_equal(uiommufd_show(16, &json), 0);
		assert_balanced(json);
		uiommufd_free(json);
		assert_int_equal(show_lookup(0, busy.ioas, 0x200000, &json, &len), 0);
		assert_balanced(json);
		alloc_free(json);
	}
	busy.stop = true;
	pthread_join(thread, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_writes_what_readers_take),
		TEST(state_names_windows_mappings_devices_and_tables),
		TEST(state_tells_what_keeps_a_device_out),
		TEST(many_mappings_are_summed_up),
		cmocka_unit_test(runs_join_across_the_smallest_holes_and_count_all),
		cmocka_unit_test(runs_do_not_join_across_what_is_kept_apart),
		cmocka_unit_test(runs_that_are_alike_become_one),
		cmocka_unit_test(runs_that_are_too_many_join_all_the_same),
		TEST(lookup_tells_every_level),
		TEST(dump_prints_the_tables_of_what_is_asked_for),
		TEST(showing_disturbs_nobody_and_is_not_disturbed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
