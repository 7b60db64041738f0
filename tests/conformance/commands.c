/* SPDX-License-Identifier: MIT */
/* The commands that tests need on their way to what they test (conformance.h). */
#include <errno.h>

#include "conformance.h"

uint32_t new_ioas(int iommu)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};

	expect_ok(iommu, IOMMU_IOAS_ALLOC, &alloc);
	return alloc.out_ioas_id;
}

void destroy(int iommu, uint32_t id)
{
	expect_ok(iommu, IOMMU_DESTROY, CMD(iommu_destroy, .id = id));
}

void map_at(int iommu, uint32_t ioas, uint32_t flags, uint64_t iova, const void *va,
	    uint64_t length)
{
	expect_ok(iommu, IOMMU_IOAS_MAP,
		  CMD(iommu_ioas_map, .flags = flags | FIXED, .ioas_id = ioas, .iova = iova,
		      .user_va = (uintptr_t)va, .length = length));
}

uint64_t map_anywhere(int iommu, uint32_t ioas, uint64_t user_va, uint64_t length)
{
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = RW,
		.ioas_id = ioas,
		.user_va = user_va,
		.length = length,
	};

	expect_ok(iommu, IOMMU_IOAS_MAP, &map);
	return map.iova;
}

void unmap(int iommu, uint32_t ioas, uint64_t iova, uint64_t length)
{
	expect_ok(iommu, IOMMU_IOAS_UNMAP,
		  CMD(iommu_ioas_unmap, .ioas_id = ioas, .iova = iova, .length = length));
}

void allow(int iommu, uint32_t ioas, const struct iommu_iova_range *ranges, uint32_t count)
{
	expect_ok(iommu, IOMMU_IOAS_ALLOW_IOVAS,
		  CMD(iommu_ioas_allow_iovas, .ioas_id = ioas, .num_iovas = count,
		      .allowed_iovas = (uintptr_t)ranges));
}

void set_huge_pages(int iommu, uint32_t ioas, bool on)
{
	expect_ok(iommu, IOMMU_OPTION,
		  CMD(iommu_option, .option_id = IOMMU_OPTION_HUGE_PAGES, .op = IOMMU_OPTION_OP_SET,
		      .object_id = ioas, .val64 = on));
}

uint32_t bind_device(int device, int iommu)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};

	expect_ok(device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	return bind.out_devid;
}

uint32_t attach_device(int device, uint32_t pt_id)
{
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach), .pt_id = pt_id};

	expect_ok(device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	return attach.pt_id;
}

void detach_device(int device)
{
	expect_ok(device, VFIO_DEVICE_DETACH_IOMMUFD_PT, VFIO_CMD(vfio_device_detach_iommufd_pt));
}

bool is_mapped(int iommu, uint32_t ioas, uint64_t iova)
{
	static char page[PAGE] __attribute__((aligned(PAGE)));
	int result =
		do_ioctl(iommu, IOMMU_IOAS_MAP,
			 CMD(iommu_ioas_map, .flags = RW | FIXED, .ioas_id = ioas,
			     .iova = iova & -PAGE, .user_va = (uintptr_t)page, .length = PAGE));

	if (result == -EEXIST)
		return true;
	if (result)
		conformance_fail(HERE, "IOMMU_IOAS_MAP: errno %d, expected success or EEXIST",
				 -result);
	unmap(iommu, ioas, iova & -PAGE, PAGE);
	return false;
}

uint32_t iova_ranges(int iommu, uint32_t ioas, struct iommu_iova_range *ranges, uint32_t max,
		     uint64_t *alignment)
{
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = ioas,
		.num_iovas = max,
		.allowed_iovas = (uintptr_t)ranges,
	};
	int result = do_ioctl(iommu, IOMMU_IOAS_IOVA_RANGES, &cmd);

	if (result && result != -EMSGSIZE)
		conformance_fail(HERE, "IOMMU_IOAS_IOVA_RANGES: errno %d", -result);
	if (alignment)
		*alignment = cmd.out_iova_alignment;
	return cmd.num_iovas;
}

bool reserved_gap(int iommu, uint32_t ioas, struct iommu_iova_range *gap)
{
	struct iommu_iova_range ranges[2];

	if (iova_ranges(iommu, ioas, ranges, 2, NULL) < 2)
		return false;
	gap->start = ranges[0].last + 1;
	gap->last = ranges[1].start - 1;
	return true;
}

uint32_t invalidate_entries(int iommu, uint32_t id, int error, uint32_t type, const void *entries,
			    uint32_t entry_len, uint32_t count)
{
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = id,
		.data_uptr = (uintptr_t)entries,
		.data_type = type,
		.entry_len = entry_len,
		.entry_num = count,
	};

	expect_errno(error, iommu, IOMMU_HWPT_INVALIDATE, &cmd);
	return cmd.entry_num;
}
