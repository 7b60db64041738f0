/* SPDX-License-Identifier: MIT */
/*
 * The steps that sequences are made of. Most take arguments by chance; those in steps_usual.c call
 * as a program would, which leads to states that chance does not find.
 */
#ifndef DIFFERENTIAL_STEPS_H
#define DIFFERENTIAL_STEPS_H

#include <stdint.h>

#include "command.h"
#include "known.h"

/* IOASes: steps_ioas.c */
void step_ioas_alloc(void);
void step_destroy(void);
void step_map(void);
void step_map_file(void);
void step_copy(void);
void step_unmap(void);
void step_ranges(void);
void step_allow(void);
void step_option(void);
void step_change_process(void);
void step_get_pa(void);

/* The container: steps_container.c */
void step_vfio_ioas(void);
void step_vfio_set(void);
void step_vfio_misc(void);
void step_vfio_info(void);
void step_vfio_map(void);
void step_vfio_unmap(void);
void usual_vfio_unmap(void);

/* Page tables: steps_hwpt.c */
void step_hwpt_alloc(void);
void step_hw_info(void);
void step_invalidate(void);
void step_set_dirty(void);
void step_get_dirty(void);
void step_dirty(void);

/* vIOMMUs and queues: steps_viommu.c */
void step_fault_alloc(void);
void step_viommu_alloc(void);
void step_vdevice_alloc(void);
void step_veventq(void);
void step_hw_queue(void);
void step_read(void);
void step_respond(void);
void step_mmap(void);
/* What a vIOMMU with @data, returned in BUFFER if it is there, lets the program map. */
void region_add(const struct iommu_viommu_alloc *cmd);

/* The test driver: steps_test.c */
void step_add_reserved(void);
void step_mock_domain(void);
void step_replace(void);
void step_check_map(void);
void step_check_refs(void);
void step_check_iotlb(void);
void step_iopf(void);
void step_device_cache(void);
void step_vevent(void);
void step_pasid(void);
void pasid_run(struct iommu_test_cmd *cmd, uint32_t pasid, uint32_t pt_id);
/* Detaches the PASIDs of @mock (0: of all), which a device that goes would leak in Linux. */
void pasids_detach(uint32_t mock);

/* Accesses: steps_access.c */
void step_create_access(void);
void step_access_pages(void);
void step_unpin(void);
void step_access_rw(void);
void step_temp_limit(void);
void step_access_replace(void);
void usual_pinning_access(void);
void usual_pin(void);
void usual_rw(void);

/* Memory, files, limits: steps_memory.c */
void step_close(void);
void step_unknown(void);
void step_poke(void);
void step_mm(void);
void step_truncate(void);
void step_limit(void);

/* As programs do: steps_usual.c */
void usual_mock(void);
void usual_pasid_mock(void);
void usual_parent(void);
void usual_viommu(void);
void usual_vdevice(void);
void usual_nested(void);
void usual_veventq(void);
void usual_vevent(void);
void usual_invalidate(void);
void usual_hw_queue(void);
void usual_dirty(void);
void usual_set_dirty(void);
void usual_pasid_hwpt(void);
void usual_fault_hwpt(void);
void usual_pasid(void);
void usual_iopf(void);

#define TEST_CMD(name)                     \
	{                                  \
		.op = IOMMU_TEST_OP_##name \
	}

#endif
