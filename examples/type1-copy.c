/* SPDX-License-Identifier: MIT */
/*
 * type1-copy: copies a file through a PCI device as edu-copy does, by VFIO's older interface, which
 * most drivers in userspace use. A group of devices is put into a container, memory is mapped in
 * the container at addresses that the program chooses, and the device is opened by its group.
 *
 * It needs only <linux/vfio.h>. It runs where edu-copy does, and on kernels and devices without a
 * VFIO cdev.
 */
#include "edu.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "job.h"

struct container {
	int fd, group;
	struct vfio_iova_range windows[MAX_WINDOWS];
	uint32_t window_count;
	uint64_t next; /* all IOVAs below are in use */
};

/* ---- the group ---- */

/* Opens the group of @bdf: the last component of its iommu_group link. */
static int open_group(const char *bdf)
{
	char path[SYSFS_PATH], target[SYSFS_PATH];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", bdf);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		fail("%s: %s: is there an IOMMU?", path, strerror(errno));
	target[len] = '\0';
	snprintf(path, sizeof(path), "/dev/vfio/%.64s", strrchr(target, '/') + 1);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		fail("%s: %s: is the device bound to vfio-pci?", path, strerror(errno));
	printf("device    %s, %s\n", bdf, path);
	return fd;
}

static void open_container(struct container *container, const char *bdf)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	container->fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (container->fd < 0)
		fail("/dev/vfio/vfio: %s", strerror(errno));
	if (ioctl(container->fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		fail("this VFIO has another API version");
	if (!ioctl(container->fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU))
		fail("VFIO has no type1 IOMMU here");
	container->group = open_group(bdf);
	if (ioctl(container->group, VFIO_GROUP_GET_STATUS, &status))
		fail("VFIO_GROUP_GET_STATUS: %s", strerror(errno));
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		fail("the group is not viable: bind all of its devices to vfio-pci");
	if (ioctl(container->group, VFIO_GROUP_SET_CONTAINER, &container->fd))
		fail("VFIO_GROUP_SET_CONTAINER: %s", strerror(errno));
	/* Only a container with a group has an IOMMU to set. */
	if (ioctl(container->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		fail("VFIO_SET_IOMMU: %s", strerror(errno));
}

static int get_device(const struct container *container, const char *bdf)
{
	int fd = ioctl(container->group, VFIO_GROUP_GET_DEVICE_FD, bdf);

	if (fd < 0)
		fail("VFIO_GROUP_GET_DEVICE_FD: %s", strerror(errno));
	return fd;
}

/* ---- the address space ---- */

/* Adds the windows of @cap, as far as the device can drive them. */
static void take_windows(struct container *container,
			 const struct vfio_iommu_type1_info_cap_iova_range *cap)
{
	for (uint32_t i = 0; i < cap->nr_iovas && container->window_count < MAX_WINDOWS; i++) {
		struct vfio_iova_range window = cap->iova_ranges[i];

		printf("window    0x%llx..0x%llx\n", (unsigned long long)window.start,
		       (unsigned long long)window.end);
		if (window.start > EDU_DMA_MASK)
			continue;
		if (window.end > EDU_DMA_MASK)
			window.end = EDU_DMA_MASK;
		container->windows[container->window_count++] = window;
	}
}

/* Reads what the IOMMU permits: a structure followed by a chain of capabilities. */
static void read_windows(struct container *container)
{
	struct vfio_iommu_type1_info *info = calloc(1, sizeof(*info));
	uint32_t size = sizeof(*info);
	const struct vfio_info_cap_header *cap;

	/* The first call returns how long the answer is. */
	for (int i = 0; info && i < 2; i++) {
		info->argsz = size;
		if (ioctl(container->fd, VFIO_IOMMU_GET_INFO, info))
			fail("VFIO_IOMMU_GET_INFO: %s", strerror(errno));
		if (info->argsz > size) {
			size = info->argsz;
			free(info);
			info = calloc(1, size);
		}
	}
	if (!info)
		fail("out of memory");
	for (uint32_t at = info->flags & VFIO_IOMMU_INFO_CAPS ? info->cap_offset : 0; at;
	     at = cap->next) {
		cap = (const struct vfio_info_cap_header *)((const char *)info + at);
		if (cap->id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			take_windows(container,
				     (const struct vfio_iommu_type1_info_cap_iova_range *)cap);
	}
	free(info);
	if (!container->window_count)
		fail("the IOMMU permits no IOVA of 28 bits, and the device drives no more");
}

/*
 * Returns the lowest free IOVA for @size bytes. It is never 0, so that a device's null pointer
 * faults.
 */
static uint64_t choose_iova(struct container *container, size_t size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	for (uint32_t i = 0; i < container->window_count; i++) {
		const struct vfio_iova_range *window = &container->windows[i];
		uint64_t start = window->start > container->next ? window->start : container->next;

		start = start ? (start + page - 1) / page * page : page;
		if (start <= window->end && window->end - start >= size - 1) {
			container->next = start + size;
			return start;
		}
	}
	fail("%zu bytes are too much for 28 bits of IOVA, limit it with -n", size);
}

static void map(struct container *container, struct mapping *mapping, bool device_writes)
{
	struct vfio_iommu_type1_dma_map cmd = {
		.argsz = sizeof(cmd),
		.flags = device_writes ? VFIO_DMA_MAP_FLAG_WRITE : VFIO_DMA_MAP_FLAG_READ,
		.vaddr = (uintptr_t)mapping->memory,
		.iova = choose_iova(container, mapping->size),
		.size = mapping->size,
	};

	if (ioctl(container->fd, VFIO_IOMMU_MAP_DMA, &cmd))
		fail("mapping %zu bytes: %s%s", mapping->size, strerror(errno),
		     errno == ENOMEM ? ": see ulimit -l, or limit it with -n" : "");
	mapping->iova = cmd.iova;
	print_mapping(mapping, device_writes);
}

static void unmap(const struct container *container, const struct mapping *mapping)
{
	struct vfio_iommu_type1_dma_unmap cmd = {
		.argsz = sizeof(cmd),
		.iova = mapping->iova,
		.size = mapping->size,
	};

	if (ioctl(container->fd, VFIO_IOMMU_UNMAP_DMA, &cmd) || cmd.size != mapping->size)
		fail("unmapping 0x%llx: %s", (unsigned long long)mapping->iova, strerror(errno));
}

int main(int argc, char **argv)
{
	struct container container = {.window_count = 0};
	struct mapping from, to;
	struct edu edu = {0};
	struct job job;

	job_parse(&job, argc, argv);
	open_container(&container, job.bdf);
	/*
	 * Before the windows are read: if the container is an iommufd, only open devices narrow
	 * them.
	 */
	edu.fd = get_device(&container, job.bdf);
	read_windows(&container);
	/* Filled before it is mapped: the device will see the pages that exist then. */
	from = allocate(job.len);
	job_read(&job, &from);
	to = allocate(job.len);
	map(&container, &from, false);
	map(&container, &to, true);

	edu_start(&edu);
	job_begin(&job);
	edu_copy(&edu, &from, &to, job.len);
	unmap(&container, &from);
	unmap(&container, &to);
	job_end(&job, &edu, &from, &to);
	close(edu.fd);
	close(container.group);
	close(container.fd);
	return 0;
}
