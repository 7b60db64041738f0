/* SPDX-License-Identifier: MIT */
#include "group_rig.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include <sys/mman.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "base/last_error.h"
#include "devices/devices.h"
#include "page.h"
#include "require.h"
#include "said.h"

static struct group_rig *group_rig_of(struct uiommufd_caller *caller)
{
	return (struct group_rig *)caller;
}

static struct uiommufd_file *group_rig_get(struct uiommufd_caller *caller, int fd)
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

static int group_rig_install(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
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

void group_rig_close_fd(struct group_rig *rig, int fd)
{
	struct uiommufd_file *file;

	pthread_mutex_lock(&rig->lock);
	file = rig->files[fd - GROUP_RIG_FD];
	rig->files[fd - GROUP_RIG_FD] = NULL;
	pthread_mutex_unlock(&rig->lock);
	file_put(file);
}

static void group_rig_uninstall(struct uiommufd_caller *caller, int fd)
{
	group_rig_close_fd(group_rig_of(caller), fd);
}

void group_rig_open(struct group_rig *rig)
{
	memset(rig, 0, sizeof(*rig));
	/* They share a bus: only a function level reset resets one of them. */
	rig->model = device_edu;
	rig->model.pcie = true;
	rig->model.flr = true;
	rig->ops = *uiommufd_caller_self()->ops;
	rig->ops.get_file = group_rig_get;
	rig->ops.install_file = group_rig_install;
	rig->ops.uninstall_file = group_rig_uninstall;
	rig->ops.release = NULL;
	uiommufd_caller_init(&rig->caller, &rig->ops, 1, 0);
	pthread_mutex_init(&rig->lock, NULL);
	rig->memory =
		mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	require(rig->memory != MAP_FAILED);
	require(!iommu_create(iommu_kind_find("amd"), "amd0", &rig->iommu));
	require(!iommufd_group_create(7, &rig->iommu_group));
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++) {
		const struct device_spec config = {
			.model = &rig->model,
			.bdf = {.bus = 1, .slot = (uint8_t)i},
			.iommu = rig->iommu,
			.group = rig->iommu_group,
			.index = i,
		};

		require(!vfio_device_create(&config, &rig->devices[i]));
	}
}

void group_rig_close(struct group_rig *rig)
{
	for (int i = 0; i < GROUP_RIG_FILES; i++) {
		if (rig->files[i])
			group_rig_close_fd(rig, GROUP_RIG_FD + i);
	}
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++)
		vfio_device_destroy(rig->devices[i]);
	iommufd_group_destroy(rig->iommu_group);
	iommu_put(rig->iommu);
	munmap(rig->memory, 2 * PAGE);
	pthread_mutex_destroy(&rig->lock);
}

long group_rig_ioctl(struct group_rig *rig, int fd, unsigned int cmd, uint64_t arg)
{
	struct uiommufd_file *file = group_rig_get(&rig->caller, fd);
	long rc;

	if (!file)
		return -EBADF;
	last_error_clear();
	rc = said_why(file->ops->ioctl(file, &rig->caller, cmd, arg), cmd);
	file_put(file);
	return rc;
}

int group_rig_container(struct group_rig *rig)
{
	const struct iommufd_options options = {.accounting_mm = true};
	struct iommufd_ctx *ctx;
	int rc = iommufd_ctx_create(&options, &ctx);

	return rc ? rc : group_rig_install(&rig->caller, iommufd_ctx_file(ctx), 0);
}

int group_rig_type1(struct group_rig *rig)
{
	struct uiommufd_file *file;
	int rc = vfio_container_open(&file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

int group_rig_group(struct group_rig *rig)
{
	struct uiommufd_file *file;
	int rc = vfio_group_open(rig->devices[0], &file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

int group_rig_cdev(struct group_rig *rig, unsigned int index)
{
	struct uiommufd_file *file;
	int rc = vfio_device_open(rig->devices[index], &file);

	return rc ? rc : group_rig_install(&rig->caller, file, 0);
}

long group_rig_set_iommu(struct group_rig *rig, int container)
{
	return group_rig_ioctl(rig, container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
}

long group_rig_set_container(struct group_rig *rig, int group, int container)
{
	return group_rig_ioctl(rig, group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&container);
}

long group_rig_device(struct group_rig *rig, int group, unsigned int index)
{
	return group_rig_ioctl(rig, group, VFIO_GROUP_GET_DEVICE_FD,
			       (uintptr_t)vfio_device_name(rig->devices[index]));
}

long group_rig_map(struct group_rig *rig, int container)
{
	const struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)rig->memory,
		.iova = GROUP_RIG_IOVA,
		.size = 2 * PAGE,
	};

	return group_rig_ioctl(rig, container, VFIO_IOMMU_MAP_DMA, (uintptr_t)&map);
}

void group_rig_write(struct group_rig *rig, int device, uint64_t pos, uint32_t value)
{
	struct uiommufd_file *file = group_rig_get(&rig->caller, device);

	if (!file)
		return;
	(void)file->ops->write(file, &rig->caller, (uintptr_t)&value, sizeof(value), &pos);
	file_put(file);
}

uint32_t group_rig_attach_all(struct group_rig *rig, int iommu, int devices[GROUP_RIG_DEVICES])
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct iommu_ioas_map map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.user_va = (uintptr_t)rig->memory,
		.length = 2 * PAGE,
		.iova = GROUP_RIG_IOVA,
	};

	require(!group_rig_ioctl(rig, iommu, IOMMU_IOAS_ALLOC, (uintptr_t)&alloc));
	map.ioas_id = alloc.out_ioas_id;
	require(!group_rig_ioctl(rig, iommu, IOMMU_IOAS_MAP, (uintptr_t)&map));
	for (unsigned int i = 0; i < GROUP_RIG_DEVICES; i++) {
		struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = iommu};
		struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach),
							       .pt_id = alloc.out_ioas_id};

		devices[i] = group_rig_cdev(rig, i);
		require(!group_rig_ioctl(rig, devices[i], VFIO_DEVICE_BIND_IOMMUFD,
					 (uintptr_t)&bind));
		require(!group_rig_ioctl(rig, devices[i], VFIO_DEVICE_ATTACH_IOMMUFD_PT,
					 (uintptr_t)&attach));
		group_rig_write(rig, devices[i],
				((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) + PCI_COMMAND,
				PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	}
	return alloc.out_ioas_id;
}

void group_rig_start_dma(struct group_rig *rig, int device)
{
	group_rig_write(rig, device, (UINT64_C(7) << 40) + 4, 6);
	group_rig_write(rig, device, 0x80, 0x40000);
	group_rig_write(rig, device, 0x88, (uint32_t)GROUP_RIG_IOVA);
	group_rig_write(rig, device, 0x90, PAGE);
	group_rig_write(rig, device, 0x98, 3);
}

long group_rig_start_log(struct group_rig *rig, int device)
{
	const struct vfio_device_feature_dma_logging_range range = {GROUP_RIG_IOVA, 2 * PAGE};
	struct {
		uint32_t argsz, flags;
		struct vfio_device_feature_dma_logging_control control;
	} start = {
		.argsz = sizeof(start),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		.control = {.page_size = PAGE, .num_ranges = 1, .ranges = (uintptr_t)&range},
	};

	return group_rig_ioctl(rig, device, VFIO_DEVICE_FEATURE, (uintptr_t)&start);
}

long group_rig_ioeventfd(struct group_rig *rig, int device, int fd)
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
