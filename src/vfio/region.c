/* SPDX-License-Identifier: MIT */
/*
 * Regions: BARs and config space through read and write of a device's file (spec 40-vfio, 5.6). The
 * file's position says which and where: index << 40 | offset.
 *
 * User memory is copied without the device lock, which a page that has to be fetched first must not
 * hold up; each access of up to 8 bytes takes the lock for itself.
 */
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/check.h"
#include "vfio/vfio_internal.h"

#define OFFSET_MASK ((UINT64_C(1) << 40) - 1)

int vfio_region_get(const struct vfio_device *device, uint64_t index, struct vfio_region *region)
{
	const struct uiommufd_model *model = device->dev.model;

	*region = (struct vfio_region){0};
	if (index < PCI_BARS) {
		region->size = model->bars[index].size;
		region->writable = true;
		region->msix_table = model->msix_vectors && model->msix_bar == index;
		return 0;
	}
	switch (index) {
	case VFIO_PCI_ROM_REGION_INDEX:
		return 0;
	case VFIO_PCI_CONFIG_REGION_INDEX:
		region->size = device->config.size;
		region->writable = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* ---- BARs ---- */

/* One access between the program and a BAR. */
struct bar_access {
	struct vfio_device *device;
	unsigned int bar;
	uint64_t off;
	unsigned int size;
};

/* The largest naturally aligned access at @off of at most @len bytes. */
static unsigned int access_size(uint64_t off, uint64_t len)
{
	unsigned int size = 8;

	while (size > len || !is_aligned(off, size))
		size /= 2;
	return size;
}

/*
 * Shortens *@len so that all of [@off, @off + *@len) is in the MSI-X table, which VFIO keeps from
 * the program (true), or none of it (false).
 */
static bool clip_msix(const struct vfio_device *device, unsigned int bar, uint64_t off,
		      uint64_t *len)
{
	const struct uiommufd_model *model = device->dev.model;
	uint64_t start = model->msix_table;
	uint64_t end = start + (uint64_t)model->msix_vectors * PCI_MSIX_ENTRY_SIZE;

	if (start == end || model->msix_bar != bar || off >= end)
		return false;
	if (off >= start) {
		*len = min_u64(*len, end - off);
		return true;
	}
	*len = min_u64(*len, start - off);
	return false;
}

static bool decoding(const struct vfio_device *device, unsigned int bar)
{
	uint16_t bit = device->dev.model->bars[bar].flags & UIOMMUFD_BAR_IO ? PCI_COMMAND_IO
									    : PCI_COMMAND_MEMORY;

	return pci_config_command(&device->config) & bit;
}

/* How wide the model takes it: 0, not at all. */
static unsigned int model_width(const struct bar_access *access)
{
	const struct uiommufd_bar *bar = &access->device->dev.model->bars[access->bar];
	unsigned int max = bar->max_access ? bar->max_access : 8;

	if (access->size < bar->min_access)
		return 0;
	return access->size < max ? access->size : max;
}

/* 0, or -EIO if the BAR does not decode. An access that the device does not take reads as all ones.
 */
static int bar_read(const struct bar_access *access, uint64_t *value)
{
	struct vfio_device *device = access->device;
	const struct uiommufd_model *model = device->dev.model;
	unsigned int width = model_width(access);

	*value = width ? 0 : UINT64_MAX;
	pthread_mutex_lock(&device->lock);
	if (!decoding(device, access->bar)) {
		pthread_mutex_unlock(&device->lock);
		return -EIO;
	}
	for (unsigned int at = 0; width && at < access->size; at += width) {
		uint64_t part = model->read(&device->dev, access->bar, access->off + at, width);

		if (width < 8)
			part &= (UINT64_C(1) << (8 * width)) - 1;
		*value |= part << (8 * at);
	}
	pthread_mutex_unlock(&device->lock);
	return 0;
}

static int bar_write(const struct bar_access *access, uint64_t value)
{
	struct vfio_device *device = access->device;
	const struct uiommufd_model *model = device->dev.model;
	unsigned int width = model_width(access);

	pthread_mutex_lock(&device->lock);
	if (!decoding(device, access->bar)) {
		pthread_mutex_unlock(&device->lock);
		return -EIO;
	}
	for (unsigned int at = 0; width && at < access->size; at += width) {
		uint64_t part = value >> (8 * at);

		if (width < 8)
			part &= (UINT64_C(1) << (8 * width)) - 1;
		model->write(&device->dev, access->bar, access->off + at, width, part);
	}
	pthread_mutex_unlock(&device->lock);
	return 0;
}

/* One access at the program's @buf, in host order: a register's bytes are little endian, as we are.
 */
static int bar_transfer(const struct bar_access *access, struct uiommufd_caller *caller,
			uint64_t buf, bool write)
{
	uint64_t value = 0;
	int rc;

	if (write) {
		rc = caller->ops->read(caller, &value, buf, access->size);
		return rc ? rc : bar_write(access, value);
	}
	rc = bar_read(access, &value);
	return rc ? rc : caller->ops->write(caller, buf, &value, access->size);
}

static int msix_transfer(struct uiommufd_caller *caller, uint64_t buf, uint64_t len, bool write)
{
	uint8_t ones[64];
	uint64_t part;
	int rc = 0;

	memset(ones, 0xff, sizeof(ones));
	for (; len && !write && !rc; buf += part, len -= part) {
		part = min_u64(len, sizeof(ones));
		rc = caller->ops->write(caller, buf, ones, part);
	}
	return rc;
}

static ssize_t bar_rw(struct vfio_device *device, struct uiommufd_caller *caller, unsigned int bar,
		      uint64_t off, uint64_t buf, size_t len, bool write)
{
	uint64_t size = device->dev.model->bars[bar].size;
	uint64_t done = 0, end;

	if (off >= size)
		return -EINVAL;
	end = min_u64(len, size - off);
	while (done < end) {
		struct bar_access access = {.device = device, .bar = bar, .off = off + done};
		uint64_t part = end - done;
		int rc;

		if (clip_msix(device, bar, off + done, &part)) {
			rc = msix_transfer(caller, buf + done, part, write);
		} else {
			access.size = access_size(off + done, part);
			part = access.size;
			rc = bar_transfer(&access, caller, buf + done, write);
		}
		if (rc)
			return rc;
		done += part;
	}
	return (ssize_t)done;
}

/* ---- config space ---- */

static ssize_t config_rw(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t off,
			 uint64_t buf, size_t len, bool write)
{
	uint64_t end, part;
	int rc;

	if (check_add(off, len, &end) || end > device->config.size)
		return -EFAULT;
	for (uint64_t at = off; at < end; at += part) {
		uint8_t bytes[8];

		part = access_size(at, end - at);
		if (write) {
			rc = caller->ops->read(caller, bytes, buf + (at - off), part);
			if (rc)
				return rc;
		}
		pthread_mutex_lock(&device->lock);
		if (write)
			vfio_config_write(device, (uint32_t)at, bytes, (uint32_t)part);
		else
			vfio_config_read(device, (uint32_t)at, bytes, (uint32_t)part);
		pthread_mutex_unlock(&device->lock);
		if (!write) {
			rc = caller->ops->write(caller, buf + (at - off), bytes, part);
			if (rc)
				return rc;
		}
	}
	return (ssize_t)len;
}

/* ---- the file ---- */

static ssize_t device_rw(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos, bool write)
{
	uint64_t index = *pos >> 40, off = *pos & OFFSET_MASK;
	struct vfio_region region;
	ssize_t done;

	if (!len)
		return 0;
	vfio_work_resume(&device->work);
	if (vfio_region_get(device, index, &region) || (write && !region.writable))
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		done = config_rw(device, caller, off, buf, len, write);
	else if (index < PCI_BARS)
		done = bar_rw(device, caller, (unsigned int)index, off, buf, len, write);
	else
		done = -EINVAL;
	if (done > 0)
		*pos += (uint64_t)done;
	return done;
}

ssize_t vfio_device_read(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	return device_rw(device, caller, buf, len, pos, false);
}

ssize_t vfio_device_write(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t buf,
			  size_t len, uint64_t *pos)
{
	return device_rw(device, caller, buf, len, pos, true);
}
