/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs: the slice of an IOMMU that a VM has, on top of one nesting parent; and what hangs off
 * it: vDEVICEs, vEVENTQs, HW queues (spec 30-faults-viommu, 2 to 6).
 *
 * Locks: group->lock, then viommu->lock; event queues have a lock of their own, innermost.
 */
#ifndef IOMMUFD_VIOMMU_H
#define IOMMUFD_VIOMMU_H

#include "iommu/user_data.h"
#include "iommufd/device.h"
#include "iommufd/hwpt.h"
#include "iommufd/nested.h"

struct viommu;
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

	/* Sets up a nested HWPT on it (iommufd/nested.h). NULL: -EOPNOTSUPP. */
	nested_alloc_fn nested;

	/*
	 * Whether @device may be attached by @pasid to @hwpt, which is nested on it. Caller holds
	 * group->lock.
	 */
	int (*check_attach)(struct viommu *viommu, struct iommufd_device *device, uint32_t pasid,
			    const struct hwpt *hwpt);

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
	struct iommu *iommu; /* a reference */
	struct hwpt *parent; /* a user of it */
	uint32_t type;
	pthread_mutex_t lock; /* guards what follows */
	struct cds_list_head vdevices;
	struct cds_list_head queues; /* vEVENTQs */
	struct hw_queue *hw_queues[4];
	void *state; /* the driver's */
};

/* Adds a driver to those that VIOMMU_ALLOC asks, first to last. It is never taken out. */
void viommu_register_driver(const struct viommu_driver *driver);

/* ---- vDEVICE (vdevice.c) ---- */

struct vdevice {
	struct iommufd_object object;
	struct viommu *viommu;	       /* a user of it */
	struct iommufd_group *group;   /* the device's, a reference: its lock guards the next */
	struct iommufd_device *device; /* not a user of it; NULL once that is unbound */
	struct cds_list_head link;     /* of viommu->vdevices */
	uint64_t virt_id;
};

/* The vDEVICE with @virt_id, or of @device; NULL: none. Caller holds viommu->lock. */
struct vdevice *viommu_find_vdevice(struct viommu *viommu, uint64_t virt_id);
struct vdevice *viommu_device_vdevice(struct viommu *viommu, const struct iommufd_device *device);

/* @device is being unbound: its vDEVICE, if it has one, becomes a tombstone. */
void vdevice_bury(struct iommufd_device *device);

/* ---- vEVENTQ (veventq.c) ---- */

/*
 * Reports an event of @type with @len bytes of data on @viommu. 0, also if it was lost for want of
 * room; -EOPNOTSUPP: nobody has a vEVENTQ of this type.
 */
int viommu_report_event(struct viommu *viommu, uint32_t type, const void *data, size_t len);

/* ---- HW queue (hw_queue.c) ---- */

struct hw_queue {
	struct iommufd_object object;
	struct viommu *viommu; /* a user of it */
	struct iommufd_access *access;
	uint32_t index;
	uint64_t iova, len; /* of the queue in the parent */
	uint64_t pinned_iova, pinned_len;
	uint64_t bus;		  /* where its memory is */
	struct hw_queue *depends; /* a user of it, or NULL */
};

/* ---- regions of the context's mmap (mmap.c) ---- */

/*
 * A region of @len bytes (whole pages) of shared memory that belongs to @owner; *@offset is what
 * mmap takes.
 */
int ctx_publish_region(struct iommufd_object *owner, uint64_t len, uint64_t *offset, void **memory);
void ctx_retract_region(struct iommufd_object *owner, uint64_t offset);

#endif
