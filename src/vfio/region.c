/* SPDX-License-Identifier: MIT */
/*
 * Regions: BARs, ROM and config space through read and write of a device's file [PCI-ACCESS]. The
 * position in the file is index << 40 | offset.
 *
 * User memory is copied without the device lock, so that a page fault does not block the device;
 * each access of up to 8 bytes, of config space up to 4, takes the lock.
 */
#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/caller.h"
#include "base/check.h"
#include "trace/events.h"
#include "vfio/bar.h"
#include "vfio/vfio_internal.h"

#define OFFSET_MASK ((UINT64_C(1) << 40) - 1)

int vfio_region_get(const struct vfio_device *device, uint64_t index, struct device_region *region)
{
	const struct uiommufd_model *model = device->model;

	*region = (struct device_region){0};
	if (index < PCI_BARS) {
		region->size = model->bars[index].size;
		region->writable = true;
		region->mappable = bar_is_mappable(device, (unsigned int)index);
		region->msix_table = model->msix_vectors && model->msix_bar == index;
		return 0;
	}
	switch (index) {
	case VFIO_PCI_ROM_REGION_INDEX:
		if (device->rom.images)
			region->size = device->windows[PCI_ROM].size;
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

/* The largest naturally aligned access at @off of at most @len bytes. */
static unsigned int access_size(uint64_t off, uint64_t len)
{
	unsigned int size = 8;

	while (size > len || !is_aligned(off, size))
		size /= 2;
	return size;
}

/* One access from or to the program's @buf. Registers are little endian, and so is the host. */
static int bar_transfer(const struct bar_access *access, struct uiommufd_caller *caller,
			uint64_t buf, bool write)
{
	uint64_t value = 0;
	int rc;

	if (write) {
		rc = caller_read(caller, &value, buf, access->size);
		if (rc)
			return rc;
		hostile_before_write(access->device);
		return bar_write(access, value);
	}
	rc = bar_read(access, &value);
	return rc ? rc : caller_write(caller, buf, &value, access->size);
}

static ssize_t bar_rw(struct vfio_device *device, struct uiommufd_caller *caller, unsigned int bar,
		      uint64_t off, uint64_t buf, size_t len, bool write)
{
	uint64_t size = device->model->bars[bar].size;
	uint64_t done = 0, end;

	if (off >= size)
		return -EINVAL;
	end = min_u64(len, size - off);
	while (done < end) {
		const struct bar_access access = {
			.device = device,
			.bar = bar,
			.off = off + done,
			.size = access_size(off + done, end - done),
			.prompt = true,
		};
		int rc = bar_transfer(&access, caller, buf + done, write);

		if (rc)
			return rc;
		done += access.size;
	}
	return (ssize_t)done;
}

/* ---- config space ---- */

static __attribute__((noinline)) void observe_config(const struct vfio_device *device, uint64_t at,
						     const void *bytes, size_t len, bool write)
{
	uint64_t value = 0;

	memcpy(&value, bytes, len);
	event_register(device->name, VFIO_PCI_CONFIG_REGION_INDEX, at, (unsigned int)len, value,
		       write);
}

static ssize_t config_rw(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t off,
			 uint64_t buf, size_t len, bool write)
{
	bool reset = false;
	uint64_t end, part;
	int rc;

	if (check_add(off, len, &end) || end > device->config.size)
		return -EFAULT;
	for (uint64_t at = off; at < end; at += part) {
		uint8_t bytes[4];

		part = pci_view_piece(&device->view, (uint32_t)at, (uint32_t)(end - at));
		if (write) {
			rc = caller_read(caller, bytes, buf + (at - off), part);
			if (rc)
				return rc;
		}
		lock_acquire(&device->lock);
		if (write)
			reset = vfio_config_write(device, (uint32_t)at, bytes, (uint32_t)part);
		else
			vfio_config_read(device, (uint32_t)at, bytes, (uint32_t)part);
		lock_release(&device->lock);
		if (write)
			bar_exports_update(device);
		if (observed())
			observe_config(device, at, bytes, part, write);
		if (reset)
			vfio_device_reset(device, UIOMMUFD_RESET_FUNCTION);
		if (!write) {
			rc = caller_write(caller, buf + (at - off), bytes, part);
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
	struct device_region region;
	ssize_t done;

	if (!len)
		return 0;
	vfio_device_resume_work(device);
	if (vfio_region_get(device, index, &region) || (write && !region.writable))
		return -EINVAL;
	if (index == VFIO_PCI_CONFIG_REGION_INDEX)
		done = config_rw(device, caller, off, buf, len, write);
	else if (index < PCI_BARS)
		done = bar_rw(device, caller, (unsigned int)index, off, buf, len, write);
	else
		done = rom_region_read(device, caller, off, buf, len);
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
