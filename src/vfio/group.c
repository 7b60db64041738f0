/* SPDX-License-Identifier: MIT */
/*
 * Groups (spec 40-vfio, 3): the older way to devices. A program opens the group, gives it a
 * container, and asks it for devices, which are bound to the container's context and attached to
 * its compatibility IOAS.
 *
 * A group has at most one file. The files of its devices keep that one, so it is closed when all of
 * them are. Groups are as many as their devices make: the first joins a new one, the last to leave
 * frees it. The registry's lock guards that, a group's own lock its state; device->bind_lock is
 * never taken under either.
 */
#include "vfio/group.h"

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
	struct cds_list_head link;     /* of the registry, which guards @devices */
	struct cds_list_head devices;  /* struct vfio_device.group_link */
	char path[32];
	struct file_ops file_ops; /* of the node; here for their name */

	pthread_mutex_t lock;	       /* guards what follows */
	bool open;		       /* the node */
	unsigned int cdevs;	       /* bound, or about to be */
	struct uiommufd_file *context; /* the container: a reference, or NULL */
};

struct group_file {
	struct uiommufd_file file;
	struct vfio_group *group;
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(registry);

static const struct file_ops group_ops;

static struct vfio_group *group_of(struct uiommufd_file *file)
{
	return caa_container_of(file, struct group_file, file)->group;
}

/* ---- members ---- */

/* Caller holds registry_lock. */
static struct vfio_group *find_group(const struct iommufd_group *iommufd)
{
	struct vfio_group *group;

	cds_list_for_each_entry (group, &registry, link) {
		if (group->iommufd == iommufd)
			return group;
	}
	return NULL;
}

static struct vfio_group *create_group(struct iommufd_group *iommufd)
{
	struct vfio_group *group = alloc_zeroed(sizeof(*group));

	if (!group)
		return NULL;
	group->iommufd = iommufd;
	CDS_INIT_LIST_HEAD(&group->devices);
	snprintf(group->path, sizeof(group->path), "/dev/vfio/%u", iommufd_group_number(iommufd));
	group->file_ops = group_ops;
	group->file_ops.name = group->path;
	pthread_mutex_init(&group->lock, NULL);
	cds_list_add_tail(&group->link, &registry);
	return group;
}

int vfio_group_join(struct vfio_device *device)
{
	struct vfio_group *group;

	pthread_mutex_lock(&registry_lock);
	group = find_group(device->iommu_group);
	if (!group)
		group = create_group(device->iommu_group);
	if (group) {
		device->group = group;
		cds_list_add_tail(&device->group_link, &group->devices);
	}
	pthread_mutex_unlock(&registry_lock);
	return group ? 0 : -ENOMEM;
}

void vfio_group_leave(struct vfio_device *device)
{
	struct vfio_group *group = device->group;

	pthread_mutex_lock(&registry_lock);
	cds_list_del(&device->group_link);
	if (cds_list_empty(&group->devices)) {
		cds_list_del(&group->link);
		pthread_mutex_destroy(&group->lock);
		alloc_free(group);
	}
	pthread_mutex_unlock(&registry_lock);
}

/* The device called @name, or NULL. Devices outlive every file. */
static struct vfio_device *find_device(struct vfio_group *group, const char *name)
{
	struct vfio_device *device, *found = NULL;

	pthread_mutex_lock(&registry_lock);
	cds_list_for_each_entry (device, &group->devices, group_link) {
		if (strcmp(vfio_device_name(device), name) == 0)
			found = device;
	}
	pthread_mutex_unlock(&registry_lock);
	return found;
}

int vfio_group_claim_cdev(struct vfio_group *group)
{
	int rc = 0;

	pthread_mutex_lock(&group->lock);
	if (group->open)
		rc = -EBUSY;
	else
		group->cdevs++;
	pthread_mutex_unlock(&group->lock);
	return rc;
}

void vfio_group_release_cdev(struct vfio_group *group)
{
	pthread_mutex_lock(&group->lock);
	group->cdevs--;
	pthread_mutex_unlock(&group->lock);
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
	pthread_mutex_lock(&group->lock);
	if (group->context)
		status.flags = VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET;
	else if (!iommufd_group_owner(group->iommufd))
		status.flags = VFIO_GROUP_FLAGS_VIABLE;
	pthread_mutex_unlock(&group->lock);
	return caller_write(caller, arg, &status, sizeof(status));
}

/* Makes @context the container. The reference is taken over on success. */
static int set_context(struct vfio_group *group, struct uiommufd_file *context)
{
	int rc = -EINVAL;

	pthread_mutex_lock(&group->lock);
	if (!group->context) {
		rc = iommufd_compat_ioas_create(iommufd_ctx_from_file(context));
		if (!rc)
			group->context = context;
	}
	pthread_mutex_unlock(&group->lock);
	return rc;
}

static bool has_context(struct vfio_group *group)
{
	bool has;

	pthread_mutex_lock(&group->lock);
	has = group->context;
	pthread_mutex_unlock(&group->lock);
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
	/* Of two mistakes, only a descriptor that is none at all comes first. */
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

	pthread_mutex_lock(&group->lock);
	context = group->context;
	group->context = NULL;
	pthread_mutex_unlock(&group->lock);
	if (!context)
		return -EINVAL;
	file_put(context);
	return 0;
}

/* ---- GET_DEVICE_FD ---- */

/* The longest argument, its NUL included. */
#define MAX_NAME PAGE_SIZE

/*
 * Copies the caller's string at @arg to @name, cut to @size. -EFAULT; -EINVAL: longer than
 * MAX_NAME. Not a byte beyond its page is read before that page is known to be part of it.
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

/* Binds the device to @context and attaches it to what is mapped there. Caller holds bind_lock. */
static int bind_to(struct vfio_device *device, struct uiommufd_file *context)
{
	struct iommufd_ctx *ctx = iommufd_ctx_from_file(context);
	uint32_t ioas_id, id;
	int rc = iommufd_compat_ioas_id(ctx, &ioas_id);

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

	pthread_mutex_lock(&device->bind_lock);
	if (!device->group_files)
		rc = bind_to(device, context);
	if (!rc)
		device->group_files++;
	pthread_mutex_unlock(&device->bind_lock);
	return rc;
}

void vfio_device_unshare(struct vfio_device *device)
{
	pthread_mutex_lock(&device->bind_lock);
	if (--device->group_files == 0)
		vfio_device_unbind(device);
	pthread_mutex_unlock(&device->bind_lock);
}

/* A descriptor of the device, bound and attached. */
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
	pthread_mutex_lock(&group->lock);
	if (group->context)
		context = file_get(group->context);
	pthread_mutex_unlock(&group->lock);
	if (!context)
		return -EINVAL;
	rc = share_device(device, context);
	if (!rc)
		rc = give_device(file, caller, device);
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

	pthread_mutex_lock(&group->lock);
	context = group->context;
	group->context = NULL;
	group->open = false;
	pthread_mutex_unlock(&group->lock);
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
	pthread_mutex_lock(&group->lock);
	busy = group->open || group->cdevs;
	if (!busy)
		group->open = true;
	pthread_mutex_unlock(&group->lock);
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
