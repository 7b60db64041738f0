/* SPDX-License-Identifier: MIT */
/*
 * Groups [VFIO-GROUP]: the older interface to devices. A program opens the group, sets a container,
 * and gets descriptors of devices. The container is one with the type1 driver (container.c), to
 * which the devices are attached as soon as the driver is set [TYPE1-GROUP-IOCTLS]; or an iommufd,
 * to which a device is bound, and attached to its compatibility IOAS, when it is opened.
 *
 * Invariants:
 * - a group has at most one file; files of its devices hold a reference of that file, so it is
 *   closed after them;
 * - while the group's file is open no cdev of the group is bound, and the other way round;
 * - a group leaves a container with the type1 driver only while none of its devices is open;
 * - a group has a device: the first device to join creates it, the last to leave destroys it.
 *
 * registry_lock guards which groups there are and their devices. use_lock of a group guards what it
 * is used for; it is taken before the lock of a container and bind_lock of a device. lock of a
 * group guards who may use it; it is taken after them.
 */
#include "vfio/vfio_group.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/dev_names.h"
#include "base/last_error.h"
#include "iommufd/compat/compat.h"
#include "vfio/container.h"
#include "vfio/vfio_group_internal.h"

struct group_file {
	struct uiommufd_file file;
	struct vfio_group *group;
};

static struct lock registry_lock = LOCK_INIT(LOCK_VFIO_GROUPS);
static CDS_LIST_HEAD(registry);

static const struct file_ops group_ops;

static struct vfio_group *group_of(struct uiommufd_file *file)
{
	return caa_container_of(file, struct group_file, file)->group;
}

/* ---- members ---- */

static struct vfio_group *find_group(const struct iommufd_group *iommufd) REQUIRES(registry_lock)
{
	struct vfio_group *group;

	lock_assert_held(&registry_lock);
	cds_list_for_each_entry (group, &registry, link) {
		if (group->iommufd == iommufd)
			return group;
	}
	return NULL;
}

static struct vfio_group *create_group(struct iommufd_group *iommufd) REQUIRES(registry_lock)
{
	struct vfio_group *group = alloc_zeroed(sizeof(*group));

	lock_assert_held(&registry_lock);
	if (!group)
		return NULL;
	group->iommufd = iommufd;
	CDS_INIT_LIST_HEAD(&group->devices);
	snprintf(group->path, sizeof(group->path), DEV_GROUP, iommufd_group_number(iommufd));
	group->file_ops = group_ops;
	group->file_ops.name = group->path;
	lock_init(&group->lock, LOCK_VFIO_GROUP);
	lock_init(&group->use_lock, LOCK_VFIO_GROUP_USE);
	cds_list_add_tail(&group->link, &registry);
	return group;
}

int vfio_group_join(struct vfio_device *device)
{
	struct vfio_group *group;

	lock_acquire(&registry_lock);
	group = find_group(device->iommu_group);
	if (!group)
		group = create_group(device->iommu_group);
	if (group) {
		device->group = group;
		cds_list_add_tail(&device->group_link, &group->devices);
	}
	lock_release(&registry_lock);
	return group ? 0 : -ENOMEM;
}

void vfio_group_leave(struct vfio_device *device)
{
	struct vfio_group *group = device->group;

	lock_acquire(&registry_lock);
	cds_list_del(&device->group_link);
	if (cds_list_empty(&group->devices)) {
		cds_list_del(&group->link);
		lock_destroy(&group->use_lock);
		lock_destroy(&group->lock);
		alloc_free(group);
	}
	lock_release(&registry_lock);
}

struct vfio_device *vfio_group_find_device(struct vfio_group *group,
					   bool (*is_it)(const struct vfio_device *, const char *),
					   const char *name)
{
	struct vfio_device *device, *found = NULL;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		if (vfio_device_is_bound(device) && is_it(device, name))
			found = device;
	}
	lock_release(&registry_lock);
	return found;
}

int vfio_group_claim_cdev(struct vfio_group *group)
{
	bool open;

	lock_acquire(&group->lock);
	assert(!group->open || !group->cdevs);
	open = group->open;
	if (!open)
		group->cdevs++;
	lock_release(&group->lock);
	return open ? refuse_mistake(-EBUSY,
				     "the device's group is open: a device is used through its "
				     "group or its cdev")
		    : 0;
}

void vfio_group_release_cdev(struct vfio_group *group)
{
	lock_acquire(&group->lock);
	assert(group->cdevs && !group->open);
	group->cdevs--;
	lock_release(&group->lock);
}

/* ---- the commands ---- */

static long get_status(struct vfio_group *group, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_group_status status;
	bool revoked;

	if (caller_read(caller, &status, arg, sizeof(status)))
		return refuse_memory("the argument", arg, sizeof(status));
	if (status.argsz < sizeof(status))
		return refuse_argsz(status.argsz, sizeof(status));
	status.flags = 0;
	lock_acquire(&group->use_lock);
	revoked = group->revoked;
	if (group->container)
		status.flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	else if (!iommufd_group_owner(group->iommufd))
		status.flags = VFIO_GROUP_FLAGS_VIABLE;
	lock_release(&group->use_lock);
	if (revoked)
		return refuse(-ENODEV, "the devices of the group have been unbound");
	return caller_write(caller, arg, &status, sizeof(status));
}

/* Puts the group into @container, a reference of which is taken on success. */
static int join_container(struct vfio_group *group, struct uiommufd_file *container)
	REQUIRES(group->use_lock)
{
	struct vfio_container *type1 = vfio_container_from_file(container);
	struct iommufd_ctx *ctx = iommufd_ctx_from_file(container);
	int rc;

	lock_assert_held(&group->use_lock);
	if (group->container)
		return refuse_mistake(-EINVAL, "the group has a container already");
	if (group->revoked)
		return refuse(-ENODEV, "the devices of the group have been unbound");
	if (type1)
		rc = vfio_container_add(type1, group);
	else if (ctx)
		rc = iommufd_compat_ioas_create(ctx);
	else
		rc = refuse_mistake(
			-EBADFD,
			"the descriptor is %s, and must be a /dev/vfio/vfio or a " DEV_IOMMU,
			container->ops->name);
	if (!rc)
		group->container = file_get(container);
	return rc;
}

/* Takes the group out of its container, and returns the reference of that; NULL: it had none. */
static struct uiommufd_file *leave_container(struct vfio_group *group) REQUIRES(group->use_lock)
{
	struct uiommufd_file *container = group->container;
	struct vfio_container *type1 = container ? vfio_container_from_file(container) : NULL;

	lock_assert_held(&group->use_lock);
	if (type1)
		vfio_container_remove(type1, group);
	group->container = NULL;
	return container;
}

static bool has_container(struct vfio_group *group)
{
	bool has;

	lock_acquire(&group->use_lock);
	has = group->container;
	lock_release(&group->use_lock);
	return has;
}

static long set_container(struct vfio_group *group, struct uiommufd_caller *caller, uint64_t arg)
{
	struct uiommufd_file *container;
	int32_t fd;
	int rc;

	if (caller_read(caller, &fd, arg, sizeof(fd)))
		return refuse_memory("the argument", arg, sizeof(fd));
	rc = vfio_file_of(caller, fd, &container);
	/* -EBADF comes before -EINVAL for a group that has a container; -EBADFD comes after. */
	if (rc == -EBADFD && has_container(group))
		return refuse_mistake(-EINVAL, "the group has a container already");
	if (rc)
		return rc;
	lock_acquire(&group->use_lock);
	rc = join_container(group, container);
	lock_release(&group->use_lock);
	file_put(container);
	return rc;
}

/* Whether one of the devices of @group is bound to vfio-pci. */
static bool has_bound_device(struct vfio_group *group)
{
	struct vfio_device *device;
	bool has = false;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		if (vfio_device_is_bound(device))
			has = true;
	}
	lock_release(&registry_lock);
	return has;
}

void vfio_group_revoke(struct vfio_group *group)
{
	struct uiommufd_file *container = NULL;

	lock_acquire(&group->use_lock);
	if (!has_bound_device(group) && !group->open_devices) {
		group->revoked = true;
		container = leave_container(group);
	}
	lock_release(&group->use_lock);
	if (container)
		file_put(container);
}

void vfio_group_revive(struct vfio_group *group)
{
	lock_acquire(&group->use_lock);
	group->revoked = false;
	lock_release(&group->use_lock);
}

static long unset_container(struct vfio_group *group)
{
	struct uiommufd_file *container = NULL;
	int rc = 0;

	lock_acquire(&group->use_lock);
	if (!group->container)
		rc = refuse_mistake(-EINVAL, "the group has no container");
	else if (vfio_container_from_file(group->container) && group->open_devices)
		rc = refuse_mistake(-EBUSY, "a device of the group is open: it is closed first");
	else
		container = leave_container(group);
	lock_release(&group->use_lock);
	if (container)
		file_put(container);
	return rc;
}

/* ---- devices in a container ---- */

void vfio_group_detach(struct vfio_group *group)
{
	struct vfio_device *device;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		lock_acquire(&device->bind_lock);
		if (device->attached)
			vfio_device_detach(device);
		lock_release(&device->bind_lock);
	}
	lock_release(&registry_lock);
}

int vfio_group_attach(struct vfio_group *group, struct iommufd_ctx *ctx, uint32_t ioas_id)
{
	struct vfio_device *device;
	int rc = 0;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		lock_acquire(&device->bind_lock);
		rc = vfio_device_attach(device, ctx, ioas_id);
		lock_release(&device->bind_lock);
		if (rc)
			break;
	}
	lock_release(&registry_lock);
	if (rc)
		vfio_group_detach(group);
	return rc;
}

struct cds_list_head *vfio_group_link(struct vfio_group *group)
{
	return &group->container_link;
}

struct vfio_group *vfio_group_at(struct cds_list_head *link)
{
	return cds_list_entry(link, struct vfio_group, container_link);
}

/* ---- the file ---- */

static long group_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller,
			unsigned int cmd, uint64_t arg)
{
	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return get_status(group_of(file), caller, arg);
	case VFIO_GROUP_SET_CONTAINER:
		return set_container(group_of(file), caller, arg);
	case VFIO_GROUP_UNSET_CONTAINER:
		return unset_container(group_of(file));
	case VFIO_GROUP_GET_DEVICE_FD:
		return vfio_group_get_device_fd(group_of(file), file, caller, arg);
	default:
		return -ENOTTY;
	}
}

static void group_file_release(struct uiommufd_file *file)
{
	struct vfio_group *group = group_of(file);
	struct uiommufd_file *container;

	lock_acquire(&group->use_lock);
	assert(!group->open_devices);
	container = leave_container(group);
	lock_release(&group->use_lock);
	lock_acquire(&group->lock);
	group->open = false;
	lock_release(&group->lock);
	if (container)
		file_put(container);
	alloc_free(caa_container_of(file, struct group_file, file));
}

static const struct file_ops group_ops = {
	.ioctl = group_ioctl,
	.release = group_file_release,
};

int vfio_group_open(struct vfio_device *device, struct uiommufd_file **out)
{
	struct vfio_group *group = device->group;
	struct group_file *file;
	bool busy;

	if (!has_bound_device(group))
		return -ENODEV;
	file = alloc_zeroed(sizeof(*file));
	if (!file)
		return -ENOMEM;
	lock_acquire(&group->lock);
	busy = group->open || group->cdevs;
	if (!busy)
		group->open = true;
	lock_release(&group->lock);
	if (busy) {
		alloc_free(file);
		return -EBUSY;
	}
	file_init(&file->file, &group->file_ops, 0);
	file->group = group;
	*out = &file->file;
	return 0;
}

const struct vfio_group *vfio_group_from_file(const struct uiommufd_file *file)
{
	if (file->ops->release != group_file_release)
		return NULL;
	return caa_container_of(file, const struct group_file, file)->group;
}
