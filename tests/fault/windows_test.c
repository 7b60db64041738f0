/* SPDX-License-Identifier: MIT */
/*
 * Each allocation of the questions about windows fails in turn: the call fails, nothing has
 * changed, and it works when asked again. Leaks are the leak checker's.
 */
#include "base/alloc.h"
#include "inspect/show_lookup.h"
#include "inspect/show_state.h"
#include "kit.h"

enum {
	LIMIT = 200,
	MAX_RANGES = 8
};

static const struct iommu_iova_range window = {0, 0x3fffffff};

static int set_up(void **state)
{
	struct fixture *f = fixture_create("power,hole=0x1000000-0x1ffffff", 4);
	uint32_t ioas = fixture_ioas(f);

	assert_int_equal(fixture_map(f, ioas, 0x10000, 0, 4096, FIXTURE_RW), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	failure_disarm();
	fixture_destroy(*state);
	return 0;
}

/* The first IOAS of the fixture. */
static uint32_t ioas_of(const struct fixture *f)
{
	return f->dev_ids[FIXTURE_DEVICES - 1] + 1;
}

static uint32_t count_permitted(struct fixture *f)
{
	struct iommu_iova_range ranges[MAX_RANGES];

	return fixture_ranges(f, ioas_of(f), ranges, MAX_RANGES, NULL);
}

/* Runs @step with each failure in turn, until none is hit. */
static void fail_each(struct fixture *f, int (*step)(struct fixture *f))
{
	const uint32_t before = count_permitted(f);

	for (uint64_t n = 1; n < LIMIT; n++) {
		bool hit;
		int rc;

		failure_arm(n);
		rc = step(f);
		hit = !failure_disarm();
		/* The step may succeed in spite of the failure. */
		if (!rc) {
			assert_true(hit || n > 1);
			return;
		}
		assert_true(hit && rc < 0);
		assert_int_equal(count_permitted(f), before);
	}
	fail_msg("still failing after %d failures", LIMIT);
}

static int ask_permitted(struct fixture *f)
{
	struct iommu_iova_range ranges[MAX_RANGES];
	struct iommu_dev_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = f->dev_ids[0],
		.num_iovas = MAX_RANGES,
		.allowed_iovas = (uintptr_t)ranges,
	};

	return fixture_call(f, IOMMU_DEV_IOVA_RANGES, &cmd);
}

static int ask_reserved(struct fixture *f)
{
	struct iommu_iova_range ranges[MAX_RANGES];
	struct iommu_resv_iova_ranges cmd = {
		.size = sizeof(cmd),
		.dev_id = f->dev_ids[0],
		.num_iovas = MAX_RANGES,
		.resv_iovas = (uintptr_t)ranges,
	};

	return fixture_call(f, IOMMU_RESV_IOVA_RANGES, &cmd);
}

static int promise(struct fixture *f)
{
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_of(f),
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&window,
	};

	return fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &cmd);
}

static int attach(struct fixture *f)
{
	uint32_t pt_id = ioas_of(f);

	return fixture_attach(f, 0, 0, &pt_id);
}

static int show(struct fixture *f)
{
	char *json = NULL;
	int rc = uiommufd_show(8, &json);

	(void)f;
	if (!rc)
		uiommufd_free(json);
	return rc;
}

static int lookup(struct fixture *f)
{
	char *json = NULL;
	size_t len;
	int rc = show_lookup(0, ioas_of(f), 0x10000, &json, &len);

	if (!rc)
		alloc_free(json);
	return rc;
}

static int create_shaped(struct fixture *f)
{
	struct uiommufd_iommu *iommu;
	int rc = uiommufd_iommu_create("64bit,aperture=0-0xffff+0x20000-0x2ffff", "i", &iommu);

	(void)f;
	if (!rc)
		uiommufd_iommu_put(iommu);
	return rc;
}

static void questions_survive_want_of_memory(void **state)
{
	struct fixture *f = *state;

	fail_each(f, ask_permitted);
	fail_each(f, ask_reserved);
	fail_each(f, create_shaped);
	fail_each(f, show);
	fail_each(f, lookup);
}

static void promise_and_attach_are_all_or_nothing(void **state)
{
	const struct iommu_iova_range below_hole = {0, 0xffffff};
	struct fixture *f = *state;
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas_of(f),
		.num_iovas = 1,
		.allowed_iovas = (uintptr_t)&below_hole,
	};

	fail_each(f, promise);
	/* The window has the hole in it. */
	assert_int_equal(attach(f), -EADDRINUSE);
	assert_int_equal(fixture_call(f, IOMMU_IOAS_ALLOW_IOVAS, &cmd), 0);
	fail_each(f, attach);
	assert_int_equal(count_permitted(f), 3);
	fail_each(f, show);
	fail_each(f, lookup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(questions_survive_want_of_memory, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(promise_and_attach_are_all_or_nothing, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
