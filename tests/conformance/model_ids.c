/* SPDX-License-Identifier: MIT */
/* IDs [IDS]. */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

static void the_first_id_is_1_and_0_is_none(void **state)
{
	struct fixture *t = fixture(state);

	expect_equal(new_ioas(t->iommu), 1);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = 0));
}

static void a_new_object_gets_the_lowest_free_id(void **state)
{
	struct fixture *t = fixture(state);

	for (uint32_t id = 1; id <= 300; id++)
		expect_equal(new_ioas(t->iommu), id);
	destroy(t->iommu, 200);
	destroy(t->iommu, 7);
	destroy(t->iommu, 64);
	expect_equal(new_ioas(t->iommu), 7);
	expect_equal(new_ioas(t->iommu), 64);
	expect_equal(new_ioas(t->iommu), 200);
	expect_equal(new_ioas(t->iommu), 301);
}

static void an_id_is_free_again_when_the_creation_fails(void **state)
{
	struct fixture *t = fixture(state);
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	expect_errno(EFAULT, t->iommu, IOMMU_IOAS_ALLOC, read_only(&alloc, sizeof(alloc)));
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = 1));
	expect_equal(new_ioas(t->iommu), 1);
}

static void each_context_has_its_own_ids(void **state)
{
	struct fixture *t = fixture(state);
	int other = open_context();

	expect_equal(new_ioas(t->iommu), 1);
	expect_equal(new_ioas(other), 1);
	destroy(t->iommu, 1);
	destroy(other, 1);
}

static void all_types_of_object_share_the_ids(void **state)
{
	struct fixture *t = fixture(state);

	/* The fixture made an IOAS, bound the device and attached it. */
	expect_equal(t->ioas, 1);
	expect_equal(t->dev_id, 2);
	expect_equal(t->hwpt, 3);
	expect_equal(new_ioas(t->iommu), 4);
}

static void an_id_of_another_type_is_ENOENT(void **state)
{
	struct fixture *t = fixture(state);
	const uint32_t ids[] = {t->dev_id, t->hwpt};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		expect_errno(ENOENT, t->iommu, IOMMU_IOAS_UNMAP,
			     CMD(iommu_ioas_unmap, .ioas_id = ids[i], .length = UINT64_MAX));
		expect_errno(ENOENT, t->iommu, IOMMU_IOAS_IOVA_RANGES,
			     CMD(iommu_ioas_iova_ranges, .ioas_id = ids[i]));
		expect_errno(ENOENT, t->iommu, IOMMU_IOAS_MAP,
			     CMD(iommu_ioas_map, .flags = RW, .ioas_id = ids[i],
				 .user_va = (uintptr_t)mem_pages(PAGE), .length = PAGE));
		expect_errno(ENOENT, t->iommu, IOMMU_OPTION,
			     CMD(iommu_option, .option_id = IOMMU_OPTION_HUGE_PAGES,
				 .op = IOMMU_OPTION_OP_GET, .object_id = ids[i]));
		expect_errno(ENOENT, t->iommu, IOMMU_VFIO_IOAS,
			     CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_SET, .ioas_id = ids[i]));
	}
}

static void the_id_of_an_auto_hwpt_is_free_when_it_is_destroyed(void **state)
{
	struct fixture *t = fixture(state);

	detach_device(t->device);
	expect_errno(ENOENT, t->iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = t->hwpt));
	expect_equal(new_ioas(t->iommu), t->hwpt);
}

static void replace_takes_the_new_id_before_the_old_one_is_free(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);
	uint32_t hwpt = attach_device(t->device, other);

	expect_true(hwpt > other);
	expect_equal(new_ioas(t->iommu), t->hwpt);
}

int model_ids(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, the_first_id_is_1_and_0_is_none, "IDS"),
		CASE(context, a_new_object_gets_the_lowest_free_id, "IDS"),
		CASE(context, an_id_is_free_again_when_the_creation_fails, "IDS"),
		CASE(context, each_context_has_its_own_ids, "IDS"),
		CASE(attached, all_types_of_object_share_the_ids, "IDS"),
		CASE(attached, an_id_of_another_type_is_ENOENT, "IDS"),
		CASE(attached, the_id_of_an_auto_hwpt_is_free_when_it_is_destroyed, "IDS"),
		CASE(attached, replace_takes_the_new_id_before_the_old_one_is_free, "IDS"),
	};

	return cmocka_run_group_tests_name("IDs", tests, NULL, NULL);
}
