/* SPDX-License-Identifier: MIT */
/* One ioctl in progress, and the handlers of them all. */
#ifndef IOMMUFD_UCMD_H
#define IOMMUFD_UCMD_H

#include <uiommufd/iommufd.h>

#include "iommufd/object/ctx.h"

/* One call: its structure, copied in, and where to copy it back to. */
struct ucmd {
	struct iommufd_ctx *ctx;
	struct uiommufd_caller *caller;
	void *cmd;	/* zero-extended to the known size */
	uint64_t uaddr; /* of the caller's structure */
	uint32_t usize; /* what of it is written back */
};

long iommufd_ioctl(struct iommufd_ctx *ctx, struct uiommufd_caller *caller, unsigned int cmd,
		   uint64_t arg);

/*
 * Who answers IOMMU_TEST_CMD in contexts that have the test ABI (mock/). Set before any is opened.
 */
void iommufd_set_test_handler(int (*handler)(struct ucmd *ucmd));

/* Writes the whole structure back. 0 or -EFAULT. */
int ucmd_respond(const struct ucmd *ucmd);

int ioctl_destroy(struct ucmd *ucmd);
int ioctl_ioas_alloc(struct ucmd *ucmd);
int ioctl_ioas_allow_iovas(struct ucmd *ucmd);
int ioctl_ioas_iova_ranges(struct ucmd *ucmd);
int ioctl_ioas_map(struct ucmd *ucmd);
int ioctl_ioas_map_file(struct ucmd *ucmd);
int ioctl_ioas_copy(struct ucmd *ucmd);
int ioctl_ioas_unmap(struct ucmd *ucmd);
int ioctl_ioas_change_process(struct ucmd *ucmd);
int ioctl_hwpt_alloc(struct ucmd *ucmd);
int ioctl_hwpt_set_dirty_tracking(struct ucmd *ucmd);
int ioctl_hwpt_get_dirty_bitmap(struct ucmd *ucmd);
int ioctl_get_hw_info(struct ucmd *ucmd);
int ioctl_fault_alloc(struct ucmd *ucmd);
int ioctl_hwpt_invalidate(struct ucmd *ucmd);
int ioctl_viommu_alloc(struct ucmd *ucmd);
int ioctl_vdevice_alloc(struct ucmd *ucmd);
int ioctl_veventq_alloc(struct ucmd *ucmd);
int ioctl_hw_queue_alloc(struct ucmd *ucmd);
int ioctl_option(struct ucmd *ucmd);
int ioctl_vfio_ioas(struct ucmd *ucmd);
int ioctl_resv_iova_ranges(struct ucmd *ucmd);
int ioctl_dev_iova_ranges(struct ucmd *ucmd);
int ioctl_iova_lookup(struct ucmd *ucmd);

#endif
