/* SPDX-License-Identifier: MIT */
/*
 * The groups of tests: one function per file, which runs the tests of a section and returns how
 * many failed. A new section is a new file, a line here and one in the program of its chapter.
 */
#ifndef CONFORMANCE_GROUPS_H
#define CONFORMANCE_GROUPS_H

/* model.md */
int model_nodes(void);
int model_framing(void);
int model_ids(void);
int model_destroy(void);
int model_write_back(void);
int model_holders(void);
int nested_write_back(void);

/* ioas.md */
int ioas_ranges(void);
int ioas_map(void);
int ioas_map_file(void);
int ioas_copy(void);
int ioas_alloc_iova(void);
int ioas_unmap(void);
int ioas_option(void);
int ioas_pin(void);
int ioas_accounting(void);
int ioas_change_process(void);

/* device.md */
int attach_hwpt(void);
int attach_ranges(void);
int attach_replace(void);
int group_attach(void);
int hwpt_alloc(void);
int hwpt_attach(void);
int hwpt_dirty(void);
int hwpt_invalidate(void);
int hw_info(void);
int hw_table_tests(void);
int hw_vtd(void);
int hw_smmuv3(void);
int hw_amd(void);

/* viommu.md */
int fault_queue(void);
int fault_route(void);
int viommu_alloc(void);
int viommu_veventq(void);
int viommu_hw_queue(void);
int viommu_mmap(void);

/* vfio.md */
int vfio_bind(void);
int vfio_attach(void);
int vfio_info(void);
int vfio_irq(void);
int vfio_region(void);
int vfio_reset_feature(void);
int vfio_ioeventfd(void);
int vfio_logging(void);
int vfio_config(void);
int type1_group(void);
int type1_info(void);
int type1_map(void);
int type1_hot_reset(void);

/* type1.md */
int container_state(void);
int container_map(void);
int container_unmap(void);
int container_dirty(void);

/* extensions.md */
int ext_ranges(void);
int ext_windows(void);
int ext_lookup(void);

#endif
