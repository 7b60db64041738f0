/* SPDX-License-Identifier: MIT */
/*
 * The ABI headers against the numbers of the reference, as far as the compiler can tell:
 * [LAYOUT.1..23], [VFIO-COMMANDS.1..21], [EXT-RESV-RANGES-LAYOUT.1..5], [EXT-LOOKUP-LAYOUT.1..5].
 * Needs nothing: the comparison with the kernel's own headers is abi_test.py. That this compiles
 * is the test.
 */
#include <assert.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "mock/test_abi.h"

#define SIZE(type, bytes) static_assert(sizeof(struct type) == (bytes), "size of " #type)
#define AT(type, field, offset, bytes)                                      \
	static_assert(offsetof(struct type, field) == (offset) &&           \
			      sizeof(((struct type *)0)->field) == (bytes), \
		      #type "." #field)
#define NUMBER(name, value) static_assert((name) == (value), #name)
/* A member that ends before the rest of a structure that an old caller may leave out. */
#define LEAST(type, field, bytes)                                                                  \
	static_assert(offsetof(struct type, field) + sizeof(((struct type *)0)->field) == (bytes), \
		      "least size of " #type)

/* ---- iommufd: number, size, least size, members ---- */

NUMBER(IOMMU_DESTROY, 0x3b80);
SIZE(iommu_destroy, 8);
AT(iommu_destroy, size, 0, 4);
AT(iommu_destroy, id, 4, 4);

NUMBER(IOMMU_IOAS_ALLOC, 0x3b81);
SIZE(iommu_ioas_alloc, 12);
AT(iommu_ioas_alloc, size, 0, 4);
AT(iommu_ioas_alloc, flags, 4, 4);
AT(iommu_ioas_alloc, out_ioas_id, 8, 4);

SIZE(iommu_iova_range, 16);
AT(iommu_iova_range, start, 0, 8);
AT(iommu_iova_range, last, 8, 8);

NUMBER(IOMMU_IOAS_IOVA_RANGES, 0x3b84);
SIZE(iommu_ioas_iova_ranges, 32);
AT(iommu_ioas_iova_ranges, size, 0, 4);
AT(iommu_ioas_iova_ranges, ioas_id, 4, 4);
AT(iommu_ioas_iova_ranges, num_iovas, 8, 4);
AT(iommu_ioas_iova_ranges, __reserved, 12, 4);
AT(iommu_ioas_iova_ranges, allowed_iovas, 16, 8);
AT(iommu_ioas_iova_ranges, out_iova_alignment, 24, 8);

NUMBER(IOMMU_IOAS_ALLOW_IOVAS, 0x3b82);
SIZE(iommu_ioas_allow_iovas, 24);
AT(iommu_ioas_allow_iovas, size, 0, 4);
AT(iommu_ioas_allow_iovas, ioas_id, 4, 4);
AT(iommu_ioas_allow_iovas, num_iovas, 8, 4);
AT(iommu_ioas_allow_iovas, __reserved, 12, 4);
AT(iommu_ioas_allow_iovas, allowed_iovas, 16, 8);

NUMBER(IOMMU_IOAS_MAP, 0x3b85);
SIZE(iommu_ioas_map, 40);
AT(iommu_ioas_map, size, 0, 4);
AT(iommu_ioas_map, flags, 4, 4);
AT(iommu_ioas_map, ioas_id, 8, 4);
AT(iommu_ioas_map, __reserved, 12, 4);
AT(iommu_ioas_map, user_va, 16, 8);
AT(iommu_ioas_map, length, 24, 8);
AT(iommu_ioas_map, iova, 32, 8);

NUMBER(IOMMU_IOAS_MAP_FILE, 0x3b8f);
SIZE(iommu_ioas_map_file, 40);
AT(iommu_ioas_map_file, size, 0, 4);
AT(iommu_ioas_map_file, flags, 4, 4);
AT(iommu_ioas_map_file, ioas_id, 8, 4);
AT(iommu_ioas_map_file, fd, 12, 4);
AT(iommu_ioas_map_file, start, 16, 8);
AT(iommu_ioas_map_file, length, 24, 8);
AT(iommu_ioas_map_file, iova, 32, 8);

NUMBER(IOMMU_IOAS_COPY, 0x3b83);
SIZE(iommu_ioas_copy, 40);
AT(iommu_ioas_copy, size, 0, 4);
AT(iommu_ioas_copy, flags, 4, 4);
AT(iommu_ioas_copy, dst_ioas_id, 8, 4);
AT(iommu_ioas_copy, src_ioas_id, 12, 4);
AT(iommu_ioas_copy, length, 16, 8);
AT(iommu_ioas_copy, dst_iova, 24, 8);
AT(iommu_ioas_copy, src_iova, 32, 8);

NUMBER(IOMMU_IOAS_UNMAP, 0x3b86);
SIZE(iommu_ioas_unmap, 24);
AT(iommu_ioas_unmap, size, 0, 4);
AT(iommu_ioas_unmap, ioas_id, 4, 4);
AT(iommu_ioas_unmap, iova, 8, 8);
AT(iommu_ioas_unmap, length, 16, 8);

NUMBER(IOMMU_IOAS_NOIOMMU_GET_PA, 0x3b95);
SIZE(iommu_ioas_noiommu_get_pa, 40);
AT(iommu_ioas_noiommu_get_pa, size, 0, 4);
AT(iommu_ioas_noiommu_get_pa, flags, 4, 4);
AT(iommu_ioas_noiommu_get_pa, ioas_id, 8, 4);
AT(iommu_ioas_noiommu_get_pa, __reserved, 12, 4);
AT(iommu_ioas_noiommu_get_pa, iova, 16, 8);
AT(iommu_ioas_noiommu_get_pa, length, 24, 8);
AT(iommu_ioas_noiommu_get_pa, out_phys, 32, 8);

NUMBER(IOMMU_OPTION, 0x3b87);
SIZE(iommu_option, 24);
AT(iommu_option, size, 0, 4);
AT(iommu_option, option_id, 4, 4);
AT(iommu_option, op, 8, 2);
AT(iommu_option, __reserved, 10, 2);
AT(iommu_option, object_id, 12, 4);
AT(iommu_option, val64, 16, 8);

NUMBER(IOMMU_VFIO_IOAS, 0x3b88);
SIZE(iommu_vfio_ioas, 12);
AT(iommu_vfio_ioas, size, 0, 4);
AT(iommu_vfio_ioas, ioas_id, 4, 4);
AT(iommu_vfio_ioas, op, 8, 2);
AT(iommu_vfio_ioas, __reserved, 10, 2);

NUMBER(IOMMU_HWPT_ALLOC, 0x3b89);
SIZE(iommu_hwpt_alloc, 48);
AT(iommu_hwpt_alloc, size, 0, 4);
AT(iommu_hwpt_alloc, flags, 4, 4);
AT(iommu_hwpt_alloc, dev_id, 8, 4);
AT(iommu_hwpt_alloc, pt_id, 12, 4);
AT(iommu_hwpt_alloc, out_hwpt_id, 16, 4);
AT(iommu_hwpt_alloc, __reserved, 20, 4);
AT(iommu_hwpt_alloc, data_type, 24, 4);
AT(iommu_hwpt_alloc, data_len, 28, 4);
AT(iommu_hwpt_alloc, data_uptr, 32, 8);
AT(iommu_hwpt_alloc, fault_id, 40, 4);
AT(iommu_hwpt_alloc, __reserved2, 44, 4);
LEAST(iommu_hwpt_alloc, __reserved, 24);

NUMBER(IOMMU_GET_HW_INFO, 0x3b8a);
SIZE(iommu_hw_info, 40);
AT(iommu_hw_info, size, 0, 4);
AT(iommu_hw_info, flags, 4, 4);
AT(iommu_hw_info, dev_id, 8, 4);
AT(iommu_hw_info, data_len, 12, 4);
AT(iommu_hw_info, data_uptr, 16, 8);
AT(iommu_hw_info, in_data_type, 24, 4);
AT(iommu_hw_info, out_data_type, 24, 4);
AT(iommu_hw_info, out_max_pasid_log2, 28, 1);
AT(iommu_hw_info, __reserved, 29, 3);
AT(iommu_hw_info, out_capabilities, 32, 8);
LEAST(iommu_hw_info, __reserved, 32);

NUMBER(IOMMU_HWPT_SET_DIRTY_TRACKING, 0x3b8b);
SIZE(iommu_hwpt_set_dirty_tracking, 16);
AT(iommu_hwpt_set_dirty_tracking, size, 0, 4);
AT(iommu_hwpt_set_dirty_tracking, flags, 4, 4);
AT(iommu_hwpt_set_dirty_tracking, hwpt_id, 8, 4);
AT(iommu_hwpt_set_dirty_tracking, __reserved, 12, 4);

NUMBER(IOMMU_HWPT_GET_DIRTY_BITMAP, 0x3b8c);
SIZE(iommu_hwpt_get_dirty_bitmap, 48);
AT(iommu_hwpt_get_dirty_bitmap, size, 0, 4);
AT(iommu_hwpt_get_dirty_bitmap, hwpt_id, 4, 4);
AT(iommu_hwpt_get_dirty_bitmap, flags, 8, 4);
AT(iommu_hwpt_get_dirty_bitmap, __reserved, 12, 4);
AT(iommu_hwpt_get_dirty_bitmap, iova, 16, 8);
AT(iommu_hwpt_get_dirty_bitmap, length, 24, 8);
AT(iommu_hwpt_get_dirty_bitmap, page_size, 32, 8);
AT(iommu_hwpt_get_dirty_bitmap, data, 40, 8);

NUMBER(IOMMU_HWPT_INVALIDATE, 0x3b8d);
SIZE(iommu_hwpt_invalidate, 32);
AT(iommu_hwpt_invalidate, size, 0, 4);
AT(iommu_hwpt_invalidate, hwpt_id, 4, 4);
AT(iommu_hwpt_invalidate, data_uptr, 8, 8);
AT(iommu_hwpt_invalidate, data_type, 16, 4);
AT(iommu_hwpt_invalidate, entry_len, 20, 4);
AT(iommu_hwpt_invalidate, entry_num, 24, 4);
AT(iommu_hwpt_invalidate, __reserved, 28, 4);

NUMBER(IOMMU_FAULT_QUEUE_ALLOC, 0x3b8e);
SIZE(iommu_fault_alloc, 16);
AT(iommu_fault_alloc, size, 0, 4);
AT(iommu_fault_alloc, flags, 4, 4);
AT(iommu_fault_alloc, out_fault_id, 8, 4);
AT(iommu_fault_alloc, out_fault_fd, 12, 4);

NUMBER(IOMMU_VIOMMU_ALLOC, 0x3b90);
SIZE(iommu_viommu_alloc, 40);
AT(iommu_viommu_alloc, size, 0, 4);
AT(iommu_viommu_alloc, flags, 4, 4);
AT(iommu_viommu_alloc, type, 8, 4);
AT(iommu_viommu_alloc, dev_id, 12, 4);
AT(iommu_viommu_alloc, hwpt_id, 16, 4);
AT(iommu_viommu_alloc, out_viommu_id, 20, 4);
AT(iommu_viommu_alloc, data_len, 24, 4);
AT(iommu_viommu_alloc, __reserved, 28, 4);
AT(iommu_viommu_alloc, data_uptr, 32, 8);
LEAST(iommu_viommu_alloc, out_viommu_id, 24);

NUMBER(IOMMU_VDEVICE_ALLOC, 0x3b91);
SIZE(iommu_vdevice_alloc, 24);
AT(iommu_vdevice_alloc, size, 0, 4);
AT(iommu_vdevice_alloc, viommu_id, 4, 4);
AT(iommu_vdevice_alloc, dev_id, 8, 4);
AT(iommu_vdevice_alloc, out_vdevice_id, 12, 4);
AT(iommu_vdevice_alloc, virt_id, 16, 8);

NUMBER(IOMMU_IOAS_CHANGE_PROCESS, 0x3b92);
SIZE(iommu_ioas_change_process, 8);
AT(iommu_ioas_change_process, size, 0, 4);
AT(iommu_ioas_change_process, __reserved, 4, 4);

NUMBER(IOMMU_VEVENTQ_ALLOC, 0x3b93);
SIZE(iommu_veventq_alloc, 32);
AT(iommu_veventq_alloc, size, 0, 4);
AT(iommu_veventq_alloc, flags, 4, 4);
AT(iommu_veventq_alloc, viommu_id, 8, 4);
AT(iommu_veventq_alloc, type, 12, 4);
AT(iommu_veventq_alloc, veventq_depth, 16, 4);
AT(iommu_veventq_alloc, out_veventq_id, 20, 4);
AT(iommu_veventq_alloc, out_veventq_fd, 24, 4);
AT(iommu_veventq_alloc, __reserved, 28, 4);
LEAST(iommu_veventq_alloc, out_veventq_fd, 28);

NUMBER(IOMMU_HW_QUEUE_ALLOC, 0x3b94);
SIZE(iommu_hw_queue_alloc, 40);
AT(iommu_hw_queue_alloc, size, 0, 4);
AT(iommu_hw_queue_alloc, flags, 4, 4);
AT(iommu_hw_queue_alloc, viommu_id, 8, 4);
AT(iommu_hw_queue_alloc, type, 12, 4);
AT(iommu_hw_queue_alloc, index, 16, 4);
AT(iommu_hw_queue_alloc, out_hw_queue_id, 20, 4);
AT(iommu_hw_queue_alloc, nesting_parent_iova, 24, 8);
AT(iommu_hw_queue_alloc, length, 32, 8);

/* ---- what an iommufd's descriptors give and take ---- */

SIZE(iommu_hwpt_pgfault, 40);
AT(iommu_hwpt_pgfault, flags, 0, 4);
AT(iommu_hwpt_pgfault, dev_id, 4, 4);
AT(iommu_hwpt_pgfault, pasid, 8, 4);
AT(iommu_hwpt_pgfault, grpid, 12, 4);
AT(iommu_hwpt_pgfault, perm, 16, 4);
AT(iommu_hwpt_pgfault, addr, 24, 8);
AT(iommu_hwpt_pgfault, length, 32, 4);
AT(iommu_hwpt_pgfault, cookie, 36, 4);
SIZE(iommu_hwpt_page_response, 8);
AT(iommu_hwpt_page_response, cookie, 0, 4);
AT(iommu_hwpt_page_response, code, 4, 4);
SIZE(iommufd_vevent_header, 8);
AT(iommufd_vevent_header, flags, 0, 4);
AT(iommufd_vevent_header, sequence, 4, 4);
SIZE(iommu_vevent_arm_smmuv3, 32);
SIZE(iommu_vevent_tegra241_cmdqv, 16);

/* ---- drivers' data ---- */

SIZE(iommu_hwpt_vtd_s1, 24);
SIZE(iommu_hwpt_arm_smmuv3, 16);
SIZE(iommu_hwpt_amd_guest, 32);
SIZE(iommu_hwpt_vtd_s1_invalidate, 24);
SIZE(iommu_viommu_arm_smmuv3_invalidate, 16);
SIZE(iommu_hw_info_vtd, 24);
SIZE(iommu_hw_info_arm_smmuv3, 40);
SIZE(iommu_hw_info_tegra241_cmdqv, 8);
SIZE(iommu_hw_info_amd, 16);
SIZE(iommu_viommu_tegra241_cmdqv, 16);
NUMBER(IOMMU_HWPT_DATA_AMD_GUEST, 3);
NUMBER(IOMMU_HW_INFO_TYPE_AMD, 4);
NUMBER(IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED, 8);
NUMBER(IOMMU_HWPT_ALLOC_PASID, 8);
NUMBER(IOMMU_HWPT_FAULT_ID_VALID, 4);

/* ---- our own commands ---- */

NUMBER(IOMMU_RESV_IOVA_RANGES, 0x3bc0);
SIZE(iommu_resv_iova_ranges, 24);
AT(iommu_resv_iova_ranges, dev_id, 4, 4);
AT(iommu_resv_iova_ranges, num_iovas, 8, 4);
AT(iommu_resv_iova_ranges, __reserved, 12, 4);
AT(iommu_resv_iova_ranges, resv_iovas, 16, 8);

NUMBER(IOMMU_DEV_IOVA_RANGES, 0x3bc1);
SIZE(iommu_dev_iova_ranges, 32);
AT(iommu_dev_iova_ranges, dev_id, 4, 4);
AT(iommu_dev_iova_ranges, num_iovas, 8, 4);
AT(iommu_dev_iova_ranges, __reserved, 12, 4);
AT(iommu_dev_iova_ranges, allowed_iovas, 16, 8);
AT(iommu_dev_iova_ranges, out_iova_alignment, 24, 8);

NUMBER(IOMMU_IOAS_GET_INFO, 0x3bc3);
SIZE(iommu_ioas_get_info, 48);
AT(iommu_ioas_get_info, flags, 4, 4);
AT(iommu_ioas_get_info, ioas_id, 8, 4);
AT(iommu_ioas_get_info, __reserved, 12, 4);
AT(iommu_ioas_get_info, out_capabilities, 16, 8);
AT(iommu_ioas_get_info, out_page_sizes, 24, 8);
AT(iommu_ioas_get_info, out_alignment, 32, 4);
AT(iommu_ioas_get_info, out_num_permitted, 36, 4);
AT(iommu_ioas_get_info, out_num_tables, 40, 4);
AT(iommu_ioas_get_info, out_num_devices, 44, 4);
NUMBER(IOMMU_HWPT_DATA_SOFT_S1, 0xc0);
NUMBER(IOMMU_HWPT_INVALIDATE_DATA_SOFT_S1, 0xc0);
SIZE(iommu_hwpt_soft_s1, 24);
AT(iommu_hwpt_soft_s1, format, 0, 4);
AT(iommu_hwpt_soft_s1, flags, 4, 4);
AT(iommu_hwpt_soft_s1, root, 8, 8);
AT(iommu_hwpt_soft_s1, addr_width, 16, 4);
AT(iommu_hwpt_soft_s1, __reserved, 20, 4);
SIZE(iommu_hwpt_soft_s1_invalidate, 16);
AT(iommu_hwpt_soft_s1_invalidate, npages, 8, 8);
NUMBER(IOMMU_IOVA_LOOKUP, 0x3bc2);
SIZE(iommu_iova_lookup, 64);
AT(iommu_iova_lookup, flags, 4, 4);
AT(iommu_iova_lookup, pt_id, 8, 4);
AT(iommu_iova_lookup, __reserved, 12, 4);
AT(iommu_iova_lookup, iova, 16, 8);
AT(iommu_iova_lookup, out_start, 24, 8);
AT(iommu_iova_lookup, out_length, 32, 8);
AT(iommu_iova_lookup, out_addr, 40, 8);
AT(iommu_iova_lookup, out_perm, 48, 4);
AT(iommu_iova_lookup, out_kind, 52, 4);
AT(iommu_iova_lookup, out_pid, 56, 4);
AT(iommu_iova_lookup, out_flags, 60, 4);
NUMBER(IOMMU_IOVA_LOOKUP_PERM_WRITE, 2);
NUMBER(IOMMU_IOVA_LOOKUP_KIND_USER_VA, 1);
NUMBER(IOMMU_IOVA_LOOKUP_KIND_FILE, 2);
NUMBER(IOMMU_IOVA_LOOKUP_KIND_DMABUF, 3);
NUMBER(IOMMU_IOVA_LOOKUP_KIND_PHYS, 4);
NUMBER(IOMMU_IOVA_LOOKUP_KIND_GUEST, 5);
NUMBER(IOMMU_IOVA_LOOKUP_FLAG_DIRTY, 1);
NUMBER(IOMMU_IOVA_LOOKUP_FLAG_PINNED, 2);
NUMBER(IOMMU_IOVA_LOOKUP_FLAG_REVOKED, 4);

/* ---- VFIO ---- */

NUMBER(VFIO_GET_API_VERSION, 0x3b64);
NUMBER(VFIO_CHECK_EXTENSION, 0x3b65);
NUMBER(VFIO_SET_IOMMU, 0x3b66);
NUMBER(VFIO_GROUP_GET_STATUS, 0x3b67);
SIZE(vfio_group_status, 8);
NUMBER(VFIO_GROUP_SET_CONTAINER, 0x3b68);
NUMBER(VFIO_GROUP_UNSET_CONTAINER, 0x3b69);
NUMBER(VFIO_GROUP_GET_DEVICE_FD, 0x3b6a);

NUMBER(VFIO_DEVICE_GET_INFO, 0x3b6b);
SIZE(vfio_device_info, 24);
AT(vfio_device_info, num_regions, 8, 4);
AT(vfio_device_info, num_irqs, 12, 4);
AT(vfio_device_info, cap_offset, 16, 4);
AT(vfio_device_info, pad, 20, 4);
LEAST(vfio_device_info, num_irqs, 16);

NUMBER(VFIO_DEVICE_GET_REGION_INFO, 0x3b6c);
SIZE(vfio_region_info, 32);
AT(vfio_region_info, index, 8, 4);
AT(vfio_region_info, cap_offset, 12, 4);
AT(vfio_region_info, size, 16, 8);
AT(vfio_region_info, offset, 24, 8);
SIZE(vfio_region_info_cap_sparse_mmap, 16);
SIZE(vfio_region_sparse_mmap_area, 16);
SIZE(vfio_region_info_cap_type, 16);
AT(vfio_region_info_cap_type, type, 8, 4);
AT(vfio_region_info_cap_type, subtype, 12, 4);

NUMBER(VFIO_DEVICE_GET_IRQ_INFO, 0x3b6d);
SIZE(vfio_irq_info, 16);
AT(vfio_irq_info, index, 8, 4);
AT(vfio_irq_info, count, 12, 4);

NUMBER(VFIO_DEVICE_SET_IRQS, 0x3b6e);
SIZE(vfio_irq_set, 20);
AT(vfio_irq_set, index, 8, 4);
AT(vfio_irq_set, start, 12, 4);
AT(vfio_irq_set, count, 16, 4);

NUMBER(VFIO_DEVICE_RESET, 0x3b6f);
NUMBER(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, 0x3b70);
SIZE(vfio_pci_hot_reset_info, 12);
SIZE(vfio_pci_dependent_device, 8);
NUMBER(VFIO_DEVICE_PCI_HOT_RESET, 0x3b71);
SIZE(vfio_pci_hot_reset, 12);
NUMBER(VFIO_DEVICE_QUERY_GFX_PLANE, 0x3b72);
SIZE(vfio_device_gfx_plane_info, 64);
NUMBER(VFIO_DEVICE_IOEVENTFD, 0x3b74);
SIZE(vfio_device_ioeventfd, 32);
AT(vfio_device_ioeventfd, offset, 8, 8);
AT(vfio_device_ioeventfd, data, 16, 8);
AT(vfio_device_ioeventfd, fd, 24, 4);
LEAST(vfio_device_ioeventfd, fd, 28);

NUMBER(VFIO_DEVICE_FEATURE, 0x3b75);
SIZE(vfio_device_feature, 8);
NUMBER(VFIO_DEVICE_FEATURE_GET, 1 << 16);
NUMBER(VFIO_DEVICE_FEATURE_SET, 1 << 17);
NUMBER(VFIO_DEVICE_FEATURE_PROBE, 1 << 18);
SIZE(vfio_device_feature_migration, 8);
SIZE(vfio_device_feature_mig_state, 8);
SIZE(vfio_device_feature_dma_logging_control, 24);
SIZE(vfio_device_feature_dma_logging_report, 32);
SIZE(vfio_device_feature_dma_buf, 16);

NUMBER(VFIO_DEVICE_BIND_IOMMUFD, 0x3b76);
SIZE(vfio_device_bind_iommufd, 24);
AT(vfio_device_bind_iommufd, iommufd, 8, 4);
AT(vfio_device_bind_iommufd, out_devid, 12, 4);
AT(vfio_device_bind_iommufd, token_uuid_ptr, 16, 8);
LEAST(vfio_device_bind_iommufd, out_devid, 16);
NUMBER(VFIO_DEVICE_ATTACH_IOMMUFD_PT, 0x3b77);
SIZE(vfio_device_attach_iommufd_pt, 16);
AT(vfio_device_attach_iommufd_pt, pt_id, 8, 4);
AT(vfio_device_attach_iommufd_pt, pasid, 12, 4);
LEAST(vfio_device_attach_iommufd_pt, pt_id, 12);
NUMBER(VFIO_DEVICE_DETACH_IOMMUFD_PT, 0x3b78);
SIZE(vfio_device_detach_iommufd_pt, 12);
AT(vfio_device_detach_iommufd_pt, pasid, 8, 4);
NUMBER(VFIO_MIG_GET_PRECOPY_INFO, 0x3b79);
SIZE(vfio_precopy_info, 24);

NUMBER(VFIO_IOMMU_GET_INFO, 0x3b70);
SIZE(vfio_iommu_type1_info, 24);
AT(vfio_iommu_type1_info, iova_pgsizes, 8, 8);
AT(vfio_iommu_type1_info, cap_offset, 16, 4);
AT(vfio_iommu_type1_info, pad, 20, 4);
LEAST(vfio_iommu_type1_info, iova_pgsizes, 16);
SIZE(vfio_iommu_type1_info_dma_avail, 12);
SIZE(vfio_iommu_type1_info_cap_iova_range, 16);
SIZE(vfio_iova_range, 16);
NUMBER(VFIO_IOMMU_MAP_DMA, 0x3b71);
SIZE(vfio_iommu_type1_dma_map, 32);
AT(vfio_iommu_type1_dma_map, vaddr, 8, 8);
AT(vfio_iommu_type1_dma_map, iova, 16, 8);
AT(vfio_iommu_type1_dma_map, size, 24, 8);
NUMBER(VFIO_IOMMU_UNMAP_DMA, 0x3b72);
SIZE(vfio_iommu_type1_dma_unmap, 24);
AT(vfio_iommu_type1_dma_unmap, iova, 8, 8);
AT(vfio_iommu_type1_dma_unmap, size, 16, 8);
NUMBER(VFIO_IOMMU_DIRTY_PAGES, 0x3b75);

NUMBER(VFIO_PCI_NUM_REGIONS, 9);
NUMBER(VFIO_PCI_NUM_IRQS, 5);

int main(void)
{
	return 0;
}
