/* SPDX-License-Identifier: MIT */
/* MAP_DMA and GET_INFO of the type1 driver [TYPE1-MAP], [TYPE1-INFO]. */
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "container.h"
#include "edu.h"
#include "groups.h"
#include "privilege.h"

enum {
	LIMIT = 65535, /* mappings */
};

/* What GET_INFO says. */
struct info {
	struct vfio_iommu_type1_info info;
	struct vfio_iommu_type1_info_cap_migration migration;
	struct vfio_iommu_type1_info_dma_avail avail;
	uint32_t padding;
	struct {
		struct vfio_info_cap_header header;
		uint32_t nr_iovas, reserved;
	} ranges;
	struct vfio_iova_range range[8];
};

static void get_info(int container, struct info *info)
{
	memset(info, 0xa5, sizeof(*info));
	info->info.argsz = sizeof(*info);
	expect_ok(container, VFIO_IOMMU_GET_INFO, info);
}

static void use(struct user *user)
{
	use_container(user, open_container(), VFIO_TYPE1v2_IOMMU);
}

/* ---- GET_INFO ---- */

static void get_info_has_a_chain_of_three_capabilities(void **state)
{
	struct user user;
	struct info info;

	(void)state;
	use(&user);
	get_info(user.container, &info);
	expect_equal(info.info.argsz, sizeof(info));
	expect_equal(info.info.flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	expect_true(info.info.iova_pgsizes & PAGE && !(info.info.iova_pgsizes & (PAGE - 1)));
	expect_equal(info.info.cap_offset, offsetof(struct info, migration));
	expect_equal(info.migration.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_MIGRATION);
	expect_equal(info.migration.header.version, 1);
	expect_equal(info.migration.header.next, offsetof(struct info, avail));
	expect_equal(info.migration.flags, 0);
	expect_equal(info.migration.pgsize_bitmap, PAGE);
	expect_equal(info.migration.max_dirty_bitmap_size, 1u << 28);
	expect_equal(info.avail.header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	expect_equal(info.avail.header.version, 1);
	expect_equal(info.avail.header.next, offsetof(struct info, ranges));
	expect_equal(info.avail.avail, LIMIT);
	expect_equal(info.padding, 0);
	expect_equal(info.ranges.header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	expect_equal(info.ranges.header.version, 1);
	expect_equal(info.ranges.header.next, 0);
	expect_equal(info.ranges.reserved, 0);
	expect_true(info.ranges.nr_iovas >= 1 && info.ranges.nr_iovas <= ARRAY_SIZE(info.range));
	for (unsigned int i = 1; i < info.ranges.nr_iovas; i++)
		expect_true(info.range[i - 1].end < info.range[i].start);
}

static void the_chain_is_written_as_a_whole_or_not_at_all(void **state)
{
	struct user user;
	struct info info, part;
	uint32_t total;

	(void)state;
	use(&user);
	get_info(user.container, &info);
	total = (uint32_t)(offsetof(struct info, range) +
			   info.ranges.nr_iovas * sizeof(info.range[0]));
	for (uint32_t argsz = 16; argsz <= total; argsz++) {
		memset(&part, 0xa5, sizeof(part));
		part.info.argsz = argsz;
		expect_ok(user.container, VFIO_IOMMU_GET_INFO, &part);
		expect_equal(part.info.argsz, total);
		expect_equal(part.info.iova_pgsizes, info.info.iova_pgsizes);
		if (argsz >= 20)
			expect_equal(part.info.cap_offset, argsz < total ? 0 : 24);
		if (argsz < total)
			expect_equal(part.migration.header.id, 0xa5a5);
	}
	for (info.info.argsz = 0; info.info.argsz < 16; info.info.argsz++)
		expect_errno(EINVAL, user.container, VFIO_IOMMU_GET_INFO, &info);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_GET_INFO, NULL);
	info.info.argsz = sizeof(info.info);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_GET_INFO,
		     read_only(&info.info, sizeof(info.info)));
}

static void the_ranges_are_known_before_a_device_is_open(void **state)
{
	int container = open_container(), group = need_group(0);
	struct info info;

	(void)state;
	expect_equal(set_container(group, container), 0);
	expect_ok(container, VFIO_SET_IOMMU, (void *)(unsigned long)VFIO_TYPE1_IOMMU);
	get_info(container, &info);
	/* x86's interrupts. */
	expect_equal(info.range[0].end, 0xfedfffff);
	expect_equal(info.range[1].start, 0xfef00000);
	expect_equal(map_dma(container, DMA_RW, 0xfee00000, mem_pages(PAGE), PAGE), -EINVAL);
	expect_equal(map_dma(container, DMA_RW, 0xfedff000, mem_pages(PAGE), PAGE), 0);
}

/* ---- MAP_DMA ---- */

static void map_dma_checks_in_order(void **state)
{
	struct vfio_iommu_type1_dma_map map = {.flags = 8, .iova = 1, .vaddr = UINT64_MAX};
	char *memory = mem_pages(4 * PAGE);
	struct user user;

	(void)state;
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 2 * PAGE), 0);
	expect_errno(EFAULT, user.container, VFIO_IOMMU_MAP_DMA, before_hole(&map, 31));
	for (map.argsz = 0; map.argsz < 32; map.argsz++)
		expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.flags = VFIO_DMA_MAP_FLAG_VADDR | DMA_RW;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.size = 2;
	expect_errno(EOVERFLOW, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.vaddr = (uintptr_t)memory + 1;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.flags = 0;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.flags = VFIO_DMA_MAP_FLAG_VADDR;
	map.iova = IOVA + 4 * PAGE;
	map.size = PAGE;
	expect_errno(EINVAL, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.vaddr--;
	expect_errno(ENOENT, user.container, VFIO_IOMMU_MAP_DMA, &map);
	map.flags = VFIO_DMA_MAP_FLAG_WRITE;
	map.argsz = sizeof(map) + 1000;
	expect_errno(0, user.container, VFIO_IOMMU_MAP_DMA, &map);
	expect_errno(EEXIST, user.container, VFIO_IOMMU_MAP_DMA, &map);
}

static void map_dma_refuses_misaligned_requests(void **state)
{
	char *memory = mem_pages(4 * PAGE);
	struct user user;

	(void)state;
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA + 1, memory, PAGE), -EINVAL);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory + 1, PAGE), -EINVAL);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE / 2), -EINVAL);
	expect_equal(map_dma(user.container, DMA_RW, -PAGE, memory, 2 * PAGE), -EOVERFLOW);
	/* The last byte of all is no overflow, but nothing is mapped there. */
	expect_equal(map_dma(user.container, DMA_RW, IOVA, (void *)-PAGE, PAGE), -EFAULT);
}

static void a_mapping_that_exists_comes_before_a_range_that_is_reserved(void **state)
{
	char *memory = mem_pages(PAGE);
	struct user user;

	(void)state;
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, 0xfedff000, memory, PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, 0xfedff000, memory, 2 * PAGE), -EEXIST);
	expect_equal(map_dma(user.container, DMA_RW, 0xfee00000, memory, PAGE), -EINVAL);
	/* Both ends are usable, what is between them is not. */
	expect_equal(map_dma(user.container, DMA_RW, 0xfee00000 - PAGE / 2, memory, 0x110000),
		     -EINVAL);
}

static void there_are_65535_mappings(void **state)
{
	char *memory = mem_pages(PAGE);
	uint64_t size = PAGE;
	struct user user;
	struct info info;

	(void)state;
	use(&user);
	for (uint64_t i = 0; i < LIMIT; i++)
		expect_equal(map_dma(user.container, DMA_RW, i * PAGE, memory, PAGE), 0);
	get_info(user.container, &info);
	expect_equal(info.avail.avail, 0);
	expect_equal(map_dma(user.container, DMA_RW, LIMIT * PAGE, memory, PAGE), -ENOSPC);
	/* Before a range that is reserved, after a mapping that exists. */
	expect_equal(map_dma(user.container, DMA_RW, 0xfee00000, memory, PAGE), -ENOSPC);
	expect_equal(map_dma(user.container, DMA_RW, 0, memory, PAGE), -EEXIST);
	expect_equal(unmap_dma(user.container, 0, 0, &size), 0);
	get_info(user.container, &info);
	expect_equal(info.avail.avail, 1);
	expect_equal(map_dma(user.container, DMA_RW, LIMIT * PAGE, memory, PAGE), 0);
	size = 0;
	expect_equal(unmap_dma(user.container, VFIO_DMA_UNMAP_FLAG_ALL, 0, &size), 0);
	expect_equal(size, LIMIT * PAGE);
	get_info(user.container, &info);
	expect_equal(info.avail.avail, LIMIT);
}

static void memory_is_pinned_by_map_dma(void **state)
{
	struct user user;
	struct info info;

	(void)state;
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, mem_of_kind(PAGE, MEM_HOLE), PAGE),
		     -EFAULT);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_READ, IOVA,
			     mem_of_kind(PAGE, MEM_NONE), PAGE),
		     -EFAULT);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_WRITE, IOVA,
			     mem_of_kind(PAGE, MEM_RO), PAGE),
		     -EFAULT);
	/* What failed has left nothing. */
	get_info(user.container, &info);
	expect_equal(info.avail.avail, LIMIT);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_READ, IOVA,
			     mem_of_kind(PAGE, MEM_RO), PAGE),
		     0);
	expect_equal(map_dma(user.container, VFIO_DMA_MAP_FLAG_WRITE, IOVA + PAGE, mem_pages(PAGE),
			     PAGE),
		     0);
}

/* ---- registers as memory ---- */

static void a_mapped_bar_is_memory_for_another_device(void **state)
{
	struct fixture device = {.device = -1};
	uint32_t *memory = mem_pages(PAGE);
	int second = need_group(1), other;
	struct user user;
	char *bar;

	(void)state;
	use(&user);
	expect_equal(set_container(second, user.container), 0);
	other = close_later(get_device_fd(second, device_name(1)));
	bar = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, other, 0);
	if (bar == MAP_FAILED)
		skip_test("the device's BAR cannot be mapped");
	device.device = other;
	need_edu(&device);
	device.device = user.device;
	need_edu(&device);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, IOVA + MIB, bar, MIB), 0);
	/* The inverse of what was written to this register is read from it. */
	memory[0] = 0x12345678;
	edu_copy(user.device, IOVA + MIB + 4, IOVA, sizeof(memory[0]));
	edu_copy(user.device, IOVA + 8, IOVA + MIB + 4, sizeof(memory[0]));
	expect_equal(((volatile uint32_t *)memory)[2], ~0x12345678u);
	/* The mapping of the BAR stays although the program has none any more. */
	expect_equal(munmap(bar, MIB), 0);
	memory[0] = 0x9abcdef0;
	edu_copy(user.device, IOVA + MIB + 4, IOVA, sizeof(memory[0]));
	expect_equal(edu_read(other, EDU_LIVENESS), ~0x9abcdef0u);
}

static void a_bar_that_does_not_decode_is_EFAULT(void **state)
{
	const uint16_t off = 0;
	struct user user;
	char *bar;

	(void)state;
	use(&user);
	bar = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, user.device, 0);
	if (bar == MAP_FAILED)
		skip_test("the device's BAR cannot be mapped");
	expect_true(pwrite(user.device, &off, sizeof(off), (UINT64_C(7) << 40) + 4) == 2);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, bar, MIB), -EFAULT);
	munmap(bar, MIB);
}

/* ---- who pays ---- */

/* As a user whose memory is limited to 8 pages. */
static void charge_in_child(void *arg)
{
	char *memory = mem_pages(16 * PAGE);
	uint64_t size = 4 * PAGE;
	struct user user;

	(void)arg;
	drop_capability(CAP_IPC_LOCK);
	limit_locked_pages(8);
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 9 * PAGE), -ENOMEM);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 4 * PAGE), 0);
	/* The same pages once more. */
	expect_equal(map_dma(user.container, DMA_RW, 2 * IOVA, memory, 5 * PAGE), -ENOMEM);
	expect_equal(map_dma(user.container, DMA_RW, 2 * IOVA, memory, 4 * PAGE), 0);
	expect_equal(map_dma(user.container, DMA_RW, 3 * IOVA, memory, PAGE), -ENOMEM);
	expect_equal(unmap_dma(user.container, 0, IOVA, &size), 0);
	expect_equal(map_dma(user.container, DMA_RW, 3 * IOVA, memory, PAGE), 0);
}

static void pages_are_charged_for_each_mapping(void **state)
{
	(void)state;
	run_in_child(charge_in_child, NULL);
}

/* What the privileged have mapped counts, once they no longer are. */
static void charge_the_privileged_in_child(void *arg)
{
	char *memory = mem_pages(16 * PAGE);
	struct user user;

	(void)arg;
	limit_locked_pages(8);
	use(&user);
	expect_equal(map_dma(user.container, DMA_RW, IOVA, memory, 16 * PAGE), 0);
	drop_capability(CAP_IPC_LOCK);
	expect_equal(map_dma(user.container, DMA_RW, 2 * IOVA, memory, PAGE), -ENOMEM);
}

static void the_privileged_are_charged_without_a_limit(void **state)
{
	(void)state;
	if (!has_capability(CAP_IPC_LOCK))
		skip_test("needs CAP_IPC_LOCK");
	run_in_child(charge_the_privileged_in_child, NULL);
}

int container_map(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(context, get_info_has_a_chain_of_three_capabilities,
		     "TYPE1-INFO.1..3, TYPE1-DIFFERENCES.21"),
		CASE(context, the_chain_is_written_as_a_whole_or_not_at_all,
		     "TYPE1-INFO.1..3, TYPE1-DIFFERENCES.21"),
		CASE(context, the_ranges_are_known_before_a_device_is_open,
		     "TYPE1-INFO.3, TYPE1-IOVA-LIST"),
		CASE(context, map_dma_checks_in_order, "TYPE1-MAP.1..8, TYPE1-DIFFERENCES.13"),
		CASE(context, map_dma_refuses_misaligned_requests, "TYPE1-MAP.4, TYPE1-MAP.6"),
		CASE(context, a_mapping_that_exists_comes_before_a_range_that_is_reserved,
		     "TYPE1-MAP.8, TYPE1-MAP.10, TYPE1-DIFFERENCES.16"),
		CASE(context, there_are_65535_mappings, "TYPE1-MAP.9, TYPE1-DIFFERENCES.20"),
		CASE(context, memory_is_pinned_by_map_dma,
		     "TYPE1-MAP.12, TYPE1-PINNING.1..2, TYPE1-DIFFERENCES.12"),
		CASE(context, a_mapped_bar_is_memory_for_another_device,
		     "TYPE1-PINNING.3, TYPE1-DIFFERENCES.15"),
		CASE(context, a_bar_that_does_not_decode_is_EFAULT, "TYPE1-PINNING.3"),
		CASE(context, pages_are_charged_for_each_mapping,
		     "TYPE1-ACCOUNTING, TYPE1-DIFFERENCES.25..26"),
		CASE(context, the_privileged_are_charged_without_a_limit,
		     "TYPE1-ACCOUNTING, TYPE1-DIFFERENCES.25"),
	};

	return cmocka_run_group_tests_name("container_map", tests, NULL, NULL);
}
