/* SPDX-License-Identifier: MIT */
/*
 * UNMAP_DMA of parts where something is in the way that only the test ABI provides
 * [COMPAT-UNMAP].
 */
#include <errno.h>
#include <unistd.h>

#include "container.h"
#include "mock.h"

enum {
	PAGES = 4
};

/*
 * The context is a container of version 1, with 4 pages mapped at IOVA in the mock device's table.
 */
static char *memory;

static int setup_version1(void **state)
{
	struct fixture *t;

	if (setup_mock(state))
		return -1;
	t = *state;
	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .op = IOMMU_VFIO_IOAS_SET, .ioas_id = t->ioas));
	expect_ok(t->iommu, VFIO_SET_IOMMU, (void *)(uintptr_t)VFIO_TYPE1_IOMMU);
	memory = mem_pages(PAGES * PAGE);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, PAGES * PAGE), 0);
	return 0;
}

/* The errno, and that @left bytes are said to be unmapped. */
static void unmap_errno(int error, const struct fixture *t, uint64_t iova, uint64_t size,
			uint64_t unmapped)
{
	expect_equal(-unmap_dma(t->iommu, 0, iova, &size), error);
	expect_equal(size, unmapped);
}

static void halves_of_a_cut_mapping_share_the_pinned_pages(void **state)
{
	struct fixture *t = fixture(state);

	unmap_errno(0, t, IOVA + PAGE, PAGE, PAGE);
	check_refs(t->iommu, memory, PAGE, 1);
	check_refs(t->iommu, memory + PAGE, PAGE, 0);
	check_refs(t->iommu, memory + 2 * PAGE, 2 * PAGE, 1);
	check_map(t->iommu, t->hwpt, IOVA, memory, PAGE);
	check_map(t->iommu, t->hwpt, IOVA + 2 * PAGE, memory + 2 * PAGE, 2 * PAGE);
}

static void cutting_a_dmabuf_is_EOPNOTSUPP(void **state)
{
	struct fixture *t = fixture(state);
	int fd =
		close_later(expect_ok(t->iommu, IOMMU_TEST_CMD,
				      TEST_CMD(DMABUF_GET, 0, .dmabuf_get = {.length = 2 * PAGE})));

	expect_ok(t->iommu, IOMMU_IOAS_MAP_FILE,
		  CMD(iommu_ioas_map_file, .flags = RW | FIXED, .ioas_id = t->ioas, .fd = fd,
		      .length = 2 * PAGE, .iova = 2 * IOVA));
	/* Without write back, as nothing was tried to unmap. */
	unmap_errno(EOPNOTSUPP, t, 2 * IOVA, PAGE, PAGE);
	unmap_errno(EOPNOTSUPP, t, 2 * IOVA + PAGE, PAGE, PAGE);
	unmap_errno(0, t, 2 * IOVA, 2 * PAGE, 2 * PAGE);
}

static void cutting_inside_a_page_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);

	unmap_errno(EINVAL, t, IOVA, PAGE + 1, PAGE + 1);
	unmap_errno(EINVAL, t, IOVA + 100, PAGE - 100, PAGE - 100);
	check_map(t->iommu, t->hwpt, IOVA, memory, PAGES * PAGE);
}

/* Nothing is cut, so the rest is as without cuts: part of an area, and size is written back. */
static void a_cut_after_the_first_byte_of_a_mapping_is_none(void **state)
{
	struct fixture *t = fixture(state);

	unmap_errno(ENOENT, t, IOVA, 1, 0);
	unmap_errno(ENOENT, t, IOVA + 1, PAGES * PAGE - 1, 0);
	unmap_errno(EINVAL, t, IOVA, 2, 2);
	unmap_errno(EINVAL, t, IOVA + 2, PAGES * PAGE - 2, PAGES * PAGE - 2);
	unmap_errno(0, t, IOVA, PAGES * PAGE, PAGES * PAGE);
}

static void cutting_what_an_access_has_pinned_is_EINVAL(void **state)
{
	struct fixture *t = fixture(state);
	int access = mock_access(t->iommu, t->ioas, MOCK_ACCESS_NEEDS_PIN_PAGES);

	access_pin(t->iommu, access, IOVA, PAGE, 0);
	unmap_errno(EINVAL, t, IOVA + 2 * PAGE, PAGE, PAGE);
	/* As a whole it has the access let go. */
	unmap_errno(0, t, IOVA, PAGES * PAGE, PAGES * PAGE);
	check_refs(t->iommu, memory, PAGES * PAGE, 0);
}

static void unmap_dma_writes_the_unmapped_size_back_on_errors(void **state)
{
	struct fixture *t = fixture(state);

	unmap_errno(EINVAL, t, IOVA, 0, 0);
	unmap_errno(EOVERFLOW, t, IOVA, UINT64_MAX, 0);
	unmap_errno(0, t, IOVA, PAGES * PAGE, PAGES * PAGE);
	/* Nothing there is no error here. */
	unmap_errno(0, t, IOVA, PAGES * PAGE, 0);
}

int mock_type1(void)
{
	const struct CMUnitTest tests[] = {
		CASE(version1, halves_of_a_cut_mapping_share_the_pinned_pages, "COMPAT-UNMAP.5"),
		CASE(version1, cutting_a_dmabuf_is_EOPNOTSUPP, "COMPAT-UNMAP.5"),
		CASE(version1, cutting_inside_a_page_is_EINVAL, "COMPAT-UNMAP.5"),
		CASE(version1, a_cut_after_the_first_byte_of_a_mapping_is_none, "COMPAT-UNMAP.5"),
		CASE(version1, cutting_what_an_access_has_pinned_is_EINVAL, "COMPAT-UNMAP.5"),
		CASE(version1, unmap_dma_writes_the_unmapped_size_back_on_errors, "COMPAT-UNMAP.6"),
	};

	return cmocka_run_group_tests_name("what is in the way of version 1", tests, NULL, NULL);
}
