/* SPDX-License-Identifier: MIT */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "failure.h"
#include "inspect/show_state.h"
#include "machine/machine.h"

enum {
	MORE_THAN_ENOUGH = 1000
};

enum {
	SWEEP_LIMIT = 2000, /* failures in one step; more look like an endless sweep */
	SWEEP_STEPS = 64,
};

struct sweep_view {
	char *text;
	uint64_t locked_pages;
	unsigned int files;
	long next_id;
};

static struct sweep_view sweep_look(struct group_rig *rig, int iommu)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct sweep_view view = {.locked_pages = rig->caller.locked_pages};
	size_t len;

	for (int i = 0; i < GROUP_RIG_FILES; i++)
		view.files += rig->files[i] != NULL;
	assert_int_equal(show_state(SHOW_ALL, &view.text, &len), 0);
	view.next_id = group_rig_ioctl(rig, iommu, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc);
	if (!view.next_id) {
		struct iommu_destroy destroy = {.size = sizeof(destroy), .id = alloc.out_ioas_id};

		assert_int_equal(group_rig_ioctl(rig, iommu, IOMMU_DESTROY, (uintptr_t)&destroy),
				 0);
		view.next_id = alloc.out_ioas_id;
	}
	return view;
}

/* Asserts that @after is the same as @before, and frees it. */
static void sweep_compare(const struct sweep_view *before, struct sweep_view *after, uint64_t n)
{
	if (strcmp(before->text, after->text) != 0)
		print_error("after failure %llu:\n%s\nbefore:\n%s\n", (unsigned long long)n,
			    after->text, before->text);
	assert_string_equal(before->text, after->text);
	assert_int_equal(before->locked_pages, after->locked_pages);
	assert_int_equal(before->files, after->files);
	assert_int_equal(before->next_id, after->next_id);
	alloc_free(after->text);
}

void sweep(struct group_rig *rig, int iommu, const struct sweep_step *step)
{
	struct sweep_view before, after;
	uint64_t left = 0;
	unsigned int failures = 0;

	if (step->prepare)
		step->prepare();
	before = sweep_look(rig, iommu);
	for (uint64_t n = 1; !left; n++) {
		long rc;

		assert_true(n < SWEEP_LIMIT);
		failure_arm(n);
		rc = step->run();
		left = failure_disarm();
		failures += !left;
		/* Without a failure the step has no reason to fail. */
		if (left && rc < 0)
			print_error("%s: %ld\n", step->name, rc);
		assert_true(rc >= 0 || !left);
		if (rc >= 0 && step->undo)
			step->undo();
		after = sweep_look(rig, iommu);
		sweep_compare(&before, &after, n);
	}
	assert_int_equal(failures > 0, step->may_fail);
	alloc_free(before.text);
}

int sweep_all(const char *name, const struct sweep_step *steps, size_t count,
	      CMUnitTestFunction test, CMFixtureFunction set_up, CMFixtureFunction tear_down)
{
	static struct CMUnitTest tests[SWEEP_STEPS];

	assert_true(count <= SWEEP_STEPS);
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){
			.name = steps[i].name,
			.test_func = test,
			.setup_func = set_up,
			.teardown_func = tear_down,
			.initial_state = (void *)&steps[i],
		};
	return _cmocka_run_group_tests(name, tests, count, NULL, NULL);
}

unsigned int sweep_device(const char *text)
{
	struct machine *machine;
	char error[256];
	unsigned int n;
	int rc;

	for (n = 1;; n++) {
		assert_true(n < MORE_THAN_ENOUGH);
		assert_int_equal(machine_create(&machine), 0);
		error[0] = '\0';
		failure_arm(n);
		rc = machine_add_device(machine, text, error, sizeof(error));
		if (!rc && failure_left())
			break;
		failure_disarm();
		if (rc) {
			assert_int_equal(rc, -ENOMEM);
			assert_string_equal(error, "out of memory");
			assert_null(machine_device(machine, 0));
			assert_null(machine_iommu(machine, 0));
			/* Nothing is locked or kept. */
			assert_int_equal(machine_add_device(machine, text, error, sizeof(error)),
					 0);
		}
		machine_destroy(machine);
	}
	failure_disarm();
	machine_destroy(machine);
	return n - 1;
}
