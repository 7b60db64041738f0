/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs: the slice of an IOMMU that a VM has, on top of one nesting parent; and what hangs off
 * it: vDEVICEs, vEVENTQs, HW queues [VIOMMU-ALLOC], [VDEVICE-ALLOC], [VEVENTQ-ALLOC], [HW-QUEUE],
 * [MMAP].
 *
 * Locks: group->lock, then viommu->lock; event queues have a lock of their own, innermost.
 */
#ifndef IOMMUFD_VIOMMU_H
#define IOMMUFD_VIOMMU_H

#include "base/lock.h"
#include "iommu/user_data.h"
#include "iommufd/device/device.h"
#include "iommufd/device/hwpt.h"
#include "iommufd/viommu/hwpt_nested.h"

struct hw_queue;
struct vdevice;

/* What a type of vIOMMU does. Each operation may be NULL: not supported, or nothing to do. */
struct viommu_driver {
	/* True if it serves this type on this kind of IOMMU. */
	bool (*serves)(const struct iommu_kind *kind, uint32_t type);

	size_t state_size; /* of viommu->state, zeroed */

	/* Takes and gives back the user's data. A negative errno undoes the creation. */
	int (*init)(struct viommu *viommu, struct user_data *data);
	void (*fini)(struct viommu *viommu);

	/* Sets up a nested HWPT on it (iommufd/viommu/hwpt_nested.h). NULL: -EOPNOTSUPP. */
	nested_alloc_fn nested;

	/*
	 * 0 if @device may be attached by @pasid to @hwpt, which is nested on a vIOMMU of this
	 * type, or a negative errno. The caller holds the lock of the device's group.
	 */
	int (*check_attach)(const struct hwpt_nested *hwpt, struct iommufd_device *device,
			    uint32_t pasid);

	/* IOMMU_HWPT_INVALIDATE of the vIOMMU. NULL: -EOPNOTSUPP. */
	int (*invalidate)(struct viommu *viommu, struct invalidation *invalidation);

	/*
	 * Tells the guest of a stage-1 fault of @vdevice. False: nobody listens. Caller holds
	 * group->lock.
	 */
	bool (*report_fault)(struct viommu *viommu, const struct vdevice *vdevice,
			     const struct dma_fault *fault);

	uint32_t hw_queue_type; /* 0: no HW queues */
	size_t hw_queue_count;	/* at most; indices are below */
	int (*hw_queue_init)(struct hw_queue *queue);
};

struct viommu {
	struct iommufd_object object;
	const struct viommu_driver *driver;
	struct iommu *iommu;	    /* a reference */
	struct hwpt_paging *parent; /* a user of it */
	uint32_t type;
	struct lock lock; /* guards what follows */
	struct cds_list_head vdevices;
	struct cds_list_head queues; /* vEVENTQs */
	struct hw_queue *hw_queues[4];
	void *state; /* the driver's */
};

/* Finds a vIOMMU by its ID and takes a user; NULL: none such. */
static inline struct viommu *viommu_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct viommu *)object_get(ctx, id, OBJECT_VIOMMU);
}

/* Adds a driver to those that VIOMMU_ALLOC asks, first to last. It is never taken out. */
void viommu_register_driver(const struct viommu_driver *driver);

struct ucmd;

/* Handlers of the table in iommufd/entry/dispatch.c. */
int ioctl_viommu_alloc(struct ucmd *ucmd);

#endif
