/* SPDX-License-Identifier: MIT */
/* DIRTY_PAGES [TYPE1-DIRTY]. */
#include <errno.h>
#include <string.h>

#include "container.h"
#include "groups.h"

struct dirty {
	struct vfio_iommu_type1_dirty_bitmap cmd;
	struct vfio_iommu_type1_dirty_bitmap_get get;
};

static int dirty_pages(int container, uint32_t flags)
{
	return do_ioctl(container, VFIO_IOMMU_DIRTY_PAGES,
			VFIO_CMD(vfio_iommu_type1_dirty_bitmap, .flags = flags));
}

/* The bitmap of @count pages from @iova on. */
static int get_bitmap(int container, uint64_t iova, uint64_t count, uint64_t *bits, uint64_t bytes)
{
	const struct dirty dirty = {
		.cmd = {.argsz = sizeof(dirty), .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP},
		.get = {.iova = iova,
			.size = count * PAGE,
			.bitmap = {.pgsize = PAGE, .size = bytes, .data = (void *)bits}},
	};

	return do_ioctl(container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
}

static void use(struct user *user)
{
	use_container(user, open_container(), VFIO_TYPE1v2_IOMMU);
}

static void dirty_pages_checks_its_argument(void **state)
{
	struct vfio_iommu_type1_dirty_bitmap cmd = {.flags = 1};
	struct user user;

	(void)state;
	use(&user);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_DIRTY_PAGES, before_hole(&cmd, 7));
	for (cmd.argsz = 0; cmd.argsz < 8; cmd.argsz++)
		expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &cmd);
	for (uint32_t flags = 0; flags < 16; flags++) {
		if (flags != 1 && flags != 2 && flags != 4)
			expect_equal(dirty_pages(user.container, flags), -EINVAL);
	}
	expect_equal(dirty_pages(user.container, 2), 0);
	expect_equal(dirty_pages(user.container, 1), 0);
	expect_equal(dirty_pages(user.container, 1), 0);
	expect_equal(dirty_pages(user.container, 2), 0);
	expect_equal(dirty_pages(user.container, 2), 0);
}

static void version_1_has_no_dirty_pages(void **state)
{
	struct user user;

	(void)state;
	use_container(&user, open_container(), VFIO_TYPE1_IOMMU);
	expect_equal(do_ioctl(user.container, VFIO_IOMMU_DIRTY_PAGES, NULL), -EACCES);
}

static void get_bitmap_checks_in_order(void **state)
{
	uint64_t bits[2] = {0};
	struct dirty dirty = {
		.cmd = {.argsz = 47, .flags = VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP},
		.get = {.iova = 1, .bitmap = {.size = sizeof(bits), .data = (void *)-64}},
	};
	struct user user;

	(void)state;
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, mem_pages(4 * PAGE), 4 * PAGE), 0);
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.cmd.argsz = sizeof(dirty);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_DIRTY_PAGES, before_hole(&dirty, 47));
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.get.size = UINT64_MAX;
	dirty.get.iova = 2;
	expect_errno(EOVERFLOW, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.get.size = PAGE / 2;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.get.bitmap.data = (void *)bits;
	dirty.get.bitmap.pgsize = 1;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.get.bitmap.pgsize = PAGE;
	dirty.get.size = 4 * PAGE;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	dirty.get.iova = IOVA;
	/* Tracking is off. */
	expect_errno(EINVAL, user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	expect_equal(dirty_pages(user.container, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), 0);
	expect_ok(user.container, VFIO_IOMMU_DIRTY_PAGES, &dirty);
	expect_equal(get_bitmap(user.container, IOVA, 3, bits, 8), -EINVAL);
	expect_equal(get_bitmap(user.container, IOVA + PAGE, 3, bits, 8), -EINVAL);
	expect_equal(get_bitmap(user.container, IOVA, 65, bits, 8), -EINVAL);
	expect_equal(get_bitmap(user.container, IOVA, 65, bits, 16), 0);
	expect_equal(get_bitmap(user.container, IOVA, 4, mem_of_kind(PAGE, MEM_RO), 8), -EFAULT);
}

static void every_mapped_page_is_dirty_whenever_it_is_asked(void **state)
{
	const uint64_t pattern = UINT64_C(0x8000000000000001);
	char *memory = mem_pages(128 * PAGE);
	uint64_t bits[6];
	struct user user;

	(void)state;
	use(&user);
	/* A whole word and a part; a hole; within a word; over the border of two. */
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 66 * PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, IOVA + (192 + 8) * PAGE, memory, 8 * PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, IOVA + (256 + 60) * PAGE, memory, 8 * PAGE),
		     0);
	expect_equal(dirty_pages(user.container, VFIO_IOMMU_DIRTY_PAGES_FLAG_START), 0);
	for (unsigned int times = 0; times < 2; times++) {
		for (size_t i = 0; i < ARRAY_SIZE(bits); i++)
			bits[i] = pattern;
		expect_equal(get_bitmap(user.container, IOVA, 384, bits, sizeof(bits)), 0);
		/* A mapping that begins a word overwrites it, and its last one. */
		expect_equal(bits[0], UINT64_MAX);
		expect_equal(bits[1], 3);
		/* Nothing is mapped there. */
		expect_equal(bits[2], pattern);
		/* Others leave what is in the word that they begin in. */
		expect_equal(bits[3], pattern | 0xff00);
		expect_equal(bits[4], pattern | UINT64_C(0xf) << 60);
		expect_equal(bits[5], 0xf);
	}
}

int container_dirty(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(context, dirty_pages_checks_its_argument,
		     "TYPE1-DIRTY.2..3, TYPE1-DIRTY-START.1, TYPE1-DIRTY-STOP.1"),
		CASE(context, version_1_has_no_dirty_pages, "TYPE1-DIRTY.1"),
		CASE(context, get_bitmap_checks_in_order, "TYPE1-DIRTY-GET.4..11"),
		CASE(context, every_mapped_page_is_dirty_whenever_it_is_asked,
		     "TYPE1-DIRTY-PAGES.1"),
	};

	return cmocka_run_group_tests_name("container_dirty", tests, NULL, NULL);
}
