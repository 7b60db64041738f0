/* SPDX-License-Identifier: MIT */
/*
 * The tables. Names of flags are without the prefix that all of a set share. Containers and devices
 * use the same numbers for different commands.
 */
#include "trace/call_table.h"

#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#define WORDS(list, ...)      static const struct call_word list[] = {__VA_ARGS__, {0, NULL}}
#define MEMBERS(list, ...)    static const struct call_member list[] = {__VA_ARGS__, {.name = NULL}}
#define SIZE_OF(type, member) sizeof(((type *)0)->member)

/* Members of the structure TYPE. */
#define M(kind, way, member)                                                                      \
	{                                                                                         \
		.name = #member, .offset = offsetof(TYPE, member), .size = SIZE_OF(TYPE, member), \
		.type = MEMBER_##kind, .direction = CALL_##way                                    \
	}
#define M_WORDS(kind, way, member, names)                                                         \
	{                                                                                         \
		.name = #member, .offset = offsetof(TYPE, member), .size = SIZE_OF(TYPE, member), \
		.type = MEMBER_##kind, .direction = CALL_##way, .words = names                    \
	}
#define M_DATA(way, member, length)                                                               \
	{                                                                                         \
		.name = #member, .offset = offsetof(TYPE, member), .size = SIZE_OF(TYPE, member), \
		.type = MEMBER_POINTER, .direction = CALL_##way, .data_len = length               \
	}
#define SIZE_MEMBER  M(NUMBER, IN, size)
#define ARGSZ_MEMBER M(NUMBER, INOUT, argsz)

/* ---- words ---- */

WORDS(map_flags, {IOMMU_IOAS_MAP_READABLE, "READABLE"}, {IOMMU_IOAS_MAP_WRITEABLE, "WRITEABLE"},
      {IOMMU_IOAS_MAP_FIXED_IOVA, "FIXED_IOVA"});
WORDS(hwpt_flags, {IOMMU_HWPT_ALLOC_NEST_PARENT, "NEST_PARENT"},
      {IOMMU_HWPT_ALLOC_DIRTY_TRACKING, "DIRTY_TRACKING"},
      {IOMMU_HWPT_FAULT_ID_VALID, "FAULT_ID_VALID"}, {IOMMU_HWPT_ALLOC_PASID, "PASID"});
WORDS(hwpt_data, {IOMMU_HWPT_DATA_NONE, "NONE"}, {IOMMU_HWPT_DATA_VTD_S1, "VTD_S1"},
      {IOMMU_HWPT_DATA_ARM_SMMUV3, "ARM_SMMUV3"}, {IOMMU_HWPT_DATA_AMD_GUEST, "AMD_GUEST"},
      {IOMMU_HWPT_DATA_SOFT_S1, "SOFT_S1"});
WORDS(info_capabilities, {IOMMU_IOAS_INFO_MAP, "MAP"},
      {IOMMU_IOAS_INFO_PGTABLE_BINDING, "PGTABLE_BINDING"},
      {IOMMU_IOAS_INFO_PASID_TABLE_BINDING, "PASID_TABLE_BINDING"},
      {IOMMU_IOAS_INFO_HW_NESTING, "HW_NESTING"}, {IOMMU_IOAS_INFO_SW_NESTING, "SW_NESTING"},
      {IOMMU_IOAS_INFO_DIRTY_TRACKING, "DIRTY_TRACKING"},
      {IOMMU_IOAS_INFO_PAGE_REQUESTS, "PAGE_REQUESTS"}, {IOMMU_IOAS_INFO_PASID, "PASID"});
WORDS(tracking_flags, {IOMMU_HWPT_DIRTY_TRACKING_ENABLE, "ENABLE"});
WORDS(bitmap_flags, {IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR, "NO_CLEAR"});
WORDS(invalidate_data, {IOMMU_HWPT_INVALIDATE_DATA_VTD_S1, "VTD_S1"},
      {IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, "ARM_SMMUV3"},
      {IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, "SOFT_S1"});
WORDS(hw_types, {IOMMU_HW_INFO_TYPE_NONE, "NONE"}, {IOMMU_HW_INFO_TYPE_INTEL_VTD, "INTEL_VTD"},
      {IOMMU_HW_INFO_TYPE_ARM_SMMUV3, "ARM_SMMUV3"},
      {IOMMU_HW_INFO_TYPE_TEGRA241_CMDQV, "TEGRA241_CMDQV"}, {IOMMU_HW_INFO_TYPE_AMD, "AMD"});
WORDS(hw_capabilities, {IOMMU_HW_CAP_DIRTY_TRACKING, "DIRTY_TRACKING"},
      {IOMMU_HW_CAP_PCI_PASID_EXEC, "PCI_PASID_EXEC"},
      {IOMMU_HW_CAP_PCI_PASID_PRIV, "PCI_PASID_PRIV"},
      {IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED, "PCI_ATS_NOT_SUPPORTED"});
WORDS(options, {IOMMU_OPTION_RLIMIT_MODE, "RLIMIT_MODE"}, {IOMMU_OPTION_HUGE_PAGES, "HUGE_PAGES"});
WORDS(option_ops, {IOMMU_OPTION_OP_SET, "SET"}, {IOMMU_OPTION_OP_GET, "GET"});
WORDS(vfio_ioas_ops, {IOMMU_VFIO_IOAS_GET, "GET"}, {IOMMU_VFIO_IOAS_SET, "SET"},
      {IOMMU_VFIO_IOAS_CLEAR, "CLEAR"});
WORDS(device_flags, {VFIO_DEVICE_FLAGS_RESET, "RESET"}, {VFIO_DEVICE_FLAGS_PCI, "PCI"},
      {VFIO_DEVICE_FLAGS_CAPS, "CAPS"});
WORDS(region_flags, {VFIO_REGION_INFO_FLAG_READ, "READ"}, {VFIO_REGION_INFO_FLAG_WRITE, "WRITE"},
      {VFIO_REGION_INFO_FLAG_MMAP, "MMAP"}, {VFIO_REGION_INFO_FLAG_CAPS, "CAPS"});
WORDS(irq_flags, {VFIO_IRQ_INFO_EVENTFD, "EVENTFD"}, {VFIO_IRQ_INFO_MASKABLE, "MASKABLE"},
      {VFIO_IRQ_INFO_AUTOMASKED, "AUTOMASKED"}, {VFIO_IRQ_INFO_NORESIZE, "NORESIZE"});
WORDS(irq_set_flags, {VFIO_IRQ_SET_DATA_NONE, "DATA_NONE"}, {VFIO_IRQ_SET_DATA_BOOL, "DATA_BOOL"},
      {VFIO_IRQ_SET_DATA_EVENTFD, "DATA_EVENTFD"}, {VFIO_IRQ_SET_ACTION_MASK, "ACTION_MASK"},
      {VFIO_IRQ_SET_ACTION_UNMASK, "ACTION_UNMASK"},
      {VFIO_IRQ_SET_ACTION_TRIGGER, "ACTION_TRIGGER"});
WORDS(hot_reset_flags, {VFIO_PCI_HOT_RESET_FLAG_DEV_ID, "DEV_ID"},
      {VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED, "DEV_ID_OWNED"});
WORDS(feature_flags, {VFIO_DEVICE_FEATURE_GET, "GET"}, {VFIO_DEVICE_FEATURE_SET, "SET"},
      {VFIO_DEVICE_FEATURE_PROBE, "PROBE"});
WORDS(bind_flags, {VFIO_DEVICE_BIND_FLAG_TOKEN, "TOKEN"});
WORDS(attach_flags, {VFIO_DEVICE_ATTACH_PASID, "PASID"});
WORDS(group_flags, {VFIO_GROUP_FLAGS_VIABLE, "VIABLE"},
      {VFIO_GROUP_FLAGS_CONTAINER_SET, "CONTAINER_SET"});
WORDS(iommu_info_flags, {VFIO_IOMMU_INFO_PGSIZES, "PGSIZES"}, {VFIO_IOMMU_INFO_CAPS, "CAPS"});
WORDS(map_dma_flags, {VFIO_DMA_MAP_FLAG_READ, "READ"}, {VFIO_DMA_MAP_FLAG_WRITE, "WRITE"},
      {VFIO_DMA_MAP_FLAG_VADDR, "VADDR"});
WORDS(unmap_dma_flags, {VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP, "GET_DIRTY_BITMAP"},
      {VFIO_DMA_UNMAP_FLAG_ALL, "ALL"}, {VFIO_DMA_UNMAP_FLAG_VADDR, "VADDR"});
WORDS(dirty_flags, {VFIO_IOMMU_DIRTY_PAGES_FLAG_START, "START"},
      {VFIO_IOMMU_DIRTY_PAGES_FLAG_STOP, "STOP"},
      {VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP, "GET_BITMAP"});

/* ---- lengths of data behind pointers ---- */

/* @count entries of @size; what no program means is cut by who reads it. */
static uint64_t product(uint64_t count, uint64_t size)
{
	uint64_t len;

	return __builtin_mul_overflow(count, size, &len) ? UINT64_MAX : len;
}

static uint64_t allow_iovas_len(const void *structure)
{
	const struct iommu_ioas_allow_iovas *arg = structure;

	return product(arg->num_iovas, sizeof(struct iommu_iova_range));
}

static uint64_t iova_ranges_len(const void *structure)
{
	const struct iommu_ioas_iova_ranges *arg = structure;

	return product(arg->num_iovas, sizeof(struct iommu_iova_range));
}

static uint64_t resv_iovas_len(const void *structure)
{
	const struct iommu_resv_iova_ranges *arg = structure;

	return product(arg->num_iovas, sizeof(struct iommu_iova_range));
}

static uint64_t dev_iovas_len(const void *structure)
{
	const struct iommu_dev_iova_ranges *arg = structure;

	return product(arg->num_iovas, sizeof(struct iommu_iova_range));
}

static uint64_t hwpt_len(const void *structure)
{
	const struct iommu_hwpt_alloc *arg = structure;

	return arg->data_len;
}

static uint64_t viommu_len(const void *structure)
{
	const struct iommu_viommu_alloc *arg = structure;

	return arg->data_len;
}

static uint64_t hw_info_len(const void *structure)
{
	const struct iommu_hw_info *arg = structure;

	return arg->data_len;
}

static uint64_t invalidate_len(const void *structure)
{
	const struct iommu_hwpt_invalidate *arg = structure;

	return product(arg->entry_num, arg->entry_len);
}

static uint64_t bitmap_len(const void *structure)
{
	const struct iommu_hwpt_get_dirty_bitmap *arg = structure;

	return arg->page_size ? (arg->length / arg->page_size + 7) / 8 : 0;
}

static uint64_t token_len(const void *structure)
{
	const struct vfio_device_bind_iommufd *arg = structure;

	return arg->flags & VFIO_DEVICE_BIND_FLAG_TOKEN ? 16 : 0;
}

/* ---- members ---- */

#define TYPE struct iommu_destroy
MEMBERS(destroy_members, SIZE_MEMBER, M(NUMBER, IN, id));
#undef TYPE
#define TYPE struct iommu_ioas_alloc
MEMBERS(ioas_alloc_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, OUT, out_ioas_id));
#undef TYPE
#define TYPE struct iommu_ioas_allow_iovas
MEMBERS(allow_iovas_members, SIZE_MEMBER, M(NUMBER, IN, ioas_id), M(NUMBER, IN, num_iovas),
	M(RESERVED, IN, __reserved), M_DATA(IN, allowed_iovas, allow_iovas_len));
#undef TYPE
#define TYPE struct iommu_ioas_copy
MEMBERS(copy_members, SIZE_MEMBER, M_WORDS(FLAGS, IN, flags, map_flags), M(NUMBER, IN, dst_ioas_id),
	M(NUMBER, IN, src_ioas_id), M(ADDRESS, IN, length), M(ADDRESS, INOUT, dst_iova),
	M(ADDRESS, IN, src_iova));
#undef TYPE
#define TYPE struct iommu_ioas_iova_ranges
MEMBERS(iova_ranges_members, SIZE_MEMBER, M(NUMBER, IN, ioas_id), M(NUMBER, INOUT, num_iovas),
	M(RESERVED, IN, __reserved), M_DATA(OUT, allowed_iovas, iova_ranges_len),
	M(ADDRESS, OUT, out_iova_alignment));
#undef TYPE
#define TYPE struct iommu_ioas_map
MEMBERS(map_members, SIZE_MEMBER, M_WORDS(FLAGS, IN, flags, map_flags), M(NUMBER, IN, ioas_id),
	M(RESERVED, IN, __reserved), M(ADDRESS, IN, user_va), M(ADDRESS, IN, length),
	M(ADDRESS, INOUT, iova));
#undef TYPE
#define TYPE struct iommu_ioas_unmap
MEMBERS(unmap_members, SIZE_MEMBER, M(NUMBER, IN, ioas_id), M(ADDRESS, IN, iova),
	M(ADDRESS, INOUT, length));
#undef TYPE
#define TYPE struct iommu_option
MEMBERS(option_members, SIZE_MEMBER, M_WORDS(CHOICE, IN, option_id, options),
	M_WORDS(CHOICE, IN, op, option_ops), M(RESERVED, IN, __reserved), M(NUMBER, IN, object_id),
	M(NUMBER, INOUT, val64));
#undef TYPE
#define TYPE struct iommu_vfio_ioas
MEMBERS(vfio_ioas_members, SIZE_MEMBER, M(NUMBER, INOUT, ioas_id),
	M_WORDS(CHOICE, IN, op, vfio_ioas_ops), M(RESERVED, IN, __reserved));
#undef TYPE
#define TYPE struct iommu_hwpt_alloc
MEMBERS(hwpt_alloc_members, SIZE_MEMBER, M_WORDS(FLAGS, IN, flags, hwpt_flags),
	M(NUMBER, IN, dev_id), M(NUMBER, IN, pt_id), M(NUMBER, OUT, out_hwpt_id),
	M(RESERVED, IN, __reserved), M_WORDS(CHOICE, IN, data_type, hwpt_data),
	M(NUMBER, IN, data_len), M_DATA(IN, data_uptr, hwpt_len), M(NUMBER, IN, fault_id),
	M(RESERVED, IN, __reserved2));
#undef TYPE
#define TYPE struct iommu_hw_info
MEMBERS(hw_info_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, dev_id),
	M(NUMBER, INOUT, data_len), M_DATA(OUT, data_uptr, hw_info_len),
	M_WORDS(CHOICE, IN, in_data_type, hw_types), M_WORDS(CHOICE, OUT, out_data_type, hw_types),
	M(NUMBER, OUT, out_max_pasid_log2), M_WORDS(FLAGS, OUT, out_capabilities, hw_capabilities));
#undef TYPE
#define TYPE struct iommu_hwpt_set_dirty_tracking
MEMBERS(set_dirty_tracking_members, SIZE_MEMBER, M_WORDS(FLAGS, IN, flags, tracking_flags),
	M(NUMBER, IN, hwpt_id), M(RESERVED, IN, __reserved));
#undef TYPE
#define TYPE struct iommu_hwpt_get_dirty_bitmap
MEMBERS(get_dirty_bitmap_members, SIZE_MEMBER, M(NUMBER, IN, hwpt_id),
	M_WORDS(FLAGS, IN, flags, bitmap_flags), M(RESERVED, IN, __reserved), M(ADDRESS, IN, iova),
	M(ADDRESS, IN, length), M(ADDRESS, IN, page_size), M_DATA(OUT, data, bitmap_len));
#undef TYPE
#define TYPE struct iommu_hwpt_invalidate
MEMBERS(invalidate_members, SIZE_MEMBER, M(NUMBER, IN, hwpt_id),
	M_DATA(IN, data_uptr, invalidate_len), M_WORDS(CHOICE, IN, data_type, invalidate_data),
	M(NUMBER, IN, entry_len), M(NUMBER, INOUT, entry_num), M(RESERVED, IN, __reserved));
#undef TYPE
#define TYPE struct iommu_fault_alloc
MEMBERS(fault_alloc_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, OUT, out_fault_id),
	M(FD, OUT, out_fault_fd));
#undef TYPE
#define TYPE struct iommu_viommu_alloc
MEMBERS(viommu_alloc_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, type),
	M(NUMBER, IN, dev_id), M(NUMBER, IN, hwpt_id), M(NUMBER, OUT, out_viommu_id),
	M(NUMBER, IN, data_len), M(RESERVED, IN, __reserved), M_DATA(INOUT, data_uptr, viommu_len));
#undef TYPE
#define TYPE struct iommu_vdevice_alloc
MEMBERS(vdevice_alloc_members, SIZE_MEMBER, M(NUMBER, IN, viommu_id), M(NUMBER, IN, dev_id),
	M(NUMBER, OUT, out_vdevice_id), M(ADDRESS, IN, virt_id));
#undef TYPE
#define TYPE struct iommu_veventq_alloc
MEMBERS(veventq_alloc_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, viommu_id),
	M(NUMBER, IN, type), M(NUMBER, IN, veventq_depth), M(NUMBER, OUT, out_veventq_id),
	M(FD, OUT, out_veventq_fd), M(RESERVED, IN, __reserved));
#undef TYPE
#define TYPE struct iommu_hw_queue_alloc
MEMBERS(hw_queue_alloc_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, viommu_id),
	M(NUMBER, IN, type), M(NUMBER, IN, index), M(NUMBER, OUT, out_hw_queue_id),
	M(ADDRESS, IN, nesting_parent_iova), M(ADDRESS, IN, length));
#undef TYPE
#define TYPE struct iommu_ioas_map_file
MEMBERS(map_file_members, SIZE_MEMBER, M_WORDS(FLAGS, IN, flags, map_flags), M(NUMBER, IN, ioas_id),
	M(FD, IN, fd), M(ADDRESS, IN, start), M(ADDRESS, IN, length), M(ADDRESS, INOUT, iova));
#undef TYPE
#define TYPE struct iommu_ioas_noiommu_get_pa
MEMBERS(get_pa_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, ioas_id),
	M(RESERVED, IN, __reserved), M(ADDRESS, IN, iova), M(ADDRESS, INOUT, length),
	M(ADDRESS, OUT, out_phys));
#undef TYPE
#define TYPE struct iommu_ioas_change_process
MEMBERS(change_process_members, SIZE_MEMBER, M(RESERVED, IN, __reserved));
#undef TYPE
#define TYPE struct iommu_resv_iova_ranges
MEMBERS(resv_ranges_members, SIZE_MEMBER, M(NUMBER, IN, dev_id), M(NUMBER, INOUT, num_iovas),
	M(RESERVED, IN, __reserved), M_DATA(OUT, resv_iovas, resv_iovas_len));
#undef TYPE
#define TYPE struct iommu_dev_iova_ranges
MEMBERS(dev_ranges_members, SIZE_MEMBER, M(NUMBER, IN, dev_id), M(NUMBER, INOUT, num_iovas),
	M(RESERVED, IN, __reserved), M_DATA(OUT, allowed_iovas, dev_iovas_len),
	M(ADDRESS, OUT, out_iova_alignment));
#undef TYPE
#define TYPE struct iommu_iova_lookup
MEMBERS(lookup_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, pt_id),
	M(RESERVED, IN, __reserved), M(ADDRESS, IN, iova), M(ADDRESS, OUT, out_start),
	M(ADDRESS, OUT, out_length), M(ADDRESS, OUT, out_addr), M(NUMBER, OUT, out_perm),
	M(NUMBER, OUT, out_kind), M(NUMBER, OUT, out_pid), M(NUMBER, OUT, out_flags));
#undef TYPE
#define TYPE struct iommu_ioas_get_info
MEMBERS(get_info_members, SIZE_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, ioas_id),
	M(RESERVED, IN, __reserved), M_WORDS(FLAGS, OUT, out_capabilities, info_capabilities),
	M(ADDRESS, OUT, out_page_sizes), M(ADDRESS, OUT, out_alignment),
	M(NUMBER, OUT, out_num_permitted), M(NUMBER, OUT, out_num_tables),
	M(NUMBER, OUT, out_num_devices));
#undef TYPE
#define TYPE struct vfio_group_status
MEMBERS(group_status_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, group_flags));
#undef TYPE
#define TYPE struct vfio_iommu_type1_info
MEMBERS(iommu_info_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, iommu_info_flags),
	M(ADDRESS, OUT, iova_pgsizes), M(NUMBER, OUT, cap_offset));
#undef TYPE
#define TYPE struct vfio_iommu_type1_dma_map
MEMBERS(map_dma_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, map_dma_flags),
	M(ADDRESS, IN, vaddr), M(ADDRESS, IN, iova), M(ADDRESS, IN, size));
#undef TYPE
#define TYPE struct vfio_iommu_type1_dma_unmap
MEMBERS(unmap_dma_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, unmap_dma_flags),
	M(ADDRESS, IN, iova), M(ADDRESS, INOUT, size));
#undef TYPE
#define TYPE struct vfio_iommu_type1_dirty_bitmap
MEMBERS(dirty_pages_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, dirty_flags));
#undef TYPE
#define TYPE struct vfio_device_info
MEMBERS(device_info_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, device_flags),
	M(NUMBER, OUT, num_regions), M(NUMBER, OUT, num_irqs), M(NUMBER, OUT, cap_offset));
#undef TYPE
#define TYPE struct vfio_region_info
MEMBERS(region_info_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, region_flags),
	M(NUMBER, IN, index), M(NUMBER, OUT, cap_offset), M(ADDRESS, OUT, size),
	M(ADDRESS, OUT, offset));
#undef TYPE
#define TYPE struct vfio_irq_info
MEMBERS(irq_info_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, irq_flags), M(NUMBER, IN, index),
	M(NUMBER, OUT, count));
#undef TYPE
#define TYPE struct vfio_irq_set
MEMBERS(irq_set_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, irq_set_flags),
	M(NUMBER, IN, index), M(NUMBER, IN, start), M(NUMBER, IN, count));
#undef TYPE
#define TYPE struct vfio_pci_hot_reset_info
MEMBERS(hot_reset_info_members, ARGSZ_MEMBER, M_WORDS(FLAGS, OUT, flags, hot_reset_flags),
	M(NUMBER, OUT, count));
#undef TYPE
#define TYPE struct vfio_pci_hot_reset
MEMBERS(hot_reset_members, ARGSZ_MEMBER, M(NUMBER, IN, flags), M(NUMBER, IN, count));
#undef TYPE
#define TYPE struct vfio_device_ioeventfd
MEMBERS(ioeventfd_members, ARGSZ_MEMBER, M(NUMBER, IN, flags), M(ADDRESS, IN, offset),
	M(ADDRESS, IN, data), M(FD, IN, fd), M(RESERVED, IN, reserved));
#undef TYPE
#define TYPE struct vfio_device_feature
MEMBERS(feature_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, feature_flags));
#undef TYPE
#define TYPE struct vfio_device_bind_iommufd
MEMBERS(bind_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, bind_flags), M(FD, IN, iommufd),
	M(NUMBER, OUT, out_devid), M_DATA(IN, token_uuid_ptr, token_len));
#undef TYPE
#define TYPE struct vfio_device_attach_iommufd_pt
MEMBERS(attach_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, attach_flags),
	M(NUMBER, INOUT, pt_id), M(NUMBER, IN, pasid));
#undef TYPE
#define TYPE struct vfio_device_detach_iommufd_pt
MEMBERS(detach_members, ARGSZ_MEMBER, M_WORDS(FLAGS, IN, flags, attach_flags),
	M(NUMBER, IN, pasid));
#undef TYPE

/* ---- commands ---- */

#define STRUCTURE(cmd, type, tail, members)                            \
	{                                                              \
		cmd, #cmd, CALL_STRUCTURE, tail, sizeof(type), members \
	}
#define OTHER(cmd, argument)                    \
	{                                       \
		cmd, #cmd, argument, 0, 0, NULL \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The test ABI: only its users know the structure. */
#define IOMMU_TEST_CMD _IO(IOMMUFD_TYPE, 0xa0)

static const struct call_info calls[] = {
	STRUCTURE(IOMMU_DESTROY, struct iommu_destroy, 0, destroy_members),
	STRUCTURE(IOMMU_IOAS_ALLOC, struct iommu_ioas_alloc, 0, ioas_alloc_members),
	STRUCTURE(IOMMU_IOAS_ALLOW_IOVAS, struct iommu_ioas_allow_iovas, 0, allow_iovas_members),
	STRUCTURE(IOMMU_IOAS_COPY, struct iommu_ioas_copy, 0, copy_members),
	STRUCTURE(IOMMU_IOAS_IOVA_RANGES, struct iommu_ioas_iova_ranges, 0, iova_ranges_members),
	STRUCTURE(IOMMU_IOAS_MAP, struct iommu_ioas_map, 0, map_members),
	STRUCTURE(IOMMU_IOAS_UNMAP, struct iommu_ioas_unmap, 0, unmap_members),
	STRUCTURE(IOMMU_OPTION, struct iommu_option, 0, option_members),
	STRUCTURE(IOMMU_VFIO_IOAS, struct iommu_vfio_ioas, 0, vfio_ioas_members),
	STRUCTURE(IOMMU_HWPT_ALLOC, struct iommu_hwpt_alloc, 0, hwpt_alloc_members),
	STRUCTURE(IOMMU_GET_HW_INFO, struct iommu_hw_info, 0, hw_info_members),
	STRUCTURE(IOMMU_HWPT_SET_DIRTY_TRACKING, struct iommu_hwpt_set_dirty_tracking, 0,
		  set_dirty_tracking_members),
	STRUCTURE(IOMMU_HWPT_GET_DIRTY_BITMAP, struct iommu_hwpt_get_dirty_bitmap, 0,
		  get_dirty_bitmap_members),
	STRUCTURE(IOMMU_HWPT_INVALIDATE, struct iommu_hwpt_invalidate, 0, invalidate_members),
	STRUCTURE(IOMMU_FAULT_QUEUE_ALLOC, struct iommu_fault_alloc, 0, fault_alloc_members),
	STRUCTURE(IOMMU_VIOMMU_ALLOC, struct iommu_viommu_alloc, 0, viommu_alloc_members),
	STRUCTURE(IOMMU_VDEVICE_ALLOC, struct iommu_vdevice_alloc, 0, vdevice_alloc_members),
	STRUCTURE(IOMMU_VEVENTQ_ALLOC, struct iommu_veventq_alloc, 0, veventq_alloc_members),
	STRUCTURE(IOMMU_HW_QUEUE_ALLOC, struct iommu_hw_queue_alloc, 0, hw_queue_alloc_members),
	STRUCTURE(IOMMU_IOAS_MAP_FILE, struct iommu_ioas_map_file, 0, map_file_members),
	STRUCTURE(IOMMU_IOAS_NOIOMMU_GET_PA, struct iommu_ioas_noiommu_get_pa, 0, get_pa_members),
	STRUCTURE(IOMMU_IOAS_CHANGE_PROCESS, struct iommu_ioas_change_process, 0,
		  change_process_members),
	STRUCTURE(IOMMU_RESV_IOVA_RANGES, struct iommu_resv_iova_ranges, 0, resv_ranges_members),
	STRUCTURE(IOMMU_DEV_IOVA_RANGES, struct iommu_dev_iova_ranges, 0, dev_ranges_members),
	STRUCTURE(IOMMU_IOVA_LOOKUP, struct iommu_iova_lookup, 0, lookup_members),
	STRUCTURE(IOMMU_IOAS_GET_INFO, struct iommu_ioas_get_info, 0, get_info_members),
	{IOMMU_TEST_CMD, "IOMMU_TEST_CMD", CALL_STRUCTURE, CALL_IN, sizeof(uint32_t), NULL},
	OTHER(VFIO_GET_API_VERSION, CALL_NOTHING),
	OTHER(VFIO_CHECK_EXTENSION, CALL_NUMBER),
	OTHER(VFIO_SET_IOMMU, CALL_NUMBER),
	OTHER(VFIO_GROUP_SET_CONTAINER, CALL_FD_POINTER),
	OTHER(VFIO_GROUP_UNSET_CONTAINER, CALL_NOTHING),
	OTHER(VFIO_GROUP_GET_DEVICE_FD, CALL_TEXT),
	STRUCTURE(VFIO_GROUP_GET_STATUS, struct vfio_group_status, 0, group_status_members),
	STRUCTURE(VFIO_IOMMU_GET_INFO, struct vfio_iommu_type1_info, CALL_OUT, iommu_info_members),
	STRUCTURE(VFIO_IOMMU_MAP_DMA, struct vfio_iommu_type1_dma_map, 0, map_dma_members),
	STRUCTURE(VFIO_IOMMU_UNMAP_DMA, struct vfio_iommu_type1_dma_unmap, CALL_IN,
		  unmap_dma_members),
	STRUCTURE(VFIO_IOMMU_DIRTY_PAGES, struct vfio_iommu_type1_dirty_bitmap, CALL_IN,
		  dirty_pages_members),
};

static const struct call_info device_calls[] = {
	OTHER(VFIO_DEVICE_RESET, CALL_NOTHING),
	STRUCTURE(VFIO_DEVICE_GET_INFO, struct vfio_device_info, CALL_OUT, device_info_members),
	STRUCTURE(VFIO_DEVICE_GET_REGION_INFO, struct vfio_region_info, CALL_OUT,
		  region_info_members),
	STRUCTURE(VFIO_DEVICE_GET_IRQ_INFO, struct vfio_irq_info, 0, irq_info_members),
	STRUCTURE(VFIO_DEVICE_SET_IRQS, struct vfio_irq_set, CALL_IN, irq_set_members),
	STRUCTURE(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, struct vfio_pci_hot_reset_info, CALL_OUT,
		  hot_reset_info_members),
	STRUCTURE(VFIO_DEVICE_PCI_HOT_RESET, struct vfio_pci_hot_reset, CALL_IN, hot_reset_members),
	STRUCTURE(VFIO_DEVICE_IOEVENTFD, struct vfio_device_ioeventfd, 0, ioeventfd_members),
	STRUCTURE(VFIO_DEVICE_FEATURE, struct vfio_device_feature, CALL_INOUT, feature_members),
	STRUCTURE(VFIO_DEVICE_BIND_IOMMUFD, struct vfio_device_bind_iommufd, 0, bind_members),
	STRUCTURE(VFIO_DEVICE_ATTACH_IOMMUFD_PT, struct vfio_device_attach_iommufd_pt, 0,
		  attach_members),
	STRUCTURE(VFIO_DEVICE_DETACH_IOMMUFD_PT, struct vfio_device_detach_iommufd_pt, 0,
		  detach_members),
};

static const struct call_info *find(const struct call_info *infos, size_t count, unsigned int cmd)
{
	for (size_t i = 0; i < count; i++)
		if (infos[i].cmd == cmd)
			return &infos[i];
	return NULL;
}

const struct call_info *call_find(unsigned int cmd, bool device)
{
	const struct call_info *info = NULL;

	if (device)
		info = find(device_calls, COUNT(device_calls), cmd);
	return info ? info : find(calls, COUNT(calls), cmd);
}

const struct call_info *call_find_name(const char *name)
{
	for (size_t i = 0; i < COUNT(calls); i++)
		if (strcmp(calls[i].name, name) == 0)
			return &calls[i];
	for (size_t i = 0; i < COUNT(device_calls); i++)
		if (strcmp(device_calls[i].name, name) == 0)
			return &device_calls[i];
	return NULL;
}
