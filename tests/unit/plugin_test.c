/* SPDX-License-Identifier: MIT */
/* Models from shared objects; a linker of this test's own plays the shared object. */
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "devices/plugin.h"
#include "failure.h"

static const struct uiommufd_model named = {.name = "named", .summary = "no registers"};
static struct uiommufd_plugin plugin;
static const void *exported; /* what the shared object has; NULL: nothing */

static void *open_any(const char *path, int flags)
{
	assert_true(flags & RTLD_NOW && !(flags & RTLD_GLOBAL));
	return strcmp(path, "/missing.so") == 0 ? NULL : (void *)&plugin;
}

static void *find_symbol(void *handle, const char *name)
{
	assert_ptr_equal(handle, &plugin);
	assert_string_equal(name, "uiommufd_plugin");
	return (void *)exported;
}

static const struct plugin_linker linker = {.open = open_any, .symbol = find_symbol};

static int set_up(void **state)
{
	(void)state;
	plugin = (struct uiommufd_plugin){
		.version = UIOMMUFD_PLUGIN_VERSION,
		.model_size = sizeof(struct uiommufd_model),
		.services_size = sizeof(struct uiommufd_device_services),
		.model = &named,
	};
	exported = &plugin;
	return 0;
}

static void assert_refused(const char *path, const char *why)
{
	char error[256] = "";

	assert_null(plugin_load(&linker, path, error, sizeof(error)));
	if (!strstr(error, why))
		fail_msg("\"%s\" is said, not \"%s\"", error, why);
	assert_null(plugin_load(&linker, path, NULL, 0));
}

static void a_model_is_copied(void **state)
{
	struct uiommufd_model *model;
	char error[256] = "";

	(void)state;
	model = plugin_load(&linker, "/model.so", error, sizeof(error));
	assert_non_null(model);
	assert_string_equal(error, "");
	assert_memory_equal(model, &named, sizeof(named));
	alloc_free(model);
}

static void a_shorter_model_of_an_older_header_ends_in_zeros(void **state)
{
	const size_t oldest = offsetof(struct uiommufd_model, write) + sizeof(named.write);
	char *short_model = malloc(oldest); /* a sanitizer sees what is read beyond */
	struct uiommufd_model *model;
	char error[256];

	(void)state;
	assert_non_null(short_model);
	memcpy(short_model, &named, oldest);
	plugin.model = (const struct uiommufd_model *)(const void *)short_model;
	plugin.model_size = (uint32_t)oldest;
	model = plugin_load(&linker, "/model.so", error, sizeof(error));
	assert_non_null(model);
	assert_memory_equal(model, &named, sizeof(named));
	alloc_free(model);
	free(short_model);
	plugin.model_size--;
	assert_refused("/model.so", "damaged");
}

static void what_this_library_does_not_know_is_refused(void **state)
{
	(void)state;
	plugin.version++;
	assert_refused("/model.so", "/model.so: it was built for another version");
	plugin.version--;
	plugin.model_size++;
	assert_refused("/model.so", "newer uiommufd");
	plugin.model_size--;
	plugin.services_size++;
	assert_refused("/model.so", "newer uiommufd");
	plugin.services_size = 0;
	assert_refused("/model.so", "damaged");
}

static void what_is_no_model_is_refused(void **state)
{
	static const struct uiommufd_model nameless = {.summary = "without a name"};

	(void)state;
	assert_refused("/missing.so", "/missing.so");
	exported = NULL;
	assert_refused("/model.so", "UIOMMUFD_MODEL() is missing");
	exported = &plugin;
	plugin.model = &nameless;
	assert_refused("/model.so", "/model.so: the model has no name");
	plugin.model = NULL;
	assert_refused("/model.so", "damaged");
}

static void running_out_of_memory_is_an_error(void **state)
{
	char error[64];

	(void)state;
	failure_arm(1);
	assert_null(plugin_load(&linker, "/model.so", error, sizeof(error)));
	assert_int_equal(failure_disarm(), 0);
	assert_string_equal(error, "out of memory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_model_is_copied, set_up),
		cmocka_unit_test_setup(a_shorter_model_of_an_older_header_ends_in_zeros, set_up),
		cmocka_unit_test_setup(what_this_library_does_not_know_is_refused, set_up),
		cmocka_unit_test_setup(what_is_no_model_is_refused, set_up),
		cmocka_unit_test_setup(running_out_of_memory_is_an_error, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
