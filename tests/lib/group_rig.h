/* SPDX-License-Identifier: MIT */
/*
 * A rig for tests of groups: edu devices in one group behind one IOMMU, and a caller with a table
 * of descriptors, from GROUP_RIG_FD on. Its memory is the test's own.
 */
#ifndef TESTS_GROUP_RIG_H
#define TESTS_GROUP_RIG_H

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "devices/devices.h"
#include "iommufd/device/group.h"
#include "vfio/vfio.h"

enum {
	GROUP_RIG_DEVICES = 2,
	GROUP_RIG_FD = 1000,
	GROUP_RIG_FILES = 16,
	GROUP_RIG_PAGE = 4096,
};
#define GROUP_RIG_IOVA UINT64_C(0x100000)

struct group_rig {
	struct uiommufd_caller caller;
	struct uiommufd_caller_ops ops;
	struct iommu *iommu;
	struct iommufd_group *iommu_group;
	struct vfio_device *devices[GROUP_RIG_DEVICES];
	char *memory; /* two pages */
	pthread_mutex_t lock;
	struct uiommufd_file *files[GROUP_RIG_FILES];
};

static inline struct group_rig *group_rig_of(struct uiommufd_caller *caller)
{
	return (struct group_rig *)caller;
}

static inline struct uiommufd_file *group_rig_get(struct uiommufd_caller *caller, int fd)
{
	struct group_rig *rig = group_rig_of(caller);
	struct uiommufd_file *file = NULL;

	pthread_mutex_lock(&rig->lock);
	if (fd >= GROUP_RIG_FD && fd < GROUP_RIG_FD + GROUP_RIG_FILES &&
	    rig->files[fd - GROUP_RIG_FD])
		file = file_get(rig->files[fd - GROUP_RIG_FD]);
	pthread_mutex_unlock(&rig->lock);
	return file;
}

static inline int group_rig_install(struct uiommufd_caller *caller, struct uiommufd_file *file,
				    int flags)
{
	struct group_rig *rig = group_rig_of(caller);
	int fd = -EMFILE;

	(void)flags;
	pthread_mutex_lock(&rig->lock);
	for (int i = 0; i < GROUP_RIG_FILES && fd < 0; i++) {
		if (!rig->files[i]) {
			rig->files[i] = file;
			fd = GROUP_RIG_FD + i;
		}
	}
	pthread_mutex_unlock(&rig->lock);
	return fd;
}

static inline void group_rig_close_fd(struct group_rig *rig, int fd)
{
	struct uiommufd_file *file;

	pthread_mutex_lock(&rig->lock);
	file = rig->files[fd - GROUP_RIG_FD];
	rig->files[fd - GROUP_RIG_FD] = NULL;
	pthread_mutex_unlock(&rig->lock);
	file_put(file);
}

static inline void group_rig_uninstall(struct uiommufd_caller *caller, int fd)
{
	group_rig_close_fd(group_rig_of(caller), fd);
}

static inline void group_rig_open(struct group_rig *rig)
{
	int rc;

	memset(rig, 0, sizeof(*rig));
	rig->ops = *uiommufd_caller_self()->ops;
	rig->ops.get_file = group_rig_get;
	rig->ops.install_file = group_rig_install;
	rig->ops.uninstall_file = group_rig_uninstall;
	rig->ops.release = NULL;
	uiommufd_caller_init(&rig->caller, &rig->ops, 1, 0);
	pthread_mutex_init(&rig->lock, NULL);
	rig->memory = mmap(NULL, 2 * GROUP_RIG_PAGE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert(rig->memory != MAP_FAILED);
	rc = iommu_create(iommu_kind_find("amd"), "amd0", &rig->iommu);
	assert(!rc);
	rc = iommufd_group_create(7, &rig->iommu_group);
	assert(!rc);
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++) {
		const struct device_spec config = {
			.model = &device_edu,
			.bdf = {.bus = 1, .slot = (uint8_t)i},
			.iommu = rig->iommu,
			.group = rig->iommu_group,
			.index = i,
		};

		rc = vfio_device_create(&config, &rig->devices[i]);
		assert(!rc);
	}
	(void)rc;
}

static inline void group_rig_close(struct group_rig *rig)
{
	for (int i = 0; i < GROUP_RIG_FILES; i++) {
		if (rig->files[i])
			group_rig_close_fd(rig, GROUP_RIG_FD + i);
	}
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++)
		vfio_device_destroy(rig->devices[i]);
	iommufd_group_destroy(rig->iommu_group);
	iommu_put(rig->iommu);
	munmap(rig->memory, 2 * GROUP_RIG_PAGE);
	pthread_mutex_destroy(&rig->lock);
}

static inline long group_rig_ioctl(struct group_rig *rig, int fd, unsigned int cmd, uint64_t arg)
{
	struct uiommufd_file *file = group_rig_get(&rig->caller, fd);
	long rc;

	if (!file)
		return -EBADF;
	rc = file->ops->ioctl(file, &rig->caller, cmd, arg);
	file_put(file);
	return rc;
}

/* Opens: a descriptor, or a negative errno. */
static inline int group_rig_container(struct group_rig *rig)
{
	const struct iommufd_options options = {.accounting_mm = true};
	struct iommufd_ctx *ctx;
	int rc = iommufd_ctx_create(&options, &ctx);

	return rc ? rc : group_rig_install(&rig->caller, iommufd_ctx_file(ctx), 0);
}

/* A container with the type1 driver. */
static inline int group_rig_type1(struct group_rig *rig)
{
	struct uiommufd_file *file;
	int rc = vfio_container_open(&file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

static inline int group_rig_group(struct group_rig *rig)
{
	struct uiommufd_file *file;
	int rc = vfio_group_open(rig->devices[0], &file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

static inline int group_rig_cdev(struct group_rig *rig, unsigned int index)
{
	struct uiommufd_file *file;
	int rc = vfio_device_open(rig->devices[index], &file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

static inline long group_rig_set_container(struct group_rig *rig, int group, int container)
{
	return group_rig_ioctl(rig, group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&container);
}

static inline long group_rig_set_iommu(struct group_rig *rig, int container)
{
	return group_rig_ioctl(rig, container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

static inline long group_rig_device(struct group_rig *rig, int group, unsigned int index)
{
	return group_rig_ioctl(rig, group, VFIO_GROUP_GET_DEVICE_FD,
			       (uintptr_t)vfio_device_name(rig->devices[index]));
}

/* The memory at GROUP_RIG_IOVA, for reading and writing. */
static inline long group_rig_map(struct group_rig *rig, int container)
{
	const struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)rig->memory,
		.iova = GROUP_RIG_IOVA,
		.size = 2 * GROUP_RIG_PAGE,
	};

	return group_rig_ioctl(rig, container, VFIO_IOMMU_MAP_DMA, (uintptr_t)&map);
}

static inline void group_rig_write(struct group_rig *rig, int device, uint64_t pos, uint32_t value)
{
	struct uiommufd_file *file = group_rig_get(&rig->caller, device);

	if (!file)
		return;
	(void)file->ops->write(file, &rig->caller, (uintptr_t)&value, sizeof(value), &pos);
	file_put(file);
}

/* Has the device write the page at GROUP_RIG_IOVA, which takes its time. */
static inline void group_rig_start_dma(struct group_rig *rig, int device)
{
	group_rig_write(rig, device, (UINT64_C(7) << 40) + 4, 6);
	group_rig_write(rig, device, 0x80, 0x40000);
	group_rig_write(rig, device, 0x88, (uint32_t)GROUP_RIG_IOVA);
	group_rig_write(rig, device, 0x90, GROUP_RIG_PAGE);
	group_rig_write(rig, device, 0x98, 3);
}

static inline long group_rig_start_log(struct group_rig *rig, int device)
{
	const struct vfio_device_feature_dma_logging_range range = {GROUP_RIG_IOVA,
								    2 * GROUP_RIG_PAGE};
	struct {
		uint32_t argsz, flags;
		struct vfio_device_feature_dma_logging_control control;
	} start = {
		.argsz = sizeof(start),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		.control = {.page_size = GROUP_RIG_PAGE,
			    .num_ranges = 1,
			    .ranges = (uintptr_t)&range},
	};

	return group_rig_ioctl(rig, device, VFIO_DEVICE_FEATURE, (uintptr_t)&start);
}

static inline long group_rig_ioeventfd(struct group_rig *rig, int device, int fd)
{
	const struct vfio_device_ioeventfd event = {
		.argsz = sizeof(event),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = 4,
		.data = 9,
		.fd = fd,
	};

	return group_rig_ioctl(rig, device, VFIO_DEVICE_IOEVENTFD, (uintptr_t)&event);
}

#endif
