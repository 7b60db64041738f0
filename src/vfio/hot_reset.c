/* SPDX-License-Identifier: MIT */
/*
 * Hot reset [PCI-RESET]: resets the bus of a device, and with it every device on that bus. The
 * caller must own all of them: a file of a cdev owns what its context owns; a file from a group
 * needs the descriptors of all the groups concerned.
 *
 * The bridge above a bus resets it; bus 0 has none.
 *
 * Locks: the registry of devices, and for the reset itself the bind_lock of each device concerned.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/last_error.h"
#include "vfio/vfio_internal.h"

/* The next device after @previous (NULL: the first) on the bus of @file's device, or NULL. */
static struct vfio_device *next_affected(const struct device_file *file,
					 struct vfio_device *previous) REQUIRES(vfio_registry_lock)
{
	const struct pci_bdf bus = file->device->bdf;

	lock_assert_held(&vfio_registry_lock);
	do
		previous = vfio_registry_next(previous);
	while (previous && (previous->bdf.domain != bus.domain || previous->bdf.bus != bus.bus));
	return previous;
}

static uint32_t count_affected(const struct device_file *file) REQUIRES(vfio_registry_lock)
{
	struct vfio_device *device = NULL;
	uint32_t count = 0;

	lock_assert_held(&vfio_registry_lock);
	while ((device = next_affected(file, device)))
		count++;
	return count;
}

static bool resettable(const struct device_file *file)
{
	return file->device->bdf.bus != 0;
}

/* What @device is called in @ctx: its ID, or VFIO_PCI_DEVID_.... */
static uint32_t devid_in(struct vfio_device *device, const struct iommufd_ctx *ctx)
	REQUIRES(device->bind_lock)
{
	lock_assert_held(&device->bind_lock);
	if (device->iommufd && iommufd_device_ctx(device->iommufd) == ctx)
		return iommufd_device_id(device->iommufd);
	if (iommufd_group_owner(device->iommu_group) == ctx)
		return VFIO_PCI_DEVID_OWNED;
	return (uint32_t)VFIO_PCI_DEVID_NOT_OWNED;
}

/* ---- GET_PCI_HOT_RESET_INFO ---- */

/* The entry of @device. Clears DEV_ID_OWNED in *@flags if the caller does not own the device. */
static struct vfio_pci_dependent_device describe(const struct device_file *file,
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
	lock_acquire(&device->bind_lock);
	entry.devid = devid_in(device, ctx);
	lock_release(&device->bind_lock);
	if (entry.devid == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
		*flags &= ~(uint32_t)VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	return entry;
}

/* Writes as many entries as @info has space for to @to, and completes @info. */
static int put_entries(const struct device_file *file, struct uiommufd_caller *caller, uint64_t to,
		       struct vfio_pci_hot_reset_info *info) REQUIRES(vfio_registry_lock)
{
	/* The file is bound: its device's owner does not change. */
	const struct iommufd_ctx *ctx = iommufd_device_ctx(file->device->iommufd);
	const size_t space = (info->argsz - sizeof(*info)) / sizeof(info->devices[0]);
	struct vfio_device *device = NULL;

	lock_assert_held(&vfio_registry_lock);
	info->count = 0;
	info->flags = 0;
	if (!file->group)
		info->flags = VFIO_PCI_HOT_RESET_FLAG_DEV_ID | VFIO_PCI_HOT_RESET_FLAG_DEV_ID_OWNED;
	while ((device = next_affected(file, device))) {
		struct vfio_pci_dependent_device entry = describe(file, ctx, device, &info->flags);
		const uint64_t at = to + info->count * sizeof(entry);

		if (info->count++ < space && caller_write(caller, at, &entry, sizeof(entry)))
			return refuse_memory("devices", at, sizeof(entry));
	}
	return info->count > space
		       ? refuse(-ENOSPC, "argsz has space for %zu devices, and %u are affected",
				space, info->count)
		       : 0;
}

static int refuse_no_bus_reset(void)
{
	return refuse(-ENODEV, "the bus of the device cannot be reset");
}

long vfio_get_hot_reset_info(struct device_file *file, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_pci_hot_reset_info info;
	int rc;

	if (caller_read(caller, &info, arg, sizeof(info)))
		return refuse_memory("the argument", arg, sizeof(info));
	if (info.argsz < sizeof(info))
		return refuse_argsz(info.argsz, sizeof(info));
	if (!resettable(file))
		return refuse_no_bus_reset();
	lock_acquire(&vfio_registry_lock);
	rc = put_entries(file, caller, arg + sizeof(info), &info);
	lock_release(&vfio_registry_lock);
	if (rc && rc != -ENOSPC)
		return rc;
	if (caller_write(caller, arg, &info, sizeof(info)))
		return refuse_memory("the argument", arg, sizeof(info));
	return rc;
}

/* ---- PCI_HOT_RESET ---- */

/* Files of the groups that the caller has passed descriptors of, each with a reference. */
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

/* Gets the files behind the @count descriptors at @from, for drop_proof(); on failure none. */
static int get_proof(struct uiommufd_caller *caller, uint64_t from, uint32_t count,
		     struct proof *proof)
{
	int32_t fd;
	int rc;

	*proof = (struct proof){.files = alloc_array(count, sizeof(struct uiommufd_file *))};
	if (!proof->files)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		if (caller_read(caller, &fd, from + i * sizeof(fd), sizeof(fd))) {
			rc = refuse_memory("group_fds", from, count * sizeof(fd));
			goto out_drop;
		}
		rc = vfio_file_of(caller, fd, &proof->files[i]);
		if (rc)
			goto out_drop;
		proof->count++;
		if (!vfio_group_from_file(proof->files[i])) {
			rc = refuse_mistake(-EINVAL, "group_fds[%u] is %d, which is no group", i,
					    fd);
			goto out_drop;
		}
	}
	return 0;

out_drop:
	drop_proof(proof);
	return rc == -EBADFD ? -EINVAL : rc;
}

/* Whether the caller owns every device on the bus. With the bind_lock of each of them. */
static bool owns_all(const struct device_file *file, const struct proof *proof)
	REQUIRES(vfio_registry_lock)
{
	const struct iommufd_ctx *ctx = iommufd_device_ctx(file->device->iommufd);
	struct vfio_device *device = NULL;

	lock_assert_held(&vfio_registry_lock);
	while ((device = next_affected(file, device))) {
		lock_assert_held(&device->bind_lock);
		if (file->group ? !proves(proof, device->group)
				: devid_in(device, ctx) == (uint32_t)VFIO_PCI_DEVID_NOT_OWNED)
			return false;
	}
	return true;
}

/*
 * Resets the bus unless one of the devices is not the caller's. Holds the bind_lock of all of
 * them, in the order of the registry: a loop, which the analysis of locks does not follow.
 */
static int reset_bus(const struct device_file *file, const struct proof *proof) NO_LOCK_ANALYSIS
{
	struct vfio_device *device = NULL;
	int rc = 0;

	lock_acquire(&vfio_registry_lock);
	while ((device = next_affected(file, device)))
		lock_acquire_nested(&device->bind_lock);
	if (owns_all(file, proof)) {
		while ((device = next_affected(file, device)))
			vfio_device_reset(device, UIOMMUFD_RESET_BUS);
	} else {
		rc = refuse(-EINVAL,
			    "a device of the bus is not the caller's: all of them are reset");
	}
	while ((device = next_affected(file, device)))
		lock_release(&device->bind_lock);
	lock_release(&vfio_registry_lock);
	return rc;
}

long vfio_hot_reset(struct device_file *file, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_pci_hot_reset reset;
	struct proof proof = {.count = 0};
	uint32_t affected;
	int rc;

	if (caller_read(caller, &reset, arg, sizeof(reset)))
		return refuse_memory("the argument", arg, sizeof(reset));
	if (reset.argsz < sizeof(reset))
		return refuse_argsz(reset.argsz, sizeof(reset));
	if (reset.flags)
		return refuse_flags(-EINVAL, "flags", reset.flags, 0);
	if (!reset.count != !file->group)
		return refuse_mistake(-EINVAL,
				      file->group ? "count is 0: the device was opened through its "
						    "group, and the groups of the bus are needed"
						  : "count must be 0: the device is bound to a "
						    "/dev/iommu, which proves what is owned");
	if (!resettable(file))
		return refuse_no_bus_reset();
	lock_acquire(&vfio_registry_lock);
	affected = count_affected(file);
	lock_release(&vfio_registry_lock);
	/* There cannot be more groups than devices. */
	if (reset.count > affected)
		return refuse_mistake(-EINVAL, "count is %u, and the bus has %u devices",
				      reset.count, affected);
	if (reset.count) {
		rc = get_proof(caller, arg + sizeof(reset), reset.count, &proof);
		if (rc)
			return rc;
	}
	rc = reset_bus(file, &proof);
	drop_proof(&proof);
	return rc;
}
