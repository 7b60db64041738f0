/* SPDX-License-Identifier: MIT */
/* MAP_DMA and UNMAP_DMA [COMPAT-MAP], [COMPAT-UNMAP]. */
#include <errno.h>

#include "container.h"
#include "edu.h"
#include "groups.h"

enum {
	PAGES = 16
};

/* A device in a container of @type, by way of an iommufd so that its IOAS can be looked at. */
static void use(struct fixture *t, struct user *user, unsigned long type)
{
	struct iommu_vfio_ioas get = {.size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET};

	use_container(user, t->iommu, type);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS, &get);
	t->ioas = get.ioas_id;
	t->device = user->device;
}

/* ---- MAP_DMA ---- */

static void expect_map(int error, int container, const void *cmd)
{
	expect_errno(error, container, VFIO_IOMMU_MAP_DMA, cmd);
}

static void map_dma_checks_its_argument(void **state)
{
	struct fixture *t = *state;
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map), .flags = 4};
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	expect_map(EFAULT, t->iommu, NULL);
	expect_map(EFAULT, t->iommu, before_hole(&map, 31));
	for (map.argsz = 0; map.argsz < 32; map.argsz++)
		expect_map(EINVAL, t->iommu, &map);
	for (unsigned int bit = 2; bit < 32; bit++) {
		map.flags = 1u << bit;
		expect_map(EINVAL, t->iommu, &map);
	}
}

static void map_dma_checks_the_rest_as_map_does(void **state)
{
	struct fixture *t = *state;
	const char *memory = mem_pages(PAGES * PAGE);
	struct iommu_iova_range gap;
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, (void *)-PAGE, PAGE), -EOVERFLOW);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, 0), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, NULL, UINT64_MAX), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, PAGE / 2), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA + 1, memory, PAGE), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory + 1, PAGE), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, -PAGE, memory, 2 * PAGE), -EOVERFLOW);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE), -EFAULT);
	if (reserved_gap(t->iommu, t->ioas, &gap))
		expect_equal(map_dma(t->iommu, DMA_RW, gap.start, memory, PAGE), -EINVAL);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, PAGE), 0);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, PAGE), -EEXIST);
}

static void map_dma_without_rights_succeeds_without_a_page_table_only(void **state)
{
	struct fixture *t = *state;
	const char *memory = mem_pages(PAGE);
	uint32_t ioas = new_ioas(t->iommu);
	uint64_t size = PAGE;
	struct user user;

	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .ioas_id = ioas, .op = IOMMU_VFIO_IOAS_SET));
	expect_equal(map_dma(t->iommu, 0, IOVA, memory, PAGE), 0);
	expect_equal(unmap_dma(t->iommu, 0, IOVA, &size), 0);
	use(t, &user, VFIO_TYPE1v2_IOMMU);
	expect_equal(map_dma(t->iommu, 0, IOVA, memory, PAGE), -EINVAL);
}

/* ---- UNMAP_DMA ---- */

static void expect_unmap(int error, int container, const void *cmd)
{
	expect_errno(error, container, VFIO_IOMMU_UNMAP_DMA, cmd);
}

/* UNMAP of what must give @error, or 0 and @unmapped bytes. */
static void expect_unmapped(int error, int container, uint64_t iova, uint64_t size,
			    uint64_t unmapped)
{
	expect_equal(unmap_dma(container, 0, iova, &size), -error);
	expect_equal(size, unmapped);
}

static void unmap_dma_checks_its_argument(void **state)
{
	struct fixture *t = *state;
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap), .size = PAGE};
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	expect_unmap(EFAULT, t->iommu, NULL);
	expect_unmap(EFAULT, t->iommu, before_hole(&unmap, 23));
	for (unmap.argsz = 0; unmap.argsz < 24; unmap.argsz++)
		expect_unmap(EINVAL, t->iommu, &unmap);
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (bit != 1) {
			unmap.flags = 1u << bit;
			expect_unmap(EINVAL, t->iommu, &unmap);
		}
	}
	unmap.flags = VFIO_DMA_UNMAP_FLAG_ALL;
	expect_unmap(EINVAL, t->iommu, &unmap);
	expect_equal(unmap.size, PAGE);
	unmap.size = 0;
	unmap.iova = PAGE;
	expect_unmap(EINVAL, t->iommu, &unmap);
}

static void unmap_dma_of_nothing_succeeds(void **state)
{
	struct fixture *t = *state;
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	expect_unmapped(0, t->iommu, IOVA, PAGE, 0);
	expect_unmapped(EINVAL, t->iommu, IOVA, 0, 0);
	expect_unmapped(EOVERFLOW, t->iommu, -PAGE, 2 * PAGE, 0);
}

static void unmap_dma_of_type1v2_removes_whole_mappings(void **state)
{
	struct fixture *t = *state;
	const char *memory = mem_pages(PAGES * PAGE);
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	for (uint64_t i = 0; i < 3; i++)
		expect_equal(map_dma(t->iommu, DMA_RW, IOVA + i * 4 * PAGE, memory, 4 * PAGE), 0);
	expect_unmapped(ENOENT, t->iommu, IOVA, PAGE, 0);
	expect_unmapped(ENOENT, t->iommu, IOVA + PAGE, 3 * PAGE, 0);
	/* What comes before the one that is cut is gone, and counted. */
	expect_unmapped(ENOENT, t->iommu, IOVA, 6 * PAGE, 4 * PAGE);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA));
	expect_unmapped(0, t->iommu, IOVA, 12 * PAGE, 8 * PAGE);
}

static void unmap_dma_with_all_removes_everything(void **state)
{
	struct fixture *t = *state;
	const char *memory = mem_pages(PAGE);
	uint64_t size = 0;
	struct user user;

	use(t, &user, VFIO_TYPE1v2_IOMMU);
	for (uint64_t i = 0; i < 5; i++)
		expect_equal(map_dma(t->iommu, DMA_RW, IOVA + i * 3 * PAGE, memory, PAGE), 0);
	expect_equal(unmap_dma(t->iommu, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), 0);
	expect_equal(size, 5 * PAGE);
	size = 0;
	expect_equal(unmap_dma(t->iommu, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), 0);
	expect_equal(size, 0);
}

static void unmap_dma_of_type1_removes_any_part(void **state)
{
	struct fixture *t = *state;
	uint64_t *memory = mem_aligned(4 * MIB, 2 * MIB);
	struct user user;

	use(t, &user, VFIO_TYPE1_IOMMU);
	need_edu(t);
	edu_scratch(t);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, 4 * MIB), 0);
	memory[0] = 1;
	memory[5 * PAGE / 8] = 2;
	memory[(4 * MIB - PAGE) / 8] = 3;
	expect_unmapped(0, t->iommu, IOVA + PAGE, 4 * PAGE, 4 * PAGE);
	expect_unmapped(0, t->iommu, IOVA + 6 * PAGE, 4 * MIB - 7 * PAGE, 4 * MIB - 7 * PAGE);
	expect_equal(edu_peek(t->device, IOVA), 1);
	expect_equal(edu_peek(t->device, IOVA + 5 * PAGE), 2);
	expect_equal(edu_peek(t->device, IOVA + 4 * MIB - PAGE), 3);
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA + PAGE));
	expect_true(!is_mapped(t->iommu, t->ioas, IOVA + 6 * PAGE));
	/* A page in a hole's midst again, and all of it together. */
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA + 2 * PAGE, memory, PAGE), 0);
	expect_unmapped(0, t->iommu, IOVA, 4 * MIB, 4 * PAGE);
}

static void unmap_dma_of_type1_cuts_where_pages_end(void **state)
{
	struct fixture *t = *state;
	const char *memory = mem_pages(4 * PAGE);
	uint64_t size = PAGE / 2;
	struct user user;

	use(t, &user, VFIO_TYPE1_IOMMU);
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, 4 * PAGE), 0);
	expect_equal(unmap_dma(t->iommu, 0, IOVA, &size), -EINVAL);
	/* An error of the cut is not written back. */
	expect_equal(size, PAGE / 2);
	size = PAGE;
	expect_equal(unmap_dma(t->iommu, 0, IOVA + PAGE / 2, &size), -EINVAL);
	expect_equal(size, PAGE);
	expect_unmapped(0, t->iommu, IOVA, 4 * PAGE, 4 * PAGE);
}

static void parts_of_a_cut_mapping_are_copied_and_unmapped_as_mappings(void **state)
{
	struct fixture *t = *state;
	uint64_t *memory = mem_pages(4 * PAGE);
	struct iommu_ioas_copy copy = {
		.size = sizeof(copy),
		.flags = RW | FIXED,
		.dst_iova = 2 * IOVA,
		.src_iova = IOVA,
		.length = 2 * PAGE,
	};
	struct user user;

	use(t, &user, VFIO_TYPE1_IOMMU);
	copy.dst_ioas_id = copy.src_ioas_id = t->ioas;
	expect_equal(map_dma(t->iommu, DMA_RW, IOVA, memory, 4 * PAGE), 0);
	/* Cuts at both ends of a page that is not there any more. */
	expect_unmapped(0, t->iommu, IOVA + 2 * PAGE, PAGE, PAGE);
	expect_ok(t->iommu, IOMMU_IOAS_COPY, &copy);
	unmap(t->iommu, t->ioas, IOVA, 2 * PAGE);
	expect_unmapped(0, t->iommu, 2 * IOVA, PAGE, PAGE);
	unmap(t->iommu, t->ioas, 2 * IOVA + PAGE, PAGE);
	unmap(t->iommu, t->ioas, IOVA + 3 * PAGE, PAGE);
}

int type1_map(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, map_dma_checks_its_argument, "COMPAT-MAP"),
		CASE(context, map_dma_checks_the_rest_as_map_does, "COMPAT-MAP"),
		CASE(context, map_dma_without_rights_succeeds_without_a_page_table_only,
		     "COMPAT-MAP"),
		CASE(context, unmap_dma_checks_its_argument, "COMPAT-UNMAP.1..2, COMPAT-UNMAP.4"),
		CASE(context, unmap_dma_of_nothing_succeeds, "COMPAT-UNMAP"),
		CASE(context, unmap_dma_of_type1v2_removes_whole_mappings, "COMPAT-UNMAP"),
		CASE(context, unmap_dma_with_all_removes_everything, "COMPAT-UNMAP"),
		CASE(context, unmap_dma_of_type1_removes_any_part, "COMPAT-UNMAP"),
		CASE(context, unmap_dma_of_type1_cuts_where_pages_end, "COMPAT-UNMAP"),
		CASE(context, parts_of_a_cut_mapping_are_copied_and_unmapped_as_mappings,
		     "COMPAT-UNMAP"),
	};

	return cmocka_run_group_tests_name("MAP_DMA, UNMAP_DMA", tests, NULL, NULL);
}
