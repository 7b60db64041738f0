/* SPDX-License-Identifier: MIT */
/* See container.h. */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The last component of where the link @path leads; false: there is no such link. */
static bool link_name(const char *path, char *name, size_t size)
{
	char target[256];
	ssize_t len = readlink(path, target, sizeof(target) - 1);

	if (len < 0)
		return false;
	target[len] = '\0';
	snprintf(name, size, "%s", strrchr(target, '/') + 1);
	return true;
}

const char *device_name(unsigned int index)
{
	static char names[8][32];
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/vfio-dev/vfio%u/device", device_number(index));
	if (index >= ARRAY_SIZE(names) || !link_name(path, names[index], sizeof(names[0])))
		skip_test("the machine has too few VFIO devices");
	return names[index];
}

unsigned int group_number(unsigned int index)
{
	char path[96], name[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", device_name(index));
	if (!link_name(path, name, sizeof(name)))
		conformance_fail(HERE, "%s is no link", path);
	return (unsigned int)strtoul(name, NULL, 10);
}

int open_group(unsigned int index)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/vfio/%u", group_number(index));
	return open(path, O_RDWR | O_CLOEXEC);
}

int need_group(unsigned int index)
{
	int fd = open_group(index);

	if (fd < 0)
		conformance_fail(HERE, "the group of device %u: %s", index, strerror(errno));
	return close_later(fd);
}

int open_container(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		conformance_fail(HERE, "/dev/vfio/vfio: %s", strerror(errno));
	return close_later(fd);
}

int set_container(int group, int container)
{
	return do_ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
}

int get_device_fd(int group, const char *name)
{
	return do_ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
}

void use_container(struct user *user, int container, unsigned long type)
{
	user->container = container;
	user->group = need_group(0);
	expect_equal(set_container(user->group, container), 0);
	expect_ok(container, VFIO_SET_IOMMU, (void *)type);
	user->device = get_device_fd(user->group, device_name(0));
	expect_true(user->device >= 0);
	close_later(user->device);
}

int map_dma(int container, uint32_t flags, uint64_t iova, const void *va, uint64_t size)
{
	return do_ioctl(container, VFIO_IOMMU_MAP_DMA,
			VFIO_CMD(vfio_iommu_type1_dma_map, .flags = flags, .vaddr = (uintptr_t)va,
				 .iova = iova, .size = size));
}

int unmap_dma(int container, uint32_t flags, uint64_t iova, uint64_t *size)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = flags,
		.iova = iova,
		.size = *size,
	};
	int rc = do_ioctl(container, VFIO_IOMMU_UNMAP_DMA, &unmap);

	*size = unmap.size;
	return rc;
}
