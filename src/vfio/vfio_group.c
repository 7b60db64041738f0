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
#include "iommufd/compat/compat.h"
#include "vfio/container.h"
#include "vfio/vfio_internal.h"

struct vfio_group {
	struct iommufd_group *iommufd; /* borrowed: outlives the devices */
	struct cds_list_head link;     /* in the registry, whose lock guards @devices */
	struct cds_list_head devices;  /* struct vfio_device.group_link */
	char path[32];
	struct file_ops file_ops; /* of the node: group_ops with @path as name */

	struct lock lock;   /* guards what follows */
	bool open;	    /* the node */
	unsigned int cdevs; /* claims: cdevs that are bound, or being bound */

	struct lock use_lock;		     /* guards what follows */
	struct uiommufd_file *container;     /* a reference, or NULL: none is set */
	unsigned int open_devices;	     /* with files from the group */
	struct cds_list_head container_link; /* in the container, whose lock guards it */
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
	lock_acquire(&group->use_lock);
	if (group->container)
		status.flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	else if (!iommufd_group_owner(group->iommufd))
		status.flags = VFIO_GROUP_FLAGS_VIABLE;
	lock_release(&group->use_lock);
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
		return -EINVAL;
	if (type1)
		rc = vfio_container_add(type1, group);
	else if (ctx)
		rc = iommufd_compat_ioas_create(ctx);
	else
		rc = -EBADFD;
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
		return -EFAULT;
	rc = vfio_file_of(caller, fd, &container);
	/* -EBADF comes before -EINVAL for a group that has a container; -EBADFD comes after. */
	if (rc == -EBADFD && has_container(group))
		return -EINVAL;
	if (rc)
		return rc;
	lock_acquire(&group->use_lock);
	rc = join_container(group, container);
	lock_release(&group->use_lock);
	file_put(container);
	return rc;
}

static long unset_container(struct vfio_group *group)
{
	struct uiommufd_file *container = NULL;
	int rc = 0;

	lock_acquire(&group->use_lock);
	if (!group->container)
		rc = -EINVAL;
	else if (vfio_container_from_file(group->container) && group->open_devices)
		rc = -EBUSY;
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

/* Makes the device ready for its first file: on a container that is bound already, else on one. */
static int begin_use(struct vfio_device *device, struct uiommufd_file *container)
	REQUIRES(device->bind_lock)
{
	lock_assert_held(&device->bind_lock);
	if (!device->attached)
		return bind_to(device, container);
	vfio_device_enable(device);
	return 0;
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
		return -EINVAL;
	type1 = vfio_container_from_file(group->container);
	return type1 && !vfio_container_has_driver(type1) ? -EINVAL : 0;
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

static long get_device_fd(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t arg)
{
	struct uiommufd_file *device_file;
	struct vfio_device *device;
	char name[32];
	long rc = get_name(caller, arg, name, sizeof(name));

	if (rc)
		return rc;
	device = find_device(group_of(file), name);
	if (!device)
		return -ENODEV;
	rc = vfio_device_open_shared(device, file, &device_file);
	if (rc)
		return rc;
	rc = give_device(caller, device, device_file);
	file_put(device_file);
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
