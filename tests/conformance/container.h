/* SPDX-License-Identifier: MIT */
/*
 * The older way to a device: its group, and the container that the group is in. Groups and names of
 * devices are found in /sys.
 */
#ifndef CONFORMANCE_CONTAINER_H
#define CONFORMANCE_CONTAINER_H

#include "conformance.h"

/*
 * The PCI address of the @index-th device, and the number of its group. The test is skipped if
 * there is none.
 */
const char *device_name(unsigned int index);
unsigned int group_number(unsigned int index);

/* The node of the @index-th device's group: a descriptor, or -1 with errno. */
int open_group(unsigned int index);

/* As open_group(), closed at the end of the test, which fails if it fails. */
int need_group(unsigned int index);

/* /dev/vfio/vfio, closed at the end of the test. */
int open_container(void);

/* The result of GROUP_SET_CONTAINER, GROUP_GET_DEVICE_FD: negative errno. */
int set_container(int group, int container);
int get_device_fd(int group, const char *name);

/* The first device, all by way of the container @type (VFIO_TYPE1..._IOMMU). */
struct user {
	int container, group, device;
};
void use_container(struct user *user, int container, unsigned long type);

int map_dma(int container, uint32_t flags, uint64_t iova, const void *va, uint64_t size);

/* *@size: in and out. */
int unmap_dma(int container, uint32_t flags, uint64_t iova, uint64_t *size);

#define DMA_RW (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)

#endif
