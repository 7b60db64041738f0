/* SPDX-License-Identifier: MIT */
/* IOMMU_IOAS_CHANGE_PROCESS, as far as one process can see it [IOAS-CHANGE-PROCESS]. */
#include <errno.h>

#include "conformance.h"
#include "groups.h"

static void map_file(const struct fixture *t, uint32_t ioas)
{
	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = ioas,
		      .fd = mem_file(PAGE), .length = PAGE, .iova = IOVA));
}

static void change_process_with_reserved_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);

	map_at(t->iommu, t->ioas, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EOPNOTSUPP, t->iommu, IOMMU_IOAS_CHANGE_PROCESS,
		     CMD(iommu_ioas_change_process, .__reserved = 1));
}

static void change_process_of_memory_that_is_no_file_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	uint32_t other = new_ioas(t->iommu);

	map_file(t, t->ioas);
	expect_ok(t->iommu, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
	/* In whichever address space of the context. */
	map_at(t->iommu, other, RW, IOVA, mem_pages(PAGE), PAGE);
	expect_errno(EINVAL, t->iommu, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
	destroy(t->iommu, other);
	expect_ok(t->iommu, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
}

static void change_process_without_areas_succeeds(void **state)
{
	struct fixture *t = fixture(state);
	int empty = open_context();

	expect_ok(t->iommu, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
	expect_ok(empty, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
}

static void change_process_by_the_owner_changes_nothing(void **state)
{
	struct fixture *t = fixture(state);

	map_file(t, t->ioas);
	attach_device(t->device, t->ioas);
	expect_ok(t->iommu, IOMMU_IOAS_CHANGE_PROCESS, CMD(iommu_ioas_change_process));
	expect_true(is_mapped(t->iommu, t->ioas, IOVA));
	unmap(t->iommu, t->ioas, IOVA, PAGE);
}

int ioas_change_process(void)
{
	const struct CMUnitTest tests[] = {
		CASE(ioas, change_process_with_reserved_is_EOPNOTSUPP, "IOAS-CHANGE-PROCESS.1"),
		CASE(ioas, change_process_of_memory_that_is_no_file_is_EINVAL,
		     "IOAS-CHANGE-PROCESS.2b"),
		CASE(ioas, change_process_without_areas_succeeds, "IOAS-CHANGE-PROCESS"),
		CASE(bound, change_process_by_the_owner_changes_nothing, "IOAS-CHANGE-PROCESS"),
	};

	return cmocka_run_group_tests_name("IOMMU_IOAS_CHANGE_PROCESS", tests, NULL, NULL);
}
