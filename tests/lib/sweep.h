/* SPDX-License-Identifier: MIT */
/*
 * Sweeps over ioctls: each is made with the n-th failure injected, n = 1, 2, 3 ... until it gets by
 * without one. After each that failed, all that can be seen is as before: the text of `uiommufd
 * show` of every context (objects, windows, mappings, tables, attachments), the next free ID, the
 * descriptors, what is charged. One that succeeds in spite of the failure is undone first. Leaks
 * are the leak checker's.
 *
 * The machine is that of group_rig.h: two devices in one group; the context is its container.
 */
#ifndef TESTS_LIB_SWEEP_H
#define TESTS_LIB_SWEEP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "group_rig.h"
#include "inspect/show_state.h"

enum {
	SWEEP_LIMIT = 2000
};

struct sweep_step {
	const char *name;
	void (*prepare)(void); /* NULL, or what must be there before */
	long (*run)(void);
	void (*undo)(void); /* NULL: it changes nothing */
	bool may_fail;
};

struct sweep_view {
	char *text;
	uint64_t locked_pages;
	unsigned int files;
	long next_id;
};

static inline struct sweep_view sweep_look(struct group_rig *rig, int iommu)
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

/* @after is the same as @before, and no more needed. */
static inline void sweep_compare(const struct sweep_view *before, struct sweep_view *after,
				 uint64_t n)
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

static inline void sweep(struct group_rig *rig, int iommu, const struct sweep_step *step)
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
		fail_arm(n);
		rc = step->run();
		left = fail_left();
		fail_arm(0);
		failures += !left;
		/* Not for another reason than the failure. */
		if (left && rc < 0)
			print_error("%s: %ld\n", step->name, rc);
		assert_true(rc >= 0 || !left);
		if (rc >= 0 && step->undo)
			step->undo();
		after = sweep_look(rig, iommu);
		sweep_compare(&before, &after, n);
	}
	/* It has something that may fail, or it has not. */
	assert_int_equal(failures > 0, step->may_fail);
	alloc_free(before.text);
}

enum {
	SWEEP_STEPS = 64
};

/* One test for each of @steps, which is its initial state; the result of the program. */
static inline int sweep_all(const char *name, const struct sweep_step *steps, size_t count,
			    CMUnitTestFunction test, CMFixtureFunction set_up,
			    CMFixtureFunction tear_down)
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

#endif
