/* SPDX-License-Identifier: MIT */
/* UNMAP_DMA of the type1 driver, and addresses that change [TYPE1-UNMAP], [TYPE1-VADDR]. */
#include <errno.h>
#include <unistd.h>

#include "container.h"
#include "groups.h"

/* An UNMAP_DMA with the bitmap that GET_DIRTY_BITMAP takes. */
struct unmap {
	struct vfio_iommu_type1_dma_unmap cmd;
	struct vfio_bitmap bitmap;
};

static int do_unmap(int container, const struct unmap *unmap)
{
	return do_ioctl(container, VFIO_IOMMU_UNMAP_DMA, unmap);
}

/* A container of @type with mappings of 4 pages at IOVA and at IOVA + 8 pages. */
static void *use(struct user *user, unsigned long type)
{
	char *memory = mem_pages(8 * PAGE);

	use_container(user, open_container(), type);
	expect_equal(map_dma(user->container, DMA_RW, IOVA, memory, 4 * PAGE), 0);
	expect_equal(map_dma(user->container, DMA_RW, IOVA + 8 * PAGE, memory + 4 * PAGE, 4 * PAGE),
		     0);
	return memory;
}

/* UNMAP_DMA of pages [@first, @first + @count) from IOVA on gives @error, or removes @pages. */
static void expect_unmap(const struct user *user, int error, uint64_t first, uint64_t count,
			 uint64_t pages)
{
	uint64_t size = count * PAGE;

	expect_equal(unmap_dma(user->container, 0, IOVA + first * PAGE, &size), -error);
	/* What fails writes nothing. */
	expect_equal(size, (error ? count : pages) * PAGE);
}

static void parts_of_mappings_are_EINVAL_in_version_2(void **state)
{
	struct user user;

	(void)state;
	use(&user, VFIO_TYPE1v2_IOMMU);
	expect_unmap(&user, EINVAL, 1, 1, 0);
	expect_unmap(&user, EINVAL, 1, 3, 0);
	expect_unmap(&user, EINVAL, 0, 3, 0);
	/* All of the first one and a part of the second: nothing is removed. */
	expect_unmap(&user, EINVAL, 0, 9, 0);
	expect_unmap(&user, EINVAL, 3, 9, 0);
	expect_unmap(&user, 0, 4, 4, 0);
	expect_unmap(&user, 0, 0, 12, 8);
	expect_unmap(&user, 0, 0, 12, 0);
}

static void parts_of_mappings_go_as_a_whole_in_version_1(void **state)
{
	struct user user;

	(void)state;
	use(&user, VFIO_TYPE1_IOMMU);
	expect_unmap(&user, 0, 1, 1, 0);
	expect_unmap(&user, 0, 1, 3, 0);
	/* It begins inside one: nothing is removed at all. */
	expect_unmap(&user, 0, 2, 10, 0);
	/* More than was asked for. */
	expect_unmap(&user, 0, 0, 1, 4);
	expect_unmap(&user, 0, 0, 9, 4);
	expect_unmap(&user, 0, 0, 12, 0);
}

static void unmap_all_removes_everything(void **state)
{
	static const unsigned long types[] = {VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU};
	struct user user;
	uint64_t size;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		use(&user, types[i]);
		size = PAGE;
		expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), -EINVAL);
		size = 0;
		expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_ALL, PAGE, &size),
			     -EINVAL);
		expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), 0);
		expect_equal(size, 8 * PAGE);
		size = 0;
		expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), 0);
		expect_equal(size, 0);
		close(user.device);
		close(user.group);
		close(user.container);
	}
}

static void unmap_dma_checks_in_order(void **state)
{
	uint64_t bits = 0;
	struct unmap unmap = {.cmd = {.flags = 8 | 3, .iova = 1}};
	struct user user;

	(void)state;
	use(&user, VFIO_TYPE1v2_IOMMU);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_UNMAP_DMA, before_hole(&unmap, 23));
	for (unmap.cmd.argsz = 0; unmap.cmd.argsz < 24; unmap.cmd.argsz++)
		expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.flags = 3;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.flags = 5;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP;
	unmap.cmd.argsz = 47;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.argsz = sizeof(unmap);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_UNMAP_DMA, before_hole(&unmap, 47));
	/* The bitmap by itself: a range of the program, sizes. */
	unmap.cmd.iova = IOVA;
	unmap.cmd.size = 4 * PAGE;
	unmap.bitmap = (struct vfio_bitmap){.pgsize = PAGE, .size = 8, .data = (void *)-64};
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.bitmap.data = (void *)&bits;
	unmap.bitmap.size = 0;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.bitmap.size = 7;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.bitmap.size = 8;
	/* Tracking is off. */
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.flags = 0;
	unmap.cmd.iova = IOVA + 1;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.iova = IOVA;
	unmap.cmd.size = 0;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.size = PAGE + 1;
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.cmd.size = -PAGE;
	expect_equal(do_unmap(user.container, &unmap), -EOVERFLOW);
	unmap.cmd.size = 4 * PAGE;
	/* It was done, but this cannot be said. */
	expect_errno(EFAULT, user.container, VFIO_IOMMU_UNMAP_DMA,
		     read_only(&unmap.cmd, sizeof(unmap.cmd)));
	expect_unmap(&user, 0, 0, 4, 0);
}

static void unmap_dma_tells_what_was_dirty(void **state)
{
	uint64_t bits[2] = {0};
	struct unmap unmap = {
		.cmd = {.argsz = sizeof(unmap),
			.flags = VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP,
			.iova = IOVA,
			.size = 12 * PAGE},
		.bitmap = {.pgsize = 2 * PAGE, .size = sizeof(bits), .data = (void *)bits},
	};
	struct user user;

	(void)state;
	use(&user, VFIO_TYPE1v2_IOMMU);
	expect_ok(user.container, VFIO_IOMMU_DIRTY_PAGES,
		  VFIO_CMD(vfio_iommu_type1_dirty_bitmap,
			   .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_START));
	expect_equal(do_unmap(user.container, &unmap), -EINVAL);
	unmap.bitmap.pgsize = PAGE;
	/* The first mapping's bits cannot be written: it stays. */
	unmap.bitmap.data = mem_of_kind(PAGE, MEM_RO);
	expect_equal(do_unmap(user.container, &unmap), -EFAULT);
	unmap.bitmap.data = (void *)bits;
	expect_equal(do_unmap(user.container, &unmap), 0);
	expect_equal(unmap.cmd.size, 8 * PAGE);
	expect_equal(bits[0], 0xf0f);
	expect_equal(bits[1], 0);
}

/* ---- addresses ---- */

static int unmap_vaddr(const struct user *user, uint64_t first, uint64_t count, uint64_t *pages)
{
	uint64_t size = count * PAGE;
	int rc = unmap_dma(user->container, VFIO_DMA_UNMAP_FLAG_VADDR, IOVA + first * PAGE, &size);

	*pages = size / PAGE;
	return rc;
}

static void an_address_is_taken_back_and_given_again(void **state)
{
	struct user user;
	char *memory = use(&user, VFIO_TYPE1v2_IOMMU);
	const uint32_t vaddr = VFIO_DMA_MAP_FLAG_VADDR;
	uint64_t pages, size;

	(void)state;
	expect_equal(map_dma(user.container, vaddr, IOVA, memory, 4 * PAGE), -EINVAL);
	expect_equal(unmap_vaddr(&user, 1, 1, &pages), -EINVAL);
	expect_equal(unmap_vaddr(&user, 0, 4, &pages), 0);
	expect_equal(pages, 4);
	/* One of the range is invalid already: nothing changes. */
	expect_equal(unmap_vaddr(&user, 0, 12, &pages), -EINVAL);
	expect_equal(map_dma(user.container, vaddr, IOVA + 8 * PAGE, memory, 4 * PAGE), -EINVAL);
	expect_equal(map_dma(user.container, vaddr, IOVA, memory, 2 * PAGE), -EINVAL);
	expect_equal(map_dma(user.container, vaddr, IOVA + 4 * PAGE, memory, PAGE), -ENOENT);
	/* Other ranges are not concerned. */
	expect_equal(map_dma(user.container, DMA_RW, IOVA + 16 * PAGE, memory, PAGE), 0);
	expect_unmap(&user, 0, 16, 1, 1);
	expect_equal(map_dma(user.container, vaddr, IOVA, memory, 4 * PAGE), 0);
	expect_equal(map_dma(user.container, vaddr, IOVA, memory, 4 * PAGE), -EINVAL);
	size = 0;
	expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_VADDR | VFIO_DMA_UNMAP_FLAG_ALL,
			       0, &size),
		     0);
	expect_equal(size, 8 * PAGE);
	expect_unmap(&user, 0, 0, 4, 4);
	expect_equal(map_dma(user.container, vaddr, IOVA, memory, 4 * PAGE), -ENOENT);
}

int container_unmap(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(context, parts_of_mappings_are_EINVAL_in_version_2,
		     "TYPE1-UNMAP.9, TYPE1-UNMAP-RULES.1..3, TYPE1-DIFFERENCES.17, "
		     "TYPE1-DIFFERENCES.19"),
		CASE(context, parts_of_mappings_go_as_a_whole_in_version_1,
		     "TYPE1-UNMAP-RULES.1..3, TYPE1-DIFFERENCES.18"),
		CASE(context, unmap_all_removes_everything, "TYPE1-UNMAP.7a, TYPE1-UNMAP-RULES.4"),
		CASE(context, unmap_dma_checks_in_order,
		     "TYPE1-UNMAP.1..4, TYPE1-UNMAP.6, TYPE1-UNMAP.7b, TYPE1-UNMAP.8, "
		     "TYPE1-UNMAP.12"),
		CASE(context, unmap_dma_tells_what_was_dirty, "TYPE1-UNMAP.8, TYPE1-UNMAP.11"),
		CASE(context, an_address_is_taken_back_and_given_again,
		     "TYPE1-MAP.7, TYPE1-UNMAP.10, TYPE1-VADDR.1..3"),
	};

	return cmocka_run_group_tests_name("container_unmap", tests, NULL, NULL);
}
