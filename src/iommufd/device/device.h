/* SPDX-License-Identifier: MIT */
/* Devices that are bound to a context. */
#ifndef IOMMUFD_DEVICE_H
#define IOMMUFD_DEVICE_H

#include <urcu/list.h>

#include "base/lock.h"
#include "iommu/iommu.h"
#include "iommufd/object/object.h"

struct iommufd_group;
struct vdevice;

/* What one device brings to a bind; borrowed until unbind. */
struct iommufd_device_info {
	struct iommu_endpoint *endpoint;
	struct iommufd_group *group;
	bool weak; /* does not keep the context: an object of the context unbinds it */
};

struct iommufd_device {
	struct iommufd_object object;
	struct iommufd_group *group;
	struct iommu_endpoint *endpoint;
	bool weak;			     /* does not keep the context's file */
	struct lock fault_lock;		     /* guards what follows; a leaf */
	struct cds_list_head partial_faults; /* that wait for the last one of their group */
	uint32_t next_grpid;		     /* of page requests; atomic */
	bool unbinding;			     /* under group->lock: gets no vDEVICE any more */
	bool refusing;			     /* under group->lock: page requests get INVALID */
	struct vdevice *vdevice;	     /* NULL: none; under group->lock */
	void (*bury_vdevice)(struct iommufd_device *device); /* while there is one */
};

/* Finds a device by its ID and takes a user; NULL: none such. */
static inline struct iommufd_device *device_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct iommufd_device *)object_get(ctx, id, OBJECT_DEVICE);
}

/* As object_next(), for devices. */
static inline struct iommufd_device *device_next(struct iommufd_ctx *ctx, uint32_t *id)
{
	return (struct iommufd_device *)object_next(ctx, id, OBJECT_DEVICE);
}

/*
 * Binds a device to @ctx (whose file is kept until unbind, unless it is weak). *@id is its object
 * ID. Errors: [BIND].
 */
int iommufd_device_bind(struct iommufd_ctx *ctx, const struct iommufd_device_info *info,
			struct iommufd_device **device, uint32_t *id);

/* Its object ID, and the context it is bound to (borrowed). */
uint32_t iommufd_device_id(const struct iommufd_device *device);
struct iommufd_ctx *iommufd_device_ctx(const struct iommufd_device *device);

/* Detaches what is attached, and unbinds. */
void iommufd_device_unbind(struct iommufd_device *device);

/*
 * Attach @pasid (NO_PASID: the RID) to *@pt_id, an IOAS or HWPT; replace what it is attached
 * to; or whichever applies. *@pt_id becomes the HWPT's ID. Errors: [ATTACH], [REPLACE].
 * Serialised per device by the caller.
 */
int iommufd_device_attach(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_replace(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_attach_or_replace(struct iommufd_device *device, uint32_t pasid,
				     uint32_t *pt_id);

/* Not attached: nothing happens. */
void iommufd_device_detach(struct iommufd_device *device, uint32_t pasid);

bool iommufd_device_attached(struct iommufd_device *device, uint32_t pasid);

#endif
