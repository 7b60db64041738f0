/* SPDX-License-Identifier: MIT */
/*
 * The user API's face to the folders below it: contexts as files, and the devices that VFIO binds
 * to them.
 */
#ifndef IOMMUFD_IOMMUFD_H
#define IOMMUFD_IOMMUFD_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/caller.h>

#include "base/file.h"
#include "iommu/iommu.h"

struct iommufd_ctx;
struct iommufd_device;

struct ucmd;

struct iommufd_options {
	bool accounting_mm; /* opened as /dev/vfio/vfio: accounting mode "mm" */
	bool no_extensions; /* ioctls from 0xC0 answer ENOTTY */
	bool test_abi;	    /* IOMMU_TEST_CMD answers */
};

/* A fresh context. Its file's last reference destroys it. 0 or -ENOMEM. */
int iommufd_ctx_create(const struct iommufd_options *options, struct iommufd_ctx **ctx);

/* The file (borrowed) of a context, and back: NULL if @file is no iommufd. */
struct uiommufd_file *iommufd_ctx_file(struct iommufd_ctx *ctx);
struct iommufd_ctx *iommufd_ctx_from_file(struct uiommufd_file *file);

/*
 * The compatibility IOAS of VFIO's container: makes one unless there is one (0 or -ENOMEM), and its
 * ID (-ENODEV: none).
 */
int iommufd_compat_ioas_create(struct iommufd_ctx *ctx);
int iommufd_compat_ioas_id(struct iommufd_ctx *ctx, uint32_t *id);

/* What one device brings to a bind; borrowed until unbind. */
struct iommufd_device_info {
	struct iommu_endpoint *endpoint;
	struct iommufd_group *group;
	bool weak; /* does not keep the context: an object of the context unbinds it */
};

/* An IOMMU group: devices that share one attachment per PASID. Lives longer than its devices. 0 or
 * -ENOMEM. */
int iommufd_group_create(unsigned int number, struct iommufd_group **group);
void iommufd_group_destroy(struct iommufd_group *group);
unsigned int iommufd_group_number(const struct iommufd_group *group);

/* The context that its bound devices' DMA belongs to, for comparison; NULL: none is bound. */
const struct iommufd_ctx *iommufd_group_owner(struct iommufd_group *group);

/*
 * Binds a device to @ctx (whose file is kept until unbind, unless it is weak). *@id is its object
 * ID. Errors: spec 20-hwpt-device, 2.
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
 * to; or whichever applies. *@pt_id becomes the HWPT's ID. Errors: spec 20-hwpt-device, 4 and 5.
 * Serialised per device by the caller.
 */
int iommufd_device_attach(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_replace(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);
int iommufd_device_attach_or_replace(struct iommufd_device *device, uint32_t pasid,
				     uint32_t *pt_id);

/* Not attached: nothing happens. */
void iommufd_device_detach(struct iommufd_device *device, uint32_t pasid);

bool iommufd_device_attached(struct iommufd_device *device, uint32_t pasid);

/*
 * With @refuse, page requests of the device that are pending and those to come are answered
 * INVALID, until it is called without: then no DMA of it waits for user space. It must not be
 * called from such DMA.
 */
void iommufd_device_refuse_pages(struct iommufd_device *device, bool refuse);

/*
 * fork: takes every lock of the engine in order, so that the child finds it whole; and gives them
 * back. Transports call these from pthread_atfork().
 */
void iommufd_fork_prepare(void);
void iommufd_fork_parent(void);
void iommufd_fork_child(void);

#endif
