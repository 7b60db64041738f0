/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs [VIOMMU-ALLOC]: the slice of an IOMMU that a VM sees, on top of one nesting parent. It is
 * the base of vDEVICEs [VDEVICE-ALLOC], vEVENTQs [VEVENTQ-ALLOC], HW queues [HW-QUEUE] and of pages
 * that the driver offers for mmap() [MMAP].
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

/* What a type of vIOMMU does. An operation that is NULL is not supported, or has nothing to do. */
struct viommu_driver {
	/* True if the driver serves this type on this kind of IOMMU. */
	bool (*serves)(const struct iommu_kind *kind, uint32_t type);

	size_t state_size; /* of viommu->state, zeroed; 0: none */

	/*
	 * The end of a creation, and its counterpart. @init reads the user's data and writes back
	 * what it answers there; a negative errno undoes the creation, without @fini.
	 */
	int (*init)(struct viommu *viommu, struct user_data *data);
	void (*fini)(struct viommu *viommu);

	/* Sets up a nested HWPT on the vIOMMU. NULL: -EOPNOTSUPP. */
	nested_alloc_fn nested;

	/*
	 * 0 if @device may be attached by @pasid to @hwpt, which is nested on a vIOMMU of this
	 * type, or a negative errno. NULL: it may. Context: device->group->lock is held.
	 */
	int (*check_attach)(const struct hwpt_nested *hwpt, struct iommufd_device *device,
			    uint32_t pasid);

	/* IOMMU_HWPT_INVALIDATE of the vIOMMU. NULL: -EOPNOTSUPP. */
	int (*invalidate)(struct viommu *viommu, struct invalidation *invalidation);

	/*
	 * Tells the guest of a stage-1 fault of @vdevice. False: the guest does not listen.
	 * Context: vdevice->group->lock is held.
	 */
	bool (*report_fault)(struct viommu *viommu, const struct vdevice *vdevice,
			     const struct dma_fault *fault);

	uint32_t hw_queue_type; /* 0: no HW queues */
	size_t hw_queue_count;	/* indices are below it; VIOMMU_HW_QUEUES at most */

	/* Prepares @queue, which is pinned. Context: viommu->lock is held. */
	int (*hw_queue_init)(struct hw_queue *queue);
};

enum {
	VIOMMU_HW_QUEUES = 4
};

struct viommu {
	struct iommufd_object object;
	const struct viommu_driver *driver;
	struct iommu *iommu;	    /* holds a reference */
	struct hwpt_paging *parent; /* holds a user of it */
	uint32_t type;
	struct lock lock;			      /* guards the next three */
	struct cds_list_head vdevices;		      /* struct vdevice.link */
	struct cds_list_head queues;		      /* the vEVENTQs */
	struct hw_queue *hw_queues[VIOMMU_HW_QUEUES]; /* by index; borrowed, NULL: none */
	void *state;				      /* of the driver */
};

/* Finds a vIOMMU by its ID and takes a user of it; NULL: there is no such vIOMMU. */
static inline struct viommu *viommu_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct viommu *)object_get(ctx, id, OBJECT_VIOMMU);
}

/*
 * Appends @driver (borrowed for good) to those that VIOMMU_ALLOC asks in turn: the first that
 * serves the type on the device's kind of IOMMU is taken.
 */
void viommu_register_driver(const struct viommu_driver *driver);

struct ucmd;

/* Handler of the table in iommufd/entry/dispatch.c. */
int ioctl_viommu_alloc(struct ucmd *ucmd);

#endif
