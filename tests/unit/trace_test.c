/* SPDX-License-Identifier: MIT */
/* Lines, words and files of traces. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "base/observe.h"
#include "kit.h"
#include "mem/guard.h"
#include "trace/call_table.h"
#include "trace/call_words.h"
#include "trace/line.h"
#include "trace/trace_file.h"

static const struct call_member *member_of(unsigned int cmd, bool device, const char *name)
{
	const struct call_member *member = call_find(cmd, device)->members;

	while (strcmp(member->name, name) != 0)
		member++;
	return member;
}

/* ---- lines ---- */

static void a_line_escapes_what_json_does_not_take(void **state)
{
	char text[256];
	struct line line;

	(void)state;
	line_init(&line, text, sizeof(text));
	line_object(&line, NULL);
	line_string(&line, "a", "\"\\\n\xff");
	line_thousandths(&line, "t", 1234005);
	line_bytes(&line, "b", "\x01\xfe", 2);
	line_object(&line, "o");
	line_number(&line, "n", -1);
	line_end_object(&line);
	line_hex(&line, "h", UINT64_MAX);
	line_end_object(&line);
	assert_true(line_finish(&line));
	assert_string_equal((text[line.len] = '\0', text),
			    "{\"a\":\"\\\"\\\\\\u000a\\u00ff\",\"t\":1234.005,\"b\":\"01fe\","
			    "\"o\":{\"n\":-1},\"h\":\"0xffffffffffffffff\"}");
}

static void a_line_that_is_too_long_fails(void **state)
{
	char text[16];
	struct line line;

	(void)state;
	line_init(&line, text, sizeof(text));
	line_string(&line, "name", "too long for it");
	assert_false(line_finish(&line));
	assert_in_range(line.len, 0, sizeof(text));
}

/* ---- words ---- */

static void words_of_a_value_lead_back_to_it(void **state)
{
	static const struct {
		unsigned int cmd;
		bool device;
		const char *member;
		uint64_t value;
		const char *words;
	} cases[] = {
		{IOMMU_IOAS_MAP, false, "flags", 0, "0"},
		{IOMMU_IOAS_MAP, false, "flags", 7, "READABLE|WRITEABLE|FIXED_IOVA"},
		{IOMMU_IOAS_MAP, false, "flags", 0x84, "READABLE|0x80"},
		{IOMMU_OPTION, false, "op", 1, "GET"},
		{IOMMU_OPTION, false, "op", 9, "0x9"},
		{IOMMU_GET_HW_INFO, false, "in_data_type", 0, "NONE"},
		{VFIO_DEVICE_FEATURE, true, "flags", 0x1000a, "GET|0xa"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct call_member *member =
			member_of(cases[i].cmd, cases[i].device, cases[i].member);
		char text[128];
		uint64_t value;

		assert_string_equal(call_words(member, cases[i].value, text, sizeof(text)),
				    cases[i].words);
		assert_true(call_words_parse(member, text, &value));
		assert_int_equal(value, cases[i].value);
		assert_false(call_words_parse(member, "READABLE|MISSPELT", &value));
	}
}

static void every_member_of_a_structure_lies_in_it_once(void **state)
{
	(void)state;
	for (unsigned int cmd = 0x3b00; cmd < 0x3c00; cmd++) {
		for (int device = 0; device < 2; device++) {
			const struct call_info *info = call_find(cmd, device);
			const struct call_member *member = info ? info->members : NULL;
			uint8_t structure[CALL_STRUCTURE_MAX] = {0};

			for (; member && member->name; member++) {
				assert_in_range(member->offset + member->size, 1, info->size);
				assert_true(!member->words == (member->type != MEMBER_FLAGS &&
							       member->type != MEMBER_CHOICE));
				call_member_set(member, structure, 1);
				assert_int_equal(call_member_get(member, structure), 1);
			}
			assert_true(!info || info->size <= CALL_STRUCTURE_MAX);
			assert_true(!info || call_find_name(info->name) != NULL);
		}
	}
}

/* ---- files ---- */

static const char *contents(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t len = read(fd, text, size - 1);

	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return text;
}

static void a_closed_file_has_the_lines_of_all_and_no_torn_one(void **state)
{
	char path[] = "/tmp/uiommufd-trace-test-XXXXXX", text[256];
	struct trace_file one = TRACE_FILE_INIT, two = TRACE_FILE_INIT;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(trace_file_create(path, "[{}\n", 4), 0);
	assert_int_equal(trace_file_open(&one, path), 0);
	assert_int_equal(trace_file_open(&two, path), 0);
	assert_int_equal(trace_file_append(&one, ",{\"a\":1}\n", 9), 0);
	assert_int_equal(trace_file_append(&one, ",{\"to", 5), 0); /* it was killed here */
	assert_int_equal(trace_file_append(&two, ",{\"b\":2}\n", 9), 0);
	assert_int_equal(trace_file_append(&two, ",{\"c\":3}\n", 9), 0);
	trace_file_leave(&one);
	trace_file_leave(&two);
	assert_int_equal(trace_file_close(path), 0);
	assert_string_equal(contents(path, text, sizeof(text)),
			    "[{}\n,{\"a\":1}\n,{\"b\":2}\n,{\"c\":3}\n]\n");
	unlink(path);
}

static void lines_go_on_in_the_next_chunk(void **state)
{
	static char line[TRACE_LINE_MAX], text[4 * TRACE_CHUNK_SIZE];
	char path[] = "/tmp/uiommufd-trace-test-XXXXXX";
	struct trace_file file = TRACE_FILE_INIT;
	enum {
		LINES = 20
	};

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, ",{", 2);
	memcpy(line + sizeof(line) - 2, "}\n", 2);
	close(mkstemp(path));
	assert_int_equal(trace_file_create(path, "[{}\n", 4), 0);
	assert_int_equal(trace_file_open(&file, path), 0);
	for (int i = 0; i < LINES; i++)
		assert_int_equal(trace_file_append(&file, line, sizeof(line)), 0);
	assert_int_equal(trace_file_append(&file, line, sizeof(line) + 1), -EMSGSIZE);
	trace_file_leave(&file);
	assert_int_equal(trace_file_close(path), 0);
	assert_int_equal(strlen(contents(path, text, sizeof(text))), 4 + LINES * sizeof(line) + 2);
	unlink(path);
}

static void a_file_that_was_truncated_fails_and_nothing_more(void **state)
{
	char path[] = "/tmp/uiommufd-trace-test-XXXXXX";
	struct trace_file file = TRACE_FILE_INIT;

	(void)state;
	assert_int_equal(guard_install(), 0);
	close(mkstemp(path));
	assert_int_equal(trace_file_create(path, "[{}\n", 4), 0);
	assert_int_equal(trace_file_open(&file, path), 0);
	assert_int_equal(trace_file_append(&file, ",{}\n", 4), 0);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(trace_file_append(&file, ",{}\n", 4), -EFAULT);
	trace_file_leave(&file);
	assert_int_equal(trace_file_close(path), -EINVAL);
	unlink(path);
}

/* ---- observers ---- */

static void a_tracer_is_an_observer_while_it_is_attached(void **state)
{
	(void)state;
	assert_false(observed());
	observers.tracers++;
	assert_true(observed() && observed_by_tracer());
	assert_false(observed_by(OBSERVER_TRACE) || observed_by(OBSERVER_REPORTS));
	observers.tracers--;
	assert_false(observed());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tracer_is_an_observer_while_it_is_attached),
		cmocka_unit_test(a_line_escapes_what_json_does_not_take),
		cmocka_unit_test(a_line_that_is_too_long_fails),
		cmocka_unit_test(words_of_a_value_lead_back_to_it),
		cmocka_unit_test(every_member_of_a_structure_lies_in_it_once),
		cmocka_unit_test(a_closed_file_has_the_lines_of_all_and_no_torn_one),
		cmocka_unit_test(lines_go_on_in_the_next_chunk),
		cmocka_unit_test(a_file_that_was_truncated_fails_and_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
