/* SPDX-License-Identifier: MIT */
/* Containers and devices use the same numbers for different commands. */
#include "checker/call_names.h"

#include <errno.h>
#include <stddef.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

struct name {
	unsigned int number;
	const char *name;
};

#define NAME(constant)              \
	{                           \
		constant, #constant \
	}
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct name iommufd_names[] = {
	NAME(IOMMU_DESTROY),
	NAME(IOMMU_IOAS_ALLOC),
	NAME(IOMMU_IOAS_ALLOW_IOVAS),
	NAME(IOMMU_IOAS_COPY),
	NAME(IOMMU_IOAS_IOVA_RANGES),
	NAME(IOMMU_IOAS_MAP),
	NAME(IOMMU_IOAS_UNMAP),
	NAME(IOMMU_OPTION),
	NAME(IOMMU_VFIO_IOAS),
	NAME(IOMMU_HWPT_ALLOC),
	NAME(IOMMU_GET_HW_INFO),
	NAME(IOMMU_HWPT_SET_DIRTY_TRACKING),
	NAME(IOMMU_HWPT_GET_DIRTY_BITMAP),
	NAME(IOMMU_HWPT_INVALIDATE),
	NAME(IOMMU_FAULT_QUEUE_ALLOC),
	NAME(IOMMU_VIOMMU_ALLOC),
	NAME(IOMMU_VDEVICE_ALLOC),
	NAME(IOMMU_VEVENTQ_ALLOC),
	NAME(IOMMU_HW_QUEUE_ALLOC),
	NAME(IOMMU_IOAS_MAP_FILE),
	NAME(IOMMU_IOAS_NOIOMMU_GET_PA),
	NAME(IOMMU_IOAS_CHANGE_PROCESS),
	NAME(IOMMU_RESV_IOVA_RANGES),
	NAME(IOMMU_DEV_IOVA_RANGES),
	NAME(IOMMU_IOVA_LOOKUP),
};

/* Of containers and groups, and those that every file of VFIO has. */
static const struct name vfio_names[] = {
	NAME(VFIO_GET_API_VERSION),	NAME(VFIO_CHECK_EXTENSION),
	NAME(VFIO_SET_IOMMU),		NAME(VFIO_GROUP_GET_STATUS),
	NAME(VFIO_GROUP_SET_CONTAINER), NAME(VFIO_GROUP_UNSET_CONTAINER),
	NAME(VFIO_GROUP_GET_DEVICE_FD), NAME(VFIO_IOMMU_GET_INFO),
	NAME(VFIO_IOMMU_MAP_DMA),	NAME(VFIO_IOMMU_UNMAP_DMA),
	NAME(VFIO_IOMMU_DIRTY_PAGES),
};

static const struct name device_names[] = {
	NAME(VFIO_DEVICE_GET_INFO),
	NAME(VFIO_DEVICE_GET_REGION_INFO),
	NAME(VFIO_DEVICE_GET_IRQ_INFO),
	NAME(VFIO_DEVICE_SET_IRQS),
	NAME(VFIO_DEVICE_RESET),
	NAME(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO),
	NAME(VFIO_DEVICE_PCI_HOT_RESET),
	NAME(VFIO_DEVICE_IOEVENTFD),
	NAME(VFIO_DEVICE_FEATURE),
	NAME(VFIO_DEVICE_BIND_IOMMUFD),
	NAME(VFIO_DEVICE_ATTACH_IOMMUFD_PT),
	NAME(VFIO_DEVICE_DETACH_IOMMUFD_PT),
};

#define ERROR(constant) [constant] = #constant

static const char *const error_names[] = {
	ERROR(EPERM),	ERROR(ENOENT), ERROR(EINTR),	 ERROR(EIO),	    ERROR(ENXIO),
	ERROR(E2BIG),	ERROR(EBADF),  ERROR(EAGAIN),	 ERROR(ENOMEM),	    ERROR(EACCES),
	ERROR(EFAULT),	ERROR(EBUSY),  ERROR(EEXIST),	 ERROR(ENODEV),	    ERROR(EINVAL),
	ERROR(EMFILE),	ERROR(ENOTTY), ERROR(ENOSPC),	 ERROR(ERANGE),	    ERROR(EDEADLK),
	ERROR(ENOSYS),	ERROR(EBADFD), ERROR(EOVERFLOW), ERROR(EOPNOTSUPP), ERROR(EADDRINUSE),
	ERROR(ENOBUFS), ERROR(ETIME),  ERROR(ETIMEDOUT),
};

static const char *find(const struct name *names, size_t count, unsigned int number)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

const char *call_name(unsigned int cmd, bool device)
{
	const char *name = NULL;

	if (device)
		name = find(device_names, COUNT(device_names), cmd);
	if (!name)
		name = find(iommufd_names, COUNT(iommufd_names), cmd);
	if (!name)
		name = find(vfio_names, COUNT(vfio_names), cmd);
	return name;
}

const char *error_name(int error)
{
	if (error >= 0 && error < (int)COUNT(error_names) && error_names[error])
		return error_names[error];
	return "an error";
}
