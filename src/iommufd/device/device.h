/* SPDX-License-Identifier: MIT */
/* Devices that are bound to a context. */
#ifndef IOMMUFD_DEVICE_H
#define IOMMUFD_DEVICE_H

#include <urcu/list.h>

#include "base/lock.h"
#include "iommu/iommu.h"
#include "iommufd/object/object.h"

struct iommufd_group;
struct ioas_listener;
struct vdevice;

/* What a device is bound with. Borrowed until it is unbound. */
struct iommufd_device_info {
	struct iommu_endpoint *endpoint;
	struct iommufd_group *group;
	struct ioas_listener *listener; /* is told what is mapped for the RID; NULL: nothing is */
	bool weak; /* does not keep the context: an object of the context will unbind it */
};

struct iommufd_device {
	struct iommufd_object object;
	struct iommufd_group *group;
	struct iommu_endpoint *endpoint;
	struct ioas_listener *listener;	     /* NULL: none */
	bool weak;			     /* does not keep the context's file */
	struct lock fault_lock;		     /* guards partial_faults */
	struct cds_list_head partial_faults; /* of groups that are not complete */
	uint32_t next_grpid;		     /* of page requests; atomic */
	/* Under group->lock. */
	bool unbinding;					     /* gets no vDEVICE any more */
	bool refusing;					     /* page requests get INVALID */
	struct vdevice *vdevice;			     /* NULL: none */
	void (*bury_vdevice)(struct iommufd_device *device); /* while it has a vDEVICE */
};

/* Finds a device by its ID and takes a user; NULL: none. */
static inline struct iommufd_device *device_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct iommufd_device *)object_get(ctx, id, OBJECT_DEVICE);
}

/* Like object_next(), for devices. */
static inline struct iommufd_device *device_next(struct iommufd_ctx *ctx, uint32_t *id)
{
	return (struct iommufd_device *)object_next(ctx, id, OBJECT_DEVICE);
}

/*
 * Binds a device to @ctx. *@id is its object ID. Unless the device is weak it keeps a reference of
 * the context's file until it is unbound. Errors: [BIND].
 */
int iommufd_device_bind(struct iommufd_ctx *ctx, const struct iommufd_device_info *info,
			struct iommufd_device **device, uint32_t *id);

/* The object ID of @device, and its context (borrowed). */
uint32_t iommufd_device_id(const struct iommufd_device *device);
struct iommufd_ctx *iommufd_device_ctx(const struct iommufd_device *device);

/* Detaches the RID and all PASIDs of @device, and unbinds it. */
void iommufd_device_unbind(struct iommufd_device *device);

/*
 * Attaches @pasid (NO_PASID: the RID) to *@pt_id, an IOAS or HWPT; moves its attachment there; or
 * whichever applies. *@pt_id becomes the ID of the HWPT. Errors: [ATTACH], [REPLACE].
 *
 * Context: the caller serialises these calls and iommufd_device_detach() per device.
 */
int iommufd_device_attach(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_replace(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_attach_or_replace(struct iommufd_device *device, uint32_t pasid,
				     uint32_t *pt_id);

/* Detaches @pasid. Not attached: does nothing. */
void iommufd_device_detach(struct iommufd_device *device, uint32_t pasid);

bool iommufd_device_attached(struct iommufd_device *device, uint32_t pasid);

#endif
