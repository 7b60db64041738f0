/* SPDX-License-Identifier: MIT */
/*
 * Groups [VFIO-GROUP]: the older interface to devices. A program opens the group, sets a container,
 * and gets descriptors of devices, which are then bound to the container's context and attached to
 * its compatibility IOAS.
 *
 * Invariants:
 * - a group has at most one file; files of its devices hold a reference of that file, so it is
 *   closed after them;
 * - while the group's file is open no cdev of the group is bound, and the other way round;
 * - a group has a device: the first device to join creates it, the last to leave destroys it.
 *
 * registry_lock guards which groups there are and their devices, a group's own lock its state. No
 * device->bind_lock is acquired under either.
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
#include "iommufd/compat/compat.h"
#include "vfio/vfio_internal.h"

struct vfio_group {
	struct iommufd_group *iommufd; /* borrowed: outlives the devices */
	struct cds_list_head link;     /* in the registry, whose lock guards @devices */
	struct cds_list_head devices;  /* struct vfio_device.group_link */
	char path[32];
	struct file_ops file_ops; /* of the node: group_ops with @path as name */

	struct lock lock;	       /* guards what follows */
	bool open;		       /* the node */
	unsigned int cdevs;	       /* claims: cdevs that are bound, or being bound */
	struct uiommufd_file *context; /* the container: a reference, or NULL */
};

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
	snprintf(group->path, sizeof(group->path), "/dev/vfio/%u", iommufd_group_number(iommufd));
	group->file_ops = group_ops;
	group->file_ops.name = group->path;
	lock_init(&group->lock, LOCK_VFIO_GROUP);
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
		lock_destroy(&group->lock);
		alloc_free(group);
	}
	lock_release(&registry_lock);
}

/* The device called @name, borrowed, or NULL. Devices outlive every file. */
static struct vfio_device *find_device(struct vfio_group *group, const char *name)
{
	struct vfio_device *device, *found = NULL;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		if (strcmp(vfio_device_name(device), name) == 0)
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
	return open ? -EBUSY : 0;
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

	if (caller_read(caller, &status, arg, sizeof(status)))
		return -EFAULT;
	if (status.argsz < sizeof(status))
		return -EINVAL;
	status.flags = 0;
	lock_acquire(&group->lock);
	if (group->context)
		status.flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	else if (!iommufd_group_owner(group->iommufd))
		status.flags = VFIO_GROUP_FLAGS_VIABLE;
	lock_release(&group->lock);
	return caller_write(caller, arg, &status, sizeof(status));
}

/* Makes @context the container; takes the reference on success. */
static int set_context(struct vfio_group *group, struct uiommufd_file *context)
{
	int rc = -EINVAL;

	lock_acquire(&group->lock);
	if (group->context)
		goto out;
	rc = iommufd_compat_ioas_create(iommufd_ctx_from_file(context));
	if (rc)
		goto out;
	group->context = context;
out:
	lock_release(&group->lock);
	return rc;
}

static bool has_context(struct vfio_group *group)
{
	bool has;

	lock_acquire(&group->lock);
	has = group->context;
	lock_release(&group->lock);
	return has;
}

static long set_container(struct vfio_group *group, struct uiommufd_caller *caller, uint64_t arg)
{
	struct uiommufd_file *context;
	int32_t fd;
	int rc;

	if (caller_read(caller, &fd, arg, sizeof(fd)))
		return -EFAULT;
	rc = caller_get_context(caller, fd, &context);
	/* -EBADF comes before -EINVAL for a group that has a container; -EBADFD comes after. */
	if (rc == -EBADFD && has_context(group))
		return -EINVAL;
	if (rc)
		return rc;
	rc = set_context(group, context);
	if (rc)
		file_put(context);
	return rc;
}

static long unset_container(struct vfio_group *group)
{
	struct uiommufd_file *context;

	lock_acquire(&group->lock);
	context = group->context;
	group->context = NULL;
	lock_release(&group->lock);
	if (!context)
		return -EINVAL;
	file_put(context);
	return 0;
}

/* ---- GET_DEVICE_FD ---- */

/* The longest argument, its NUL included. */
#define MAX_NAME PAGE_SIZE

/*
 * Copies the caller's string at @arg to @name, truncated to @size. -EFAULT; -EINVAL: longer than
 * MAX_NAME. Never reads from a page behind the one with the NUL.
 */
static int get_name(struct uiommufd_caller *caller, uint64_t arg, char *name, size_t size)
{
	char part[64];
	const char *end = NULL;
	uint64_t len;

	for (uint64_t done = 0; !end && done < MAX_NAME; done += len) {
		len = min_u64(sizeof(part) - (arg + done) % sizeof(part), MAX_NAME - done);
		if (caller_read(caller, part, arg + done, len))
			return -EFAULT;
		end = memchr(part, '\0', len);
		if (done < size)
			memcpy(name + done, part, min_u64(len, size - done));
	}
	name[size - 1] = '\0';
	return end ? 0 : -EINVAL;
}

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

static int share_device(struct vfio_device *device, struct uiommufd_file *context)
{
	int rc = 0;

	lock_acquire(&device->bind_lock);
	if (!device->group_files) {
		rc = bind_to(device, context);
		if (rc)
			goto out;
	}
	device->group_files++;
out:
	lock_release(&device->bind_lock);
	return rc;
}

void vfio_device_unshare(struct vfio_device *device)
{
	lock_acquire(&device->bind_lock);
	assert(device->group_files);
	if (--device->group_files == 0)
		vfio_device_unbind(device);
	lock_release(&device->bind_lock);
}

/* Installs a descriptor of @device, which share_device() has bound and attached. */
static long give_device(struct uiommufd_file *group_file, struct uiommufd_caller *caller,
			struct vfio_device *device)
{
	struct uiommufd_file *file;
	long fd;
	int rc = vfio_device_open_shared(device, group_file, &file);

	if (rc) {
		vfio_device_unshare(device);
		return rc;
	}
	fd = caller_install_file(caller, file, O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

static long get_device_fd(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_group *group = group_of(file);
	struct uiommufd_file *context = NULL;
	struct vfio_device *device;
	char name[32];
	long rc = get_name(caller, arg, name, sizeof(name));

	if (rc)
		return rc;
	device = find_device(group, name);
	if (!device)
		return -ENODEV;
	lock_acquire(&group->lock);
	if (group->context)
		context = file_get(group->context);
	lock_release(&group->lock);
	if (!context)
		return -EINVAL;
	rc = share_device(device, context);
	if (rc)
		goto out;
	rc = give_device(file, caller, device);
out:
	file_put(context);
	return rc;
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
		return get_device_fd(file, caller, arg);
	default:
		return -ENOTTY;
	}
}

static void group_file_release(struct uiommufd_file *file)
{
	struct vfio_group *group = group_of(file);
	struct uiommufd_file *context;

	lock_acquire(&group->lock);
	context = group->context;
	group->context = NULL;
	group->open = false;
	lock_release(&group->lock);
	if (context)
		file_put(context);
	alloc_free(caa_container_of(file, struct group_file, file));
}

static const struct file_ops group_ops = {
	.ioctl = group_ioctl,
	.release = group_file_release,
};

int vfio_group_open(struct vfio_device *device, struct uiommufd_file **out)
{
	struct vfio_group *group = device->group;
	struct group_file *file = alloc_zeroed(sizeof(*file));
	bool busy;

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
