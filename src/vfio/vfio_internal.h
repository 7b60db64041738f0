/* SPDX-License-Identifier: MIT */
/*
 * A VFIO device from the inside.
 *
 * Locks, outermost first: the registry of devices (device.c); bind_lock, of several devices only
 * with the registry's; a group's lock, and the registry of groups (group.c); ioeventfds.lock;
 * irqs.set_lock; lock; the leaves work.lock and irqs.lock. No lock of this folder but
 * bind_lock and a group's is held while the user API (iommufd/) is called, and none while DMA runs.
 *
 *	bind_lock	who owns the device, its attachments, its DMA log, its power state
 *	lock		the "device lock": config space, the model's registers
 *
 * A device is quiet (no owner, no thread, no interrupts, bus mastering off) until it is enabled for
 * an owner, and again once that owner is gone.
 */
#ifndef VFIO_VFIO_INTERNAL_H
#define VFIO_VFIO_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <urcu/list.h>

#include "iommufd/device/group.h"
#include "iommufd/device/page_request.h"
#include "vfio/config.h"
#include "vfio/group.h"
#include "vfio/ioeventfd.h"
#include "vfio/irq.h"
#include "vfio/vfio.h"
#include "vfio/work.h"

/* Bytes of a structure of the API up to and with @field: what a caller must pass at least. */
#define SIZE_TO(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))

/* The model's face. */
struct uiommufd_device {
	const struct uiommufd_model *model;
	struct vfio_option_value *options; /* own copies */
	unsigned int option_count;
	void *state;
};

struct vfio_device {
	struct uiommufd_device dev;
	struct pci_bdf bdf;
	char name[16]; /* the BDF as text */
	unsigned int index;
	char path[48];		  /* of the cdev: what its descriptors are called */
	struct file_ops file_ops; /* of the cdev; here for their name */
	struct pci_window windows[PCI_BARS];
	struct iommu_endpoint *endpoint;
	struct iommufd_group *iommu_group;
	struct vfio_group *group;
	struct cds_list_head group_link; /* in the group */

	pthread_mutex_t bind_lock;
	struct iommufd_device *iommufd; /* NULL: nobody owns the device */
	unsigned int group_files;	/* that own it together; 0: a cdev does, or nobody */
	bool low_power;
	int wakeup_fd; /* -1: none */

	pthread_mutex_t lock;
	struct pci_config config;
	_Atomic bool bus_master; /* the bit of the command register, for DMA without the lock */

	struct vfio_irqs irqs;
	struct vfio_ioeventfds ioeventfds;
	struct vfio_work work;
	struct cds_list_head link; /* the registry */
};

/* A file of a device: of its cdev, or one that its group gave. */
struct vfio_device_file {
	struct uiommufd_file file;
	struct vfio_device *device;
	struct uiommufd_file *group; /* a reference to the group's file; NULL: of the cdev */
	/* Set once, under bind_lock, when the bind is complete; read by every other call. */
	_Atomic bool bound;
};

static inline struct vfio_device *vfio_device_of(struct uiommufd_device *dev)
{
	return caa_container_of(dev, struct vfio_device, dev);
}

/*
 * All devices, in order of creation: vfio_registry_next(NULL) is the first, after the last comes
 * NULL. Between lock and unlock.
 */
void vfio_registry_lock(void);
void vfio_registry_unlock(void);
struct vfio_device *vfio_registry_next(struct vfio_device *device);

/* Powers the device up for an owner: reset, memory decoding on, bus mastering off. Caller holds
 * bind_lock. */
void vfio_device_enable(struct vfio_device *device);

/* Back to quiet: its thread and its interrupts end, queued work is dropped. Caller holds bind_lock.
 */
void vfio_device_disable(struct vfio_device *device);

/*
 * Resets the model; work is cancelled, page requests are answered INVALID, config space and
 * interrupts' eventfds stay.
 */
void vfio_device_reset(struct vfio_device *device);

/* Reads, writes config space and does what follows from it. In range; caller holds lock. */
void vfio_config_read(struct vfio_device *device, uint32_t off, void *buf, uint32_t len);
void vfio_config_write(struct vfio_device *device, uint32_t off, const void *buf, uint32_t len);

/* Turns bus mastering on or off, as a write of the command register would. */
void vfio_device_set_master(struct vfio_device *device, bool master);

/*
 * Binds the device to @ctx and powers it up; back again. Caller holds bind_lock. Errors of
 * iommufd_device_bind().
 */
int vfio_device_bind(struct vfio_device *device, struct iommufd_ctx *ctx, uint32_t *id);
void vfio_device_unbind(struct vfio_device *device);

/*
 * A file of the device for a program that got it from its group, whose file @group is kept. Counted
 * in group_files already; closing it is vfio_device_unshare(). 0 or -ENOMEM.
 */
int vfio_device_open_shared(struct vfio_device *device, struct uiommufd_file *group,
			    struct uiommufd_file **file);
void vfio_device_unshare(struct vfio_device *device);

/*
 * The file of ours behind the caller's descriptor @fd, with a reference. -EBADF: not open; -EBADFD:
 * none of ours.
 */
int vfio_file_of(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file);

/* The same for an iommufd. */
int caller_get_context(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file);

/* The calls that every owner of a device has, however it was opened (spec 40-vfio, 5). */
long vfio_device_ioctl(struct vfio_device_file *file, struct uiommufd_caller *caller,
		       unsigned int cmd, uint64_t arg);
long vfio_get_hot_reset_info(struct vfio_device_file *file, struct uiommufd_caller *caller,
			     uint64_t arg);
long vfio_hot_reset(struct vfio_device_file *file, struct uiommufd_caller *caller, uint64_t arg);
long vfio_feature(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg);

/* Forgets what features have set. Caller holds bind_lock. */
void vfio_feature_disable(struct vfio_device *device);

/* What a region is. -EINVAL: there is none of this index. */
struct vfio_region {
	uint64_t size; /* 0: not there */
	bool writable;
	bool mappable;	 /* by programs */
	bool msix_table; /* holds the MSI-X table */
};
int vfio_region_get(const struct vfio_device *device, uint64_t index, struct vfio_region *region);

/* The offset of region @index in a device's file. */
static inline uint64_t vfio_region_offset(uint64_t index)
{
	return index << 40;
}

/* read and write of a device's file, as in struct file_ops. */
ssize_t vfio_device_read(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos);
ssize_t vfio_device_write(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t buf,
			  size_t len, uint64_t *pos);

/* mmap of a device's file, as in struct file_ops: BARs that say so (bar.c). */
int vfio_device_mmap(struct vfio_device *device, uint64_t offset, uint64_t len, int flags,
		     struct file_mapping *map);

/* The operations of a cdev's file, but for their name. */
extern const struct file_ops vfio_cdev_ops;

#endif
