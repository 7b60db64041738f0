/* SPDX-License-Identifier: MIT */
/*
 * VFIO devices: what programs open as /dev/vfio/devices/vfioN and /dev/vfio/GROUP.
 *
 * A vfio_device is one PCI device of the emulated machine: a model, its config space, and its
 * endpoint behind an IOMMU. Opening its cdev creates a file; the first file to BIND owns the device
 * until it is closed. Opening its group creates a file that gives out files of the group's devices.
 */
#ifndef VFIO_VFIO_H
#define VFIO_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/device.h>

#include "base/file.h"
#include "iommufd/entry/ctx_file.h"
#include "vfio/hostile.h"
#include "vfio/pci_raw.h"
#include "vfio/presence.h"

/* A PCI address. */
struct pci_bdf {
	uint16_t domain;
	uint8_t bus, slot, function; /* slot 0..31, function 0..7 */
};

struct vfio_device;

struct option_value {
	const char *name, *value;
};

/* What a machine says about a device, whichever model it has. */
struct device_settings {
	bool no_mmap;			 /* programs cannot map its BARs */
	bool trap_doorbells;		 /* all of them, also of a model that shares them */
	bool not_hostile;		 /* it is not, in a machine that is */
	struct hostile_settings hostile; /* of the machine */
};

struct device_spec {
	const struct uiommufd_model *model;
	struct pci_bdf bdf;
	struct iommu *iommu;		    /* borrowed: the device takes a reference */
	struct iommufd_group *group;	    /* borrowed, outlives the device */
	unsigned int index;		    /* N of vfioN */
	const struct option_value *options; /* checked against the model's; copied */
	unsigned int option_count;
	struct device_settings settings;
	bool claimed; /* by another process: uiommufd_device_claims() */
	char *why;    /* where a model says why it refuses; NULL: nowhere */
	size_t why_size;
};

/*
 * In a process that has been forked: the devices that exist are its parent's, and not on the buses
 * of those that are created from now on. They must not be used or destroyed here.
 */
void vfio_devices_leave_to_parent(void);

/*
 * Whether programs may map BARs at all, which they may at first on processors where a transport can
 * trap their accesses (base/file.h). Context: no device exists.
 */
void vfio_bars_set_mappable(bool mappable);

/*
 * Creates the device, powered on and bound to vfio-pci. 0; -ENOMEM; -EINVAL: the model does not
 * have an option, or contradicts itself; or an error of the model's init.
 */
int vfio_device_create(const struct device_spec *config, struct vfio_device **device);

/*
 * Makes a device hostile that was created without these settings of its machine, unless its own
 * say that it is not. 0 or -ENOMEM. Context: no file of it is open.
 */
int vfio_device_set_hostile(struct vfio_device *device, const struct hostile_settings *settings);

/* Context: no file of it is open. */
void vfio_device_destroy(struct vfio_device *device);

/* The BDF as text, "0000:01:00.0". */
const char *vfio_device_name(const struct vfio_device *device);
unsigned int vfio_device_index(const struct vfio_device *device);
const struct uiommufd_model *vfio_device_model(const struct vfio_device *device);
struct pci_bdf vfio_device_bdf(const struct vfio_device *device);

/*
 * The work of a device that is not open is not done by threads any more, but by
 * vfio_device_run_work(), when the descriptor that this returns is readable (work_loop.h). It
 * belongs to the device. A negative errno: no descriptor could be made.
 */
int vfio_device_use_loop(struct vfio_device *device);

/* Does what is to be done. Returns how many functions it called. Context: without a lock. */
unsigned int vfio_device_run_work(struct vfio_device *device);

/* The device as its model and embedding programs see it. */
struct uiommufd_device *vfio_device_dev(struct vfio_device *device);

/*
 * A file with the memory in BAR @bar, for another process (bar_parts_share()). Context: no file of
 * the device is open.
 */
int vfio_device_share_memory(struct vfio_device *device, unsigned int bar, int *fd);

/* open() of the cdev: a new file with one reference. 0; -ENODEV: it is not bound; -ENOMEM. */
int vfio_device_open(struct vfio_device *device, struct uiommufd_file **file);

/*
 * open() of the node of @device's group. 0; -EBUSY: it is open, or a cdev of it is bound; -ENODEV:
 * none of its devices is bound; -ENOMEM.
 */
int vfio_group_open(struct vfio_device *device, struct uiommufd_file **file);

/* open() of a container with the type1 driver, with no group in it. 0 or -ENOMEM. */
int vfio_container_open(struct uiommufd_file **file);

/*
 * Who tells the most mappings that a container may have, asked by SET_IOMMU [TYPE1-PROCESSES]; as
 * vfio_set_mapping_finder() below. Without it they are 65535.
 */
void vfio_set_entry_limit(unsigned int (*limit)(void));

/* Where an address of the program is in the registers of a device that it has mapped. */
struct vfio_mapping {
	void *reference; /* keeps the mapping's file; for put() */
	const struct file_trap_ops *ops;
	void *cookie;
	uint64_t offset; /* as of mmap */
	uint64_t left;	 /* bytes from there to the end of the mapping */
};

/*
 * How a transport finds what it has mapped (struct file_mapping.trap). find() is called with locks
 * held, put() without. There is one for the process, set before any container is open.
 */
struct vfio_mapping_finder {
	bool (*find)(uint64_t va, struct vfio_mapping *mapping);
	void (*put)(void *reference);
};
void vfio_set_mapping_finder(const struct vfio_mapping_finder *finder);

/*
 * How a transport changes what it has mapped: all mappings of [@offset, @offset + @len) of the file
 * with @cookie (struct file_mapping) become @memory, a shared mapping, or trap (NULL). A mapping
 * that is not to change may go on to trap. When map() returns, no access to what was there before
 * is under way. False: some are not changed. Called with the device lock held. There is one for the
 * process, set before a device is open.
 */
struct vfio_part_mapper {
	bool (*map)(const void *cookie, uint64_t offset, uint64_t len, void *memory);
};
void vfio_set_part_mapper(const struct vfio_part_mapper *mapper);

/* The device of a file of its cdev or from its group, borrowed; NULL: of another file. */
struct vfio_device *vfio_device_from_file(struct uiommufd_file *file);

/*
 * fork: vfio_fork_prepare() stops the threads of all devices, so that the child finds the devices
 * whole; it waits for the work in progress. Call it after iommufd_fork_prepare(), when no other
 * thread is inside a call any more (base/world.h), and one of the other two before iommufd's. In
 * the child the threads are started again when they are needed.
 */
void vfio_fork_prepare(void);
void vfio_fork_parent(void);
void vfio_fork_child(void);

#endif
