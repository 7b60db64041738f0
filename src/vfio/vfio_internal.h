/* SPDX-License-Identifier: MIT */
/*
 * A VFIO device, as the files of this folder see it.
 *
 * Locks, in the order of enum lock_rank:
 *
 * 	use_lock of a group	its container, how many devices are open through it
 * 	type1.lock		a container: its groups, what is mapped
 * 	vfio_registry_lock	the list of devices
 * 	bind_lock		the device's owner, attachments, DMA log and power state; of
 * 				several devices only with vfio_registry_lock, in list order
 * 	migration.lock		the device's state of migration
 * 	exports.lock		the device's dma-bufs
 * 	the lock of a group	whether it is open, its container, how many cdevs are bound
 * 	ioeventfds.lock		the device's ioeventfds
 * 	irqs.set_lock		changes of the device's interrupts
 * 	lock			the "device lock": config space, the model's registers
 * 	work.lock		a thread of the device; of several only for fork
 * 	irqs.lock		the state of interrupts
 *
 * Those before ioeventfds.lock are held while the user API (iommufd/) is called, and none while DMA
 * runs: a model's DMA may wait for an UNMAP, an UNMAP for a model's DMA, or either for the program.
 *
 * A device is quiet (no owner, no thread, no interrupts, bus mastering off) until it is enabled for
 * an owner, and again after that owner is gone.
 */
#ifndef VFIO_VFIO_INTERNAL_H
#define VFIO_VFIO_INTERNAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <urcu/list.h>

#include "base/lock.h"
#include "iommu/ats.h"
#include "iommufd/device/group.h"
#include "iommufd/device/page_request.h"
#include "vfio/bar_export.h"
#include "vfio/bar_part.h"
#include "vfio/double_fetch.h"
#include "vfio/ioeventfd.h"
#include "vfio/irq.h"
#include "vfio/migration.h"
#include "vfio/pci_config.h"
#include "vfio/pci_view.h"
#include "vfio/rom.h"
#include "vfio/vfio.h"
#include "vfio/vfio_group.h"
#include "vfio/work.h"
#include "vfio/work_loop.h"

/* Bytes of a structure up to and including @field: the least that a caller has to pass. */
#define SIZE_TO(type, field) (offsetof(type, field) + sizeof(((type *)NULL)->field))

struct device_backend;

struct vfio_device {
	struct uiommufd_device dev; /* as its model sees it */
	const struct uiommufd_model *model;
	struct option_value *options; /* own copies */
	unsigned int option_count;
	struct device_settings settings;
	struct hostile *hostile; /* NULL: it does what it should */
	void *model_state;
	const struct device_spec *spec; /* while it is created; NULL afterwards */
	struct pci_bdf bdf;
	char name[16]; /* the BDF as text */
	unsigned int index;
	char path[48];		  /* of the cdev, shown for its descriptors */
	struct file_ops file_ops; /* of the cdev: vfio_cdev_ops with @path as name */
	struct pci_window windows[PCI_WINDOWS];
	struct device_rom rom;
	_Atomic(struct fetch_log *) fetches; /* NULL: nothing was read yet that is checked */
	struct iommu_endpoint *endpoint;
	struct iommufd_group *iommu_group;
	struct vfio_group *group;
	struct cds_list_head group_link; /* in the group */

	struct lock bind_lock;
	struct iommufd_device *iommufd; /* NULL: the device has no owner */
	bool attached;			/* by the group's container, which owns it */
	unsigned int group_files;	/* files from the group, which use it together */
	bool resettable;		/* alone: found out when the device is enabled */
	_Atomic unsigned int files;	/* open files, of the cdev and from the group */
	_Atomic bool enabled;		/* by the first of those that use it */
	_Atomic unsigned int enables;	/* through sysfs, beside that (presence.h) */
	_Atomic bool unbound;		/* from vfio-pci: no further file is opened */
	_Atomic bool gone;		/* pulled out: nothing answers any more (presence.c) */
	_Atomic unsigned int resets;	/* a set of enum pci_reset: what resets may use */
	_Atomic bool no_messages;	/* sysfs' msi_bus is 0: MSI and MSI-X do not begin */
	_Atomic bool low_power;		/* mapped BARs read it without the lock */
	int wakeup_fd;			/* -1: none */
	struct bar_exports exports;
	struct migration migration;

	struct lock lock;
	unsigned int reset_kind; /* enum uiommufd_reset_kind: of the last one */
	uint8_t *vpd;		 /* the device's own copy of the model's; NULL: none */
	struct pci_config config;
	uint8_t *at_rest; /* its bytes while it is not open, if sysfs has changed them; or NULL */
	struct pci_view view;
	/* Other devices are, or have been, on its bus; in its slot. */
	_Atomic bool shares_bus, multifunction;
	_Atomic bool bus_master; /* the bit of the command register, for DMA without the lock */

	/* Of a model in another process; else NULL. Set while the device is created. */
	const struct device_backend *backend;
	struct ioas_listener *listener;
	struct irq_watcher irq_watcher;

	struct device_irqs irqs;
	struct ioeventfds ioeventfds;
	struct bar_part bar_parts[UIOMMUFD_MAX_BAR_PARTS];
	struct device_work work[UIOMMUFD_MAX_WORK_THREADS];
	struct work_loop loop;	   /* in place of threads */
	unsigned int work_count;   /* of them, as many as the model has */
	struct cds_list_head link; /* the registry */
};

/* A file of a device: of its cdev, or from its group. */
struct device_file {
	struct uiommufd_file file;
	struct vfio_device *device;
	struct uiommufd_file *group; /* a reference to the group's file; NULL: of the cdev */
	/* Set once, under bind_lock, when the bind is complete; read by every other call. */
	_Atomic bool bound;
};

extern const struct uiommufd_device_services vfio_services;

/* The ats_handler of the device @arg. */
void vfio_device_invalidate(void *arg, uint32_t pasid, struct iova_range range);

static inline struct vfio_device *vfio_device_of(struct uiommufd_device *dev)
{
	return caa_container_of(dev, struct vfio_device, dev);
}

/*
 * No work function runs or begins from the one to the other; what was queued is forgotten. Context:
 * may sleep, bind_lock held.
 */
void vfio_device_hold_work(struct vfio_device *device);
void vfio_device_release_work(struct vfio_device *device);

/* For what a fork has left in the queues (vfio_work_resume()). */
static inline void vfio_device_resume_work(struct vfio_device *device)
{
	for (unsigned int i = 0; i < device->work_count; i++)
		vfio_work_resume(&device->work[i]);
}

/*
 * All devices, in order of creation: vfio_registry_next(NULL) is the first, after the last comes
 * NULL.
 */
extern struct lock vfio_registry_lock;
struct vfio_device *vfio_registry_next(struct vfio_device *device) REQUIRES(vfio_registry_lock);

/*
 * Powers the device up for an owner: reset, memory decoding on, bus mastering off. 0, or the error
 * of a model that is in another process.
 */
int vfio_device_enable(struct vfio_device *device) REQUIRES(device->bind_lock);

/* Makes the device quiet again: ends its thread and its interrupts, drops queued work. */
void vfio_device_disable(struct vfio_device *device) REQUIRES(device->bind_lock);

/*
 * Resets the model: cancels work, and answers page requests with INVALID. Config space and the
 * eventfds of interrupts stay as they are.
 */
void vfio_device_reset(struct vfio_device *device, enum uiommufd_reset_kind kind);

/* The same without revoking dma-bufs of BARs: sysfs' reset [CONFIG-RESET.5]. */
void vfio_device_reset_alone(struct vfio_device *device, enum uiommufd_reset_kind kind);

/*
 * Whether VFIO lets programs reach memory BARs, by what they have written to the command register
 * while the device is open [CONFIG-COMMAND]; else by what it is.
 */
bool vfio_device_permits_memory(const struct vfio_device *device) REQUIRES(device->lock);

/*
 * Whether BAR @bar does not answer although VFIO permits the access, as sysfs has switched decoding
 * off or moved it: reads are ones.
 */
bool vfio_bar_is_silent(const struct vfio_device *device, unsigned int bar) REQUIRES(device->lock);

/* Does what follows from the command register of the device and from that of the view. */
void vfio_device_apply_command(struct vfio_device *device) REQUIRES(device->lock);

/*
 * Reads or writes one piece (pci_view_piece()) of config space as programs see it, and does what
 * follows from it. True: a reset follows, vfio_device_reset() without the lock.
 */
void vfio_config_read(struct vfio_device *device, uint32_t off, void *buf, uint32_t len)
	REQUIRES(device->lock);
bool vfio_config_write(struct vfio_device *device, uint32_t off, const void *buf, uint32_t len)
	REQUIRES(device->lock);

/*
 * Binds the device to @ctx and powers it up; back again. Errors of iommufd_device_bind().
 */
int vfio_device_bind(struct vfio_device *device, struct iommufd_ctx *ctx, uint32_t *id)
	REQUIRES(device->bind_lock);
void vfio_device_unbind(struct vfio_device *device) REQUIRES(device->bind_lock);

/* Attaches the device to a container's IOAS, or detaches it. Powers nothing up or down. */
int vfio_device_attach(struct vfio_device *device, struct iommufd_ctx *ctx, uint32_t ioas_id)
	REQUIRES(device->bind_lock);
void vfio_device_detach(struct vfio_device *device) REQUIRES(device->bind_lock);

/*
 * A file of the device for a program that got it from its group, whose file @group is kept. Its
 * calls are refused until it is ready: it is counted in group_files from then on, and closing it is
 * vfio_device_unshare(). 0; -ENODEV: the device is not bound; -ENOMEM.
 */
int vfio_device_open_shared(struct vfio_device *device, struct uiommufd_file *group,
			    struct uiommufd_file **file);
void vfio_device_file_ready(struct uiommufd_file *file);
void vfio_device_unshare(struct vfio_device *device);

/*
 * The emulated file behind the caller's descriptor @fd, with a reference. -EBADF: not open;
 * -EBADFD: another file.
 */
int vfio_file_of(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file);

/* The same for an iommufd. */
int caller_get_context(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file);

/* The ioctls of a bound device, for files of its cdev and from its group [PCI]. */
long vfio_device_ioctl(struct device_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		       uint64_t arg);
long vfio_get_hot_reset_info(struct device_file *file, struct uiommufd_caller *caller,
			     uint64_t arg);
long vfio_hot_reset(struct device_file *file, struct uiommufd_caller *caller, uint64_t arg);
long vfio_feature(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg);

/* Whether a write to a register is dropped, because the device is stopped (migration.c). */
bool migration_drops_write(const struct vfio_device *device) REQUIRES(device->lock);

/* Reverts what features have set. */
void vfio_feature_disable(struct vfio_device *device) REQUIRES(device->bind_lock);

/* Describes region @index. -EINVAL: there is none. */
struct device_region {
	uint64_t size; /* 0: the device does not have it */
	bool writable;
	bool mappable;	 /* by programs */
	bool msix_table; /* holds the MSI-X table */
};
int vfio_region_get(const struct vfio_device *device, uint64_t index, struct device_region *region);

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

/* The operations of a cdev's file; each device has a copy with its own name. */
extern const struct file_ops vfio_cdev_ops;

/* A refusal of a structure that is too short: -EINVAL. */
int refuse_argsz(uint32_t argsz, size_t least);

#endif
