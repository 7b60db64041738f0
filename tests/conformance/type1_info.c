/* SPDX-License-Identifier: MIT */
/* What the container reports [COMPAT], [COMPAT-INFO]. */
#include <errno.h>
#include <string.h>

#include "container.h"
#include "groups.h"

enum {
	CAP_AVAIL = 24,
	CAP_RANGES = 40,
	RANGES = 56,
	MAX_ANSWER = 1024,
};

/* A context with a compatibility IOAS, without a device in it. */
static int with_ioas(void **state, uint32_t *ioas)
{
	const struct fixture *t = *state;

	*ioas = new_ioas(t->iommu);
	expect_ok(t->iommu, IOMMU_VFIO_IOAS,
		  CMD(iommu_vfio_ioas, .ioas_id = *ioas, .op = IOMMU_VFIO_IOAS_SET));
	return t->iommu;
}

static int check_extension(int container, unsigned long extension)
{
	return do_ioctl(container, VFIO_CHECK_EXTENSION, (void *)extension);
}

/* ---- version, extensions, SET_IOMMU ---- */

static void get_api_version_is_0(void **state)
{
	(void)state;
	expect_equal(expect_ok(open_container(), VFIO_GET_API_VERSION, NULL), 0);
}

static void check_extension_of_the_iommufd_container(void **state)
{
	int container = open_container();

	(void)state;
	for (unsigned long extension = 0; extension < 32; extension++) {
		bool there = extension == VFIO_TYPE1_IOMMU || extension == VFIO_TYPE1v2_IOMMU ||
			     extension == VFIO_UNMAP_ALL;

		if (extension == VFIO_DMA_CC_IOMMU)
			expect_equal(check_extension(container, extension), -ENODEV);
		else if (extension != VFIO_NOIOMMU_IOMMU)
			expect_equal(check_extension(container, extension), there);
	}
	expect_equal(check_extension(container, ~0ul), 0);
}

static void dma_cc_iommu_is_1_if_every_hwpt_enforces_coherency(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);
	struct user user;

	/* There is none. */
	expect_equal(check_extension(iommu, VFIO_DMA_CC_IOMMU), 1);
	use_container(&user, iommu, VFIO_TYPE1v2_IOMMU);
	expect_true(check_extension(iommu, VFIO_DMA_CC_IOMMU) >= 0);
}

static void container_commands_without_a_compat_ioas_are_ENODEV(void **state)
{
	int container = open_container();
	uint64_t size = PAGE;

	(void)state;
	expect_errno(EINVAL, container, VFIO_SET_IOMMU, (void *)2ul);
	expect_errno(ENODEV, container, VFIO_SET_IOMMU, (void *)1ul);
	expect_errno(ENODEV, container, VFIO_SET_IOMMU, (void *)3ul);
	expect_errno(ENODEV, container, VFIO_IOMMU_GET_INFO, VFIO_CMD(vfio_iommu_type1_info));
	expect_equal(map_dma(container, DMA_RW, IOVA, mem_pages(PAGE), PAGE), -ENODEV);
	expect_equal(unmap_dma(container, 0, IOVA, &size), -ENODEV);
}

static void set_iommu_takes_both_types_any_number_of_times(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);
	const unsigned long wrong[] = {0, 2, 4, 5, 6, 7, 8, 9, 10, ~0ul};
	uint64_t alignment;

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		expect_errno(EINVAL, iommu, VFIO_SET_IOMMU, (void *)wrong[i]);
	expect_ok(iommu, VFIO_SET_IOMMU, (void *)3ul);
	iova_ranges(iommu, ioas, NULL, 0, &alignment);
	expect_equal(alignment, 1);
	for (int i = 0; i < 2; i++) {
		expect_ok(iommu, VFIO_SET_IOMMU, (void *)1ul);
		expect_ok(iommu, VFIO_SET_IOMMU, (void *)3ul);
	}
	/* Version 1 stays. */
	iova_ranges(iommu, ioas, NULL, 0, &alignment);
	expect_equal(alignment, PAGE);
}

static void set_iommu_of_type1_over_mappings_it_could_not_cut_is_refused(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);
	char *memory = mem_pages(PAGE);
	struct user user;

	map_at(iommu, ioas, RW, IOVA, memory, 100);
	expect_errno(EADDRINUSE, iommu, VFIO_SET_IOMMU, (void *)1ul);
	unmap(iommu, ioas, IOVA, 100);
	use_container(&user, iommu, VFIO_TYPE1v2_IOMMU);
	map_at(iommu, ioas, RW, IOVA, memory, PAGE);
	expect_errno(EINVAL, iommu, VFIO_SET_IOMMU, (void *)1ul);
	unmap(iommu, ioas, IOVA, PAGE);
	expect_ok(iommu, VFIO_SET_IOMMU, (void *)1ul);
}

static void other_container_commands_are_ENOTTY(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);

	for (unsigned int nr = 0; nr < 0x80; nr++) {
		if (nr < 0x64 || (nr > 0x66 && nr < 0x70) || nr > 0x72)
			expect_errno(ENOTTY, iommu, 0x3b00 | nr, NULL);
	}
	/* The whole number counts. */
	expect_errno(ENOTTY, iommu, 0x80003b64, NULL);
	expect_errno(ENOTTY, iommu, 0x3c64, NULL);
}

/* ---- IOMMU_GET_INFO ---- */

/* Asks with @argsz; what lies behind it must not change. Returns the result. */
static int get_info(int iommu, void *answer, uint32_t argsz)
{
	unsigned char *bytes = memset(answer, 0xa5, MAX_ANSWER);
	int rc;

	memcpy(answer, &argsz, sizeof(argsz));
	rc = do_ioctl(iommu, VFIO_IOMMU_GET_INFO, answer);
	for (uint32_t i = argsz; i < MAX_ANSWER; i++)
		expect_equal(bytes[i], 0xa5);
	return rc;
}

static void iommu_get_info_checks_its_argument(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);
	struct vfio_iommu_type1_info info = {.argsz = sizeof(info)};

	expect_errno(EFAULT, iommu, VFIO_IOMMU_GET_INFO, NULL);
	expect_errno(EFAULT, iommu, VFIO_IOMMU_GET_INFO, before_hole(&info, 15));
	for (info.argsz = 0; info.argsz < 16; info.argsz++)
		expect_errno(EINVAL, iommu, VFIO_IOMMU_GET_INFO, &info);
	info.argsz = 16;
	expect_errno(EFAULT, iommu, VFIO_IOMMU_GET_INFO, read_only(&info, sizeof(info)));
	expect_ok(iommu, VFIO_IOMMU_GET_INFO, before_hole(&info, 16));
}

static void iommu_get_info_without_a_page_table_reports_all_sizes_from_a_page_on(void **state)
{
	uint32_t ioas;
	int iommu = with_ioas(state, &ioas);
	uint64_t answer[MAX_ANSWER / 8];
	const struct vfio_iommu_type1_info *info = (void *)answer;

	expect_equal(get_info(iommu, answer, sizeof(*info)), 0);
	expect_equal(info->flags, VFIO_IOMMU_INFO_PGSIZES | VFIO_IOMMU_INFO_CAPS);
	expect_equal(info->iova_pgsizes, ~(PAGE - 1));
	/* One range: everything. */
	expect_equal(info->argsz, RANGES + 16);
	expect_equal(info->cap_offset, 0);
}

static void iommu_get_info_has_a_chain_of_capabilities(void **state)
{
	uint32_t ioas, count;
	int iommu = with_ioas(state, &ioas);
	struct iommu_iova_range ranges[32];
	uint64_t answer[MAX_ANSWER / 8];
	const char *bytes = (const char *)answer;
	const struct vfio_iommu_type1_info *info = (void *)answer;
	const struct vfio_iommu_type1_info_dma_avail *avail = (void *)(bytes + CAP_AVAIL);
	const struct vfio_iommu_type1_info_cap_iova_range *cap = (void *)(bytes + CAP_RANGES);
	struct user user;

	use_container(&user, iommu, VFIO_TYPE1v2_IOMMU);
	count = iova_ranges(iommu, ioas, ranges, ARRAY_SIZE(ranges), NULL);
	expect_equal(get_info(iommu, answer, MAX_ANSWER), 0);
	expect_equal(info->argsz, RANGES + 16 * count);
	expect_equal(info->cap_offset, CAP_AVAIL);
	expect_true(info->iova_pgsizes & PAGE);
	expect_equal(avail->header.id, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	expect_equal(avail->header.version, 1);
	expect_equal(avail->header.next, CAP_RANGES);
	expect_equal(avail->avail, UINT32_MAX);
	expect_equal(cap->header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	expect_equal(cap->header.version, 1);
	expect_equal(cap->header.next, 0);
	expect_equal(cap->nr_iovas, count);
	expect_equal(memcmp(cap->iova_ranges, ranges, 16 * count), 0);
}

static void iommu_get_info_writes_what_fits(void **state)
{
	uint32_t ioas, total;
	int iommu = with_ioas(state, &ioas);
	uint64_t whole[MAX_ANSWER / 8], answer[MAX_ANSWER / 8];
	const char *bytes = (const char *)answer, *all = (const char *)whole;
	const struct vfio_iommu_type1_info *info = (void *)answer;
	struct user user;

	use_container(&user, iommu, VFIO_TYPE1v2_IOMMU);
	expect_equal(get_info(iommu, whole, MAX_ANSWER), 0);
	total = (uint32_t)whole[0];
	for (uint32_t argsz = 16; argsz < total; argsz++) {
		expect_equal(get_info(iommu, answer, argsz), 0);
		expect_equal(info->argsz, total);
		if (argsz >= 20)
			expect_equal(info->cap_offset, 0);
		/* The first capability, linked on where the second one begins. */
		expect_equal(memcmp(bytes + CAP_AVAIL, all + CAP_AVAIL, 12) == 0, argsz >= 40);
		if (argsz >= 36)
			expect_equal((uint8_t)bytes[CAP_AVAIL], VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
		for (uint32_t at = RANGES; at + 16 <= total; at += 16)
			expect_equal(memcmp(bytes + at, all + at, 16) == 0, at + 16 <= argsz);
	}
}

int type1_info(void)
{
	const struct CMUnitTest tests[] = {
		CASE(context, get_api_version_is_0, "COMPAT.1"),
		CASE(context, check_extension_of_the_iommufd_container, "COMPAT.2"),
		CASE(context, dma_cc_iommu_is_1_if_every_hwpt_enforces_coherency,
		     "COMPAT.2, DEVICE.5"),
		CASE(context, container_commands_without_a_compat_ioas_are_ENODEV,
		     "COMPAT.3, COMPAT-UNMAP.3"),
		CASE(context, set_iommu_takes_both_types_any_number_of_times, "COMPAT.3"),
		CASE(context, set_iommu_of_type1_over_mappings_it_could_not_cut_is_refused,
		     "COMPAT.3"),
		CASE(context, other_container_commands_are_ENOTTY, "COMPAT.4"),
		CASE(context, iommu_get_info_checks_its_argument, "COMPAT-INFO"),
		CASE(context, iommu_get_info_without_a_page_table_reports_all_sizes_from_a_page_on,
		     "COMPAT-INFO"),
		CASE(context, iommu_get_info_has_a_chain_of_capabilities, "COMPAT-INFO.1..2"),
		CASE(context, iommu_get_info_writes_what_fits, "COMPAT-INFO.1..2"),
	};

	return cmocka_run_group_tests_name("the container", tests, NULL, NULL);
}
