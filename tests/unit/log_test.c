/* SPDX-License-Identifier: MIT */
/* The log: levels, long lines, several threads, and files that cannot be opened. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"

static char path[] = "/tmp/uiommufd-log-test-XXXXXX";
static char text[1 << 20];

static int open_log(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	close(fd);
	return log_open(path);
}

static int remove_log(void **state)
{
	(void)state;
	return unlink(path);
}

static int empty_log(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_FAULT);
	return truncate(path, 0);
}

static const char *logged(void)
{
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = 0;
	fclose(file);
	return text;
}

static void a_line_has_the_prefix_and_ends(void **state)
{
	(void)state;
	log_error("cannot open %s: %d", "/dev/iommu", 7);
	assert_string_equal(logged(), "uiommufd: cannot open /dev/iommu: 7\n");
}

static void messages_above_the_level_are_dropped(void **state)
{
	(void)state;
	log_fault("f");
	log_info("i");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("d");
	log_set_level(LOG_LEVEL_ERROR);
	log_fault("dropped");
	assert_string_equal(logged(), "uiommufd: f\nuiommufd: d\n");
}

static void errno_is_preserved(void **state)
{
	(void)state;
	errno = ENOTTY;
	log_error("x");
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(log_open("/nonexistent/log"), -ENOENT);
	assert_int_equal(errno, ENOTTY);
}

static void a_log_that_cannot_be_opened_leaves_the_old_one(void **state)
{
	(void)state;
	assert_int_equal(log_open("/nonexistent/log"), -ENOENT);
	log_error("still here");
	assert_string_equal(logged(), "uiommufd: still here\n");
}

static void opening_again_appends(void **state)
{
	(void)state;
	log_error("one");
	assert_int_equal(log_open(path), 0);
	log_error("two");
	assert_string_equal(logged(), "uiommufd: one\nuiommufd: two\n");
}

static void a_line_too_long_is_cut_and_says_so(void **state)
{
	char message[5000];
	size_t len;

	(void)state;
	memset(message, 'a', sizeof(message) - 1);
	message[sizeof(message) - 1] = 0;
	log_error("%s", message);
	len = strlen(logged());
	assert_true(len > 1000 && len <= 2048);
	assert_string_equal(text + len - 5, "a...\n");
}

static void *log_many(void *letter)
{
	for (int i = 0; i < 500; i++)
		log_error("%.100s", (const char *)letter);
	return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
	char letters[4][101];
	pthread_t threads[4];
	unsigned int lines = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		memset(letters[i], 'a' + i, 100);
		letters[i][100] = 0;
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, letters[i]), 0);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);

	logged();
	for (char *rest = text, *line; (line = strsep(&rest, "\n")) && *line; lines++) {
		assert_int_equal(strlen(line), 110);
		assert_int_equal(strspn(line + 10, (char[]){line[10], 0}), 100);
	}
	assert_int_equal(lines, 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_line_has_the_prefix_and_ends, empty_log),
		cmocka_unit_test_setup(messages_above_the_level_are_dropped, empty_log),
		cmocka_unit_test_setup(errno_is_preserved, empty_log),
		cmocka_unit_test_setup(a_log_that_cannot_be_opened_leaves_the_old_one, empty_log),
		cmocka_unit_test_setup(opening_again_appends, empty_log),
		cmocka_unit_test_setup(a_line_too_long_is_cut_and_says_so, empty_log),
		cmocka_unit_test_setup(lines_of_several_threads_do_not_mix, empty_log),
	};

	return cmocka_run_group_tests(tests, open_log, remove_log);
}
