/* SPDX-License-Identifier: MIT */
/*
 * Two edu devices in one group behind one IOMMU, on one bus. The rig's caller has a table of
 * descriptors for emulated files, which start at GROUP_RIG_FD; its memory is this process's.
 *
 * Functions that open something return a descriptor; all return a negative errno for a failure.
 */
#ifndef TESTS_LIB_GROUP_RIG_H
#define TESTS_LIB_GROUP_RIG_H

#include <pthread.h>
#include <stdint.h>

#include <uiommufd/caller.h>

#include "iommufd/device/group.h"
#include "vfio/vfio.h"

enum {
	GROUP_RIG_DEVICES = 2,
	GROUP_RIG_FD = 1000,
	GROUP_RIG_FILES = 16,
};

/* Where group_rig_map() maps the memory. */
#define GROUP_RIG_IOVA UINT64_C(0x100000)

struct group_rig {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_caller_ops ops;
	struct uiommufd_model model; /* of the devices: edu with FLR */
	struct iommu *iommu;
	struct iommufd_group *iommu_group;
	struct vfio_device *devices[GROUP_RIG_DEVICES];
	char *memory;	      /* two pages */
	pthread_mutex_t lock; /* of the table */
	struct uiommufd_file *files[GROUP_RIG_FILES];
};

void group_rig_open(struct group_rig *rig);

/* Closes the descriptors that are still open, too. */
void group_rig_close(struct group_rig *rig);

long group_rig_ioctl(struct group_rig *rig, int fd, unsigned int cmd, uint64_t arg);
void group_rig_close_fd(struct group_rig *rig, int fd);

/* Open a container, the group, and the character device of device @index. */
int group_rig_container(struct group_rig *rig);
int group_rig_group(struct group_rig *rig);
int group_rig_cdev(struct group_rig *rig, unsigned int index);

/* Opens a container of VFIO. */
int group_rig_type1(struct group_rig *rig);

long group_rig_set_container(struct group_rig *rig, int group, int container);

/* SET_IOMMU of version 2. */
long group_rig_set_iommu(struct group_rig *rig, int container);

/* Opens device @index through @group. */
long group_rig_device(struct group_rig *rig, int group, unsigned int index);

/* Maps both pages of the memory at GROUP_RIG_IOVA, readable and writeable. */
long group_rig_map(struct group_rig *rig, int container);

/*
 * Opens the character device of each device, and attaches it to a new IOAS of the context @iommu,
 * in which both pages of the memory are at GROUP_RIG_IOVA. Memory decoding and bus mastering are
 * on. Returns the ID of the IOAS.
 */
uint32_t group_rig_attach_all(struct group_rig *rig, int iommu, int devices[GROUP_RIG_DEVICES]);

/* Writes @value to the 32-bit register at @pos of the file of a device. */
void group_rig_write(struct group_rig *rig, int device, uint64_t pos, uint32_t value);

/* Starts a DMA of the device to the first page at GROUP_RIG_IOVA; does not wait for it. */
void group_rig_start_dma(struct group_rig *rig, int device);

/* Starts the DMA log of the device for the memory at GROUP_RIG_IOVA. */
long group_rig_start_log(struct group_rig *rig, int device);

/* Makes the eventfd @fd write a register of the device. */
long group_rig_ioeventfd(struct group_rig *rig, int device, int fd);

#endif
