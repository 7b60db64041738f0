/* SPDX-License-Identifier: MIT */
/*
 * GET_DEVICE_FD of a group, and how its files share a device [TYPE1-GET-DEVICE-FD]: the first one
 * makes it ready, and the last one that is closed ends that.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "iommufd/compat/compat.h"
#include "vfio/container.h"
#include "vfio/vfio_group_internal.h"

/* ---- the name of the device ---- */

/* The longest argument, its NUL included. */
#define MAX_NAME PAGE_SIZE

/*
 * Copies the caller's string at @arg to @name, MAX_NAME bytes. -EFAULT; -EINVAL: longer than that.
 * Never reads from a page behind the one with the NUL.
 */
static int get_name(struct uiommufd_caller *caller, uint64_t arg, char *name)
{
	const uint64_t part = 64;
	uint64_t len;

	for (uint64_t done = 0; done < MAX_NAME; done += len) {
		len = min_u64(part - (arg + done) % part, MAX_NAME - done);
		if (caller_read(caller, name + done, arg + done, len))
			return refuse_memory("the name of the device", arg + done, len);
		if (memchr(name + done, '\0', len))
			return 0;
	}
	return refuse_mistake(-EINVAL, "the name of the device has no end within %u bytes",
			      (unsigned int)MAX_NAME);
}

/* Whether @text is the name of @device, which options may follow. */
static bool names_device(const struct vfio_device *device, const char *text)
{
	const size_t len = strlen(vfio_device_name(device));

	return strncmp(text, vfio_device_name(device), len) == 0 &&
	       (text[len] == '\0' || text[len] == ' ');
}

/*
 * The one option that there is, " vf_token=UUID", is for the functions of an SR-IOV device: given
 * to another, it is as wrong as an unknown one [TYPE1-GET-DEVICE-FD.2].
 */
static int check_options(const struct vfio_device *device, const char *text)
{
	const char *options = text + strlen(vfio_device_name(device));

	if (!options[strspn(options, " ")])
		return 0;
	return refuse(-EINVAL, "the name of the device is followed by options: it has none here");
}

/* ---- sharing it ---- */

/* Binds the device to @context and attaches it to the compatibility IOAS. */
static int bind_to(struct vfio_device *device, struct uiommufd_file *context)
	REQUIRES(device->bind_lock)
{
	struct iommufd_ctx *ctx = iommufd_ctx_from_file(context);
	uint32_t ioas_id, id;
	int rc;

	lock_assert_held(&device->bind_lock);
	rc = iommufd_compat_ioas_id(ctx, &ioas_id);
	if (rc)
		return rc;
	rc = vfio_device_bind(device, ctx, &id);
	if (rc)
		return rc;
	rc = iommufd_device_attach(device->iommufd, NO_PASID, &ioas_id);
	if (rc)
		vfio_device_unbind(device);
	return rc;
}

/* Makes the device ready for its first file: on a container that is bound already, else on one. */
static int begin_use(struct vfio_device *device, struct uiommufd_file *container)
	REQUIRES(device->bind_lock)
{
	lock_assert_held(&device->bind_lock);
	if (!device->attached)
		return bind_to(device, container);
	return vfio_device_enable(device);
}

/* The device's last file is closed. */
static void end_use(struct vfio_device *device) REQUIRES(device->bind_lock)
{
	lock_assert_held(&device->bind_lock);
	if (!device->attached) {
		vfio_device_unbind(device);
		return;
	}
	vfio_device_disable(device);
	/* The container keeps it bound. */
	iommufd_device_refuse_pages(device->iommufd, false);
}

/* Counts one more file of @device, whose group has a container. */
static int share_device(struct vfio_device *device) REQUIRES(device->group->use_lock)
{
	int rc = 0;

	lock_assert_held(&device->group->use_lock);
	lock_acquire(&device->bind_lock);
	if (!device->group_files) {
		rc = begin_use(device, device->group->container);
		if (rc)
			goto out;
		device->group->open_devices++;
	}
	device->group_files++;
out:
	lock_release(&device->bind_lock);
	return rc;
}

void vfio_device_unshare(struct vfio_device *device)
{
	struct vfio_group *group = device->group;

	lock_acquire(&group->use_lock);
	lock_acquire(&device->bind_lock);
	assert(device->group_files && group->open_devices);
	if (--device->group_files == 0) {
		end_use(device);
		group->open_devices--;
	}
	lock_release(&device->bind_lock);
	lock_release(&group->use_lock);
}

/* What a group and its container need for a device to be opened. */
static int check_usable(struct vfio_group *group) REQUIRES(group->use_lock)
{
	struct vfio_container *type1;

	lock_assert_held(&group->use_lock);
	if (!group->container)
		return refuse_mistake(-EINVAL, "the group has no container yet: "
					       "VFIO_GROUP_SET_CONTAINER comes first");
	type1 = vfio_container_from_file(group->container);
	if (!type1 || vfio_container_has_driver(type1))
		return 0;
	return refuse_mistake(-EINVAL,
			      "the container has no IOMMU yet: VFIO_SET_IOMMU comes first");
}

/* Counts a file of @device, if it can be opened. */
static int use_device(struct vfio_device *device)
{
	int rc;

	lock_acquire(&device->group->use_lock);
	rc = check_usable(device->group);
	if (!rc)
		rc = share_device(device);
	lock_release(&device->group->use_lock);
	return rc;
}

/* Gives the caller @file of @device. The number comes first [TYPE1-GET-DEVICE-FD.3]. */
static long give_device(struct uiommufd_caller *caller, struct vfio_device *device,
			struct uiommufd_file *file)
{
	long fd = caller_install_file(caller, file_get(file), O_CLOEXEC);
	int rc;

	if (fd < 0) {
		file_put(file);
		return fd;
	}
	rc = use_device(device);
	if (rc) {
		caller_uninstall_file(caller, (int)fd);
		return rc;
	}
	vfio_device_file_ready(file);
	return fd;
}

static long open_device(struct vfio_group *group, struct uiommufd_file *file,
			struct uiommufd_caller *caller, const char *text)
{
	struct vfio_device *device = vfio_group_find_device(group, names_device, text);
	struct uiommufd_file *device_file;
	long rc;

	if (!device)
		return refuse_mistake(-ENODEV, "the group has no device with the name \"%.64s\"",
				      text);
	rc = check_options(device, text);
	if (rc)
		return rc;
	rc = vfio_device_open_shared(device, file, &device_file);
	if (rc)
		return rc;
	rc = give_device(caller, device, device_file);
	file_put(device_file);
	return rc;
}

long vfio_group_get_device_fd(struct vfio_group *group, struct uiommufd_file *file,
			      struct uiommufd_caller *caller, uint64_t arg)
{
	char *text = alloc_zeroed(MAX_NAME);
	long rc;

	if (!text)
		return -ENOMEM;
	rc = get_name(caller, arg, text);
	if (!rc)
		rc = open_device(group, file, caller, text);
	alloc_free(text);
	return rc;
}
