/* SPDX-License-Identifier: MIT */
/*
 * Hot reset (spec 40-vfio, 5.4): of the bus that a device is on, and so of all devices there, all
 * of which the caller must own. Whoever opened the cdev owns what its context owns; else
 * descriptors of groups prove it.
 *
 * A bus is reset by the bridge above it: bus 0 has none.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "vfio/vfio_internal.h"

/*
 * The first device on the bus of @file's after @previous (NULL: of all). Caller holds the registry.
 */
static struct vfio_device *next_affected(const struct vfio_device_file *file,
					 struct vfio_device *previous)
{
	const struct pci_bdf bus = file->device->bdf;

	do
		previous = vfio_registry_next(previous);
	while (previous && (previous->bdf.domain != bus.domain || previous->bdf.bus != bus.bus));
	return previous;
}

static uint32_t count_affected(const struct vfio_device_file *file)
{
	struct vfio_device *device = NULL;
	uint32_t count = 0;

	while ((device = next_affected(file, device)))
		count++;
	return count;
}

static bool resettable(const struct vfio_device_file *file)
{
	return file->device->bdf.bus != 0;
}

/*
 * What the owner of @ctx calls @device: its ID, or VFIO_PCI_DEVID_.... Caller holds its bind_lock.
 */
static uint32_t devid_in(struct vfio_device *device, const struct iommufd_ctx *ctx)
{
	if (device->iommufd && iommufd_device_ctx(device->iommufd) == ctx)
		return iommufd_device_id(device->iommufd);
	if (iommufd_group_owner(device->iommu_group) == ctx)
		return VFIO_PCI_DEVID_OWNED;
	return (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
}

/* ---- GET_PCI_HOT_RESET_INFO ---- */

/*
 * What is known of @device, for the list. Clears DEV_ID_OWNED in *@flags if it belongs to somebody
 * else.
 */
static struct vfio_pci_dependent_device describe(const struct vfio_device_file *file,
						 const struct iommufd_ctx *ctx,
						 struct vfio_device *device, uint32_t *flags)
{
	struct vfio_pci_dependent_device entry = {
		.segment = device->bdf.domain,
		.bus = device->bdf.bus,
		.devfn = (uint8_t)(device->bdf.slot << 3 | device->bdf.function),
	};

	if (file->group) {
		entry.group_id = iommufd_group_number(device->iommu_group);
		return entry;
	}
	pthread_mutex_lock(&device->bind_lock);
	entry.devid = devid_in(device, ctx);
	pthread_mutex_unlock(&device->bind_lock);
	if (entry.devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
		*flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	return entry;
}

/*
 * Writes the entries for which @info has room at @to, and completes @info. Caller holds the
 * registry.
 */
static int put_entries(const struct vfio_device_file *file, struct uiommufd_caller *caller,
		       uint64_t to, struct vfio_pci_hot_reset_info *info)
{
	/* The file is bound: its device's owner does not change. */
	const struct iommufd_ctx *ctx = iommufd_device_ctx(file->device->iommufd);
	const size_t room = (info->argsz - sizeof(*info)) / sizeof(info->devices[0]);
	struct vfio_device *device = NULL;
	int rc = 0;

	info->count = 0;
	info->flags = 0;
	if (!file->group)
		info->flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	while ((device = next_affected(file, device)) && !rc) {
		struct vfio_pci_dependent_device entry = describe(file, ctx, device, &info->flags);

		if (info->count < room)
			rc = caller_write(caller, to + info->count * sizeof(entry), &entry,
					  sizeof(entry));
		info->count++;
	}
	return rc ? rc : info->count > room ? -ENOSPC : 0;
}

long vfio_get_hot_reset_info(struct vfio_device_file *file, struct uiommufd_caller *caller,
			     uint64_t arg)
{
	struct vfio_pci_hot_reset_info info;
	int rc;

	if (caller_read(caller, &info, arg, sizeof(info)))
		return -EFAULT;
	if (info.argsz < sizeof(info))
		return -EINVAL;
	if (!resettable(file))
		return -ENODEV;
	vfio_registry_lock();
	rc = put_entries(file, caller, arg + sizeof(info), &info);
	vfio_registry_unlock();
	if (rc && rc != -ENOSPC)
		return rc;
	if (caller_write(caller, arg, &info, sizeof(info)))
		return -EFAULT;
	return rc;
}

/* ---- PCI_HOT_RESET ---- */

/* Files of groups that the caller has shown. */
struct proof {
	struct uiommufd_file **files;
	uint32_t count;
};

static bool proves(const struct proof *proof, const struct vfio_group *group)
{
	for (uint32_t i = 0; i < proof->count; i++) {
		if (vfio_group_from_file(proof->files[i]) == group)
			return true;
	}
	return false;
}

static void drop_proof(struct proof *proof)
{
	for (uint32_t i = 0; i < proof->count; i++)
		file_put(proof->files[i]);
	alloc_free(proof->files);
}

/* The files behind @count descriptors at @from. On failure there is nothing to drop. */
static int get_proof(struct uiommufd_caller *caller, uint64_t from, uint32_t count,
		     struct proof *proof)
{
	int rc = 0;

	*proof = (struct proof){.files = alloc_array(count, sizeof(struct uiommufd_file *))};
	if (!proof->files)
		return -ENOMEM;
	while (!rc && proof->count < count) {
		int32_t fd;

		if (caller_read(caller, &fd, from + proof->count * sizeof(fd), sizeof(fd)))
			rc = -EFAULT;
		else
			rc = vfio_file_of(caller, fd, &proof->files[proof->count]);
		if (rc)
			break;
		if (!vfio_group_from_file(proof->files[proof->count++]))
			rc = -EINVAL;
	}
	if (rc)
		drop_proof(proof);
	return rc == -EBADFD ? -EINVAL : rc;
}

/* Caller holds the registry and the bind_lock of every affected device. */
static bool owns_all(const struct vfio_device_file *file, const struct proof *proof)
{
	const struct iommufd_ctx *ctx = iommufd_device_ctx(file->device->iommufd);
	struct vfio_device *device = NULL;

	while ((device = next_affected(file, device))) {
		if (file->group ? !proves(proof, device->group)
				: devid_in(device, ctx) == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			return false;
	}
	return true;
}

/* Resets the bus unless one of the devices is not the caller's. */
static int reset_bus(const struct vfio_device_file *file, const struct proof *proof)
{
	struct vfio_device *device = NULL;
	int rc = -EINVAL;

	vfio_registry_lock();
	while ((device = next_affected(file, device)))
		pthread_mutex_lock(&device->bind_lock);
	if (owns_all(file, proof)) {
		while ((device = next_affected(file, device)))
			vfio_device_reset(device);
		rc = 0;
	}
	while ((device = next_affected(file, device)))
		pthread_mutex_unlock(&device->bind_lock);
	vfio_registry_unlock();
	return rc;
}

long vfio_hot_reset(struct vfio_device_file *file, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_pci_hot_reset reset;
	struct proof proof = {.count = 0};
	uint32_t affected;
	int rc;

	if (caller_read(caller, &reset, arg, sizeof(reset)))
		return -EFAULT;
	if (reset.argsz < sizeof(reset) || reset.flags || !reset.count != !file->group)
		return -EINVAL;
	if (!resettable(file))
		return -ENODEV;
	vfio_registry_lock();
	affected = count_affected(file);
	vfio_registry_unlock();
	/* More groups than devices prove nothing more. */
	if (reset.count > affected)
		return -EINVAL;
	if (reset.count) {
		rc = get_proof(caller, arg + sizeof(reset), reset.count, &proof);
		if (rc)
			return rc;
	}
	rc = reset_bus(file, &proof);
	drop_proof(&proof);
	return rc;
}
