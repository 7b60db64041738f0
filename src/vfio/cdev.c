/* SPDX-License-Identifier: MIT */
/*
 * Files of a VFIO device: open, BIND, ATTACH, DETACH, close [VFIO-CDEV]. A cdev can be open any
 * number of times; the file that binds owns the device until it is closed, and only its calls reach
 * the device. Files from the device's group (vfio_group.c) share the device; they are bound
 * before the program learns of them.
 *
 * bind_lock guards the owner of the device. `bound` of a file is set once, and read without lock.
 */
#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "vfio/eventfd.h"
#include "vfio/vfio_internal.h"

static struct device_file *cdev_file(struct uiommufd_file *file)
{
	return caa_container_of(file, struct device_file, file);
}

/* Copies a BIND in; members that the caller did not pass are zero. */
static int get_bind(struct uiommufd_caller *caller, uint64_t arg,
		    struct vfio_device_bind_iommufd *bind)
{
	uint32_t argsz;
	int rc;

	*bind = (struct vfio_device_bind_iommufd){0};
	if (caller_read(caller, &argsz, arg, sizeof(argsz)))
		return refuse_memory("the argument", arg, sizeof(argsz));
	if (argsz < SIZE_TO(struct vfio_device_bind_iommufd, out_devid))
		return refuse_argsz(argsz, SIZE_TO(struct vfio_device_bind_iommufd, out_devid));
	if (argsz > sizeof(*bind)) {
		rc = caller_check_zero(caller, arg + sizeof(*bind), argsz - sizeof(*bind));
		if (rc)
			return refuse(
				rc,
				"argsz is %u: bytes beyond the %zu that are known here are not 0",
				argsz, sizeof(*bind));
	}
	return caller_read(caller, bind, arg, min_u64(argsz, sizeof(*bind)))
		       ? refuse_memory("the argument", arg, min_u64(argsz, sizeof(*bind)))
		       : 0;
}

int vfio_file_of(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file)
{
	int copy;

	*file = caller_get_file(caller, fd);
	if (*file)
		return 0;
	/* Not an emulated file: tell a closed descriptor (-EBADF) from another file (-EBADFD). */
	copy = caller_dup_fd(caller, fd);
	if (copy == -EBADF)
		return refuse_mistake(-EBADF, "descriptor %d is not open", fd);
	if (copy >= 0)
		fd_close(copy);
	return refuse_mistake(-EBADFD, "descriptor %d is neither a /dev/iommu nor anything of VFIO",
			      fd);
}

int caller_get_context(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file)
{
	int rc = vfio_file_of(caller, fd, file);

	if (rc || iommufd_ctx_from_file(*file))
		return rc;
	rc = refuse_mistake(-EBADFD, "descriptor %d is %s, and must be a /dev/iommu", fd,
			    (*file)->ops->name);
	file_put(*file);
	return rc;
}

int vfio_device_bind(struct vfio_device *device, struct iommufd_ctx *ctx, uint32_t *id)
{
	struct iommufd_device_info info = {
		.endpoint = device->endpoint,
		.group = device->iommu_group,
		.listener = device->listener,
	};
	int rc;

	lock_assert_held(&device->bind_lock);
	assert(!device->iommufd);
	rc = iommufd_device_bind(ctx, &info, &device->iommufd, id);
	if (rc)
		return rc;
	rc = vfio_device_enable(device);
	if (rc) {
		iommufd_device_unbind(device->iommufd);
		device->iommufd = NULL;
	}
	return rc;
}

void vfio_device_unbind(struct vfio_device *device)
{
	lock_assert_held(&device->bind_lock);
	assert(device->iommufd);
	vfio_device_disable(device);
	iommufd_device_unbind(device->iommufd);
	device->iommufd = NULL;
}

int vfio_device_attach(struct vfio_device *device, struct iommufd_ctx *ctx, uint32_t ioas_id)
{
	const struct iommufd_device_info info = {
		.endpoint = device->endpoint,
		.group = device->iommu_group,
		.listener = device->listener,
	};
	uint32_t id;
	int rc;

	lock_assert_held(&device->bind_lock);
	assert(!device->iommufd && !device->group_files);
	rc = iommufd_device_bind(ctx, &info, &device->iommufd, &id);
	if (rc)
		return rc;
	rc = iommufd_device_attach(device->iommufd, NO_PASID, &ioas_id);
	if (rc) {
		iommufd_device_unbind(device->iommufd);
		device->iommufd = NULL;
		return rc;
	}
	device->attached = true;
	return 0;
}

void vfio_device_detach(struct vfio_device *device)
{
	lock_assert_held(&device->bind_lock);
	assert(device->attached && !device->group_files);
	iommufd_device_unbind(device->iommufd);
	device->iommufd = NULL;
	device->attached = false;
}

static int bind_to(struct device_file *cdev, struct uiommufd_caller *caller,
		   struct uiommufd_file *context, uint64_t arg) REQUIRES(cdev->device->bind_lock)
{
	const uint64_t out = arg + offsetof(struct vfio_device_bind_iommufd, out_devid);
	struct vfio_device *device = cdev->device;
	uint32_t id;
	int rc;

	lock_assert_held(&device->bind_lock);
	if (device->iommufd)
		return refuse_mistake(-EINVAL, "the device is bound already, by another file");
	rc = vfio_device_bind(device, iommufd_ctx_from_file(context), &id);
	if (rc)
		return rc;
	if (caller_write(caller, out, &id, sizeof(id))) {
		vfio_device_unbind(device);
		return refuse_memory("out_devid", out, sizeof(id));
	}
	atomic_store_explicit(&cdev->bound, true, memory_order_release);
	return 0;
}

/* While the claim keeps the group from being opened. */
static int bind_claimed(struct device_file *cdev, struct uiommufd_caller *caller,
			const struct vfio_device_bind_iommufd *bind, uint64_t arg)
	REQUIRES(cdev->device->bind_lock)
{
	struct uiommufd_file *context;
	int rc;

	lock_assert_held(&cdev->device->bind_lock);
	if (atomic_load(&cdev->bound))
		return refuse_mistake(-EINVAL, "the device is bound already, by this file");
	/* Tokens pair the functions of an SR-IOV device. No device here has SR-IOV. */
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		return refuse(-EINVAL, "VFIO_DEVICE_BIND_FLAG_TOKEN: the device has no SR-IOV");
	rc = caller_get_context(caller, bind->iommufd, &context);
	if (rc)
		return rc;
	rc = bind_to(cdev, caller, context, arg);
	file_put(context);
	return rc;
}

static int bind_checked(struct device_file *cdev, struct uiommufd_caller *caller,
			const struct vfio_device_bind_iommufd *bind, uint64_t arg)
	REQUIRES(cdev->device->bind_lock)
{
	struct vfio_group *group = cdev->device->group;
	int rc;

	lock_assert_held(&cdev->device->bind_lock);
	if (bind->flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN)
		return refuse_flags(-EINVAL, "flags", bind->flags, VFIO_DEVICE_BIND_FLAG_TOKEN);
	if (bind->iommufd < 0)
		return refuse_mistake(-EINVAL, "iommufd is %d, which is no descriptor",
				      bind->iommufd);
	if (cdev->group)
		return refuse_mistake(-EINVAL,
				      "the device was opened through its group, which binds it");
	rc = vfio_group_claim_cdev(group);
	if (rc)
		return rc;
	rc = bind_claimed(cdev, caller, bind, arg);
	if (rc)
		vfio_group_release_cdev(group);
	return rc;
}

static long cdev_bind(struct device_file *cdev, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_device_bind_iommufd bind;
	int rc = get_bind(caller, arg, &bind);

	if (rc)
		return rc;
	lock_acquire(&cdev->device->bind_lock);
	rc = bind_checked(cdev, caller, &bind, arg);
	lock_release(&cdev->device->bind_lock);
	return rc;
}

/* Reads the PASID of an ATTACH or DETACH of @argsz bytes, which is at @off. */
static int get_pasid(struct uiommufd_caller *caller, uint64_t arg, uint32_t argsz, size_t off,
		     uint32_t *pasid)
{
	if (argsz < off + sizeof(*pasid))
		return refuse_argsz(argsz, off + sizeof(*pasid));
	return caller_read(caller, pasid, arg + off, sizeof(*pasid))
		       ? refuse_memory("pasid", arg + off, sizeof(*pasid))
		       : 0;
}

static long cdev_attach(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_attach_iommufd_pt, pt_id);
	struct vfio_device_attach_iommufd_pt attach = {0};
	uint32_t pasid = NO_PASID;
	uint32_t pt_id;
	int rc;

	if (caller_read(caller, &attach, arg, least))
		return refuse_memory("the argument", arg, least);
	if (attach.argsz < least)
		return refuse_argsz(attach.argsz, least);
	if (attach.flags & ~VFIO_DEVICE_ATTACH_PASID)
		return refuse_flags(-EINVAL, "flags", attach.flags, VFIO_DEVICE_ATTACH_PASID);
	if (attach.flags & VFIO_DEVICE_ATTACH_PASID) {
		rc = get_pasid(caller, arg, attach.argsz,
			       offsetof(struct vfio_device_attach_iommufd_pt, pasid), &pasid);
		if (rc)
			return rc;
	}
	pt_id = attach.pt_id;
	lock_acquire(&device->bind_lock);
	rc = iommufd_device_attach_or_replace(device->iommufd, pasid, &pt_id);
	if (rc)
		goto out;
	rc = caller_write(caller, arg + offsetof(struct vfio_device_attach_iommufd_pt, pt_id),
			  &pt_id, sizeof(pt_id))
		     ? refuse_memory("pt_id", arg, sizeof(attach))
		     : 0;
	/* Like Linux, this detaches the RID, even if a PASID was attached. */
	if (rc)
		iommufd_device_detach(device->iommufd, NO_PASID);
out:
	lock_release(&device->bind_lock);
	return rc;
}

static long cdev_detach(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_detach_iommufd_pt, flags);
	struct vfio_device_detach_iommufd_pt detach = {0};
	uint32_t pasid = NO_PASID;
	int rc;

	if (caller_read(caller, &detach, arg, least))
		return refuse_memory("the argument", arg, least);
	if (detach.argsz < least)
		return refuse_argsz(detach.argsz, least);
	if (detach.flags & ~VFIO_DEVICE_DETACH_PASID)
		return refuse_flags(-EINVAL, "flags", detach.flags, VFIO_DEVICE_DETACH_PASID);
	if (detach.flags & VFIO_DEVICE_DETACH_PASID) {
		rc = get_pasid(caller, arg, detach.argsz,
			       offsetof(struct vfio_device_detach_iommufd_pt, pasid), &pasid);
		if (rc)
			return rc;
	}
	lock_acquire(&device->bind_lock);
	iommufd_device_detach(device->iommufd, pasid);
	lock_release(&device->bind_lock);
	return 0;
}

static long cdev_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		       uint64_t arg)
{
	struct device_file *cdev = cdev_file(file);

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return cdev_bind(cdev, caller, arg);
	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return refuse_mistake(-EINVAL, "the device is not bound to an iommufd yet: "
					       "VFIO_DEVICE_BIND_IOMMUFD comes first");
	if (cmd == VFIO_DEVICE_ATTACH_IOMMUFD_PT && !cdev->group)
		return cdev_attach(cdev->device, caller, arg);
	if (cmd == VFIO_DEVICE_DETACH_IOMMUFD_PT && !cdev->group)
		return cdev_detach(cdev->device, caller, arg);
	return vfio_device_ioctl(cdev, caller, cmd, arg);
}

static ssize_t cdev_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	struct device_file *cdev = cdev_file(file);

	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_read(cdev->device, caller, buf, len, pos);
}

static ssize_t cdev_write(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			  size_t len, uint64_t *pos)
{
	struct device_file *cdev = cdev_file(file);

	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_write(cdev->device, caller, buf, len, pos);
}

static int cdev_mmap(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot, int flags,
		     struct file_mapping *map)
{
	struct device_file *cdev = cdev_file(file);

	(void)prot;
	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_mmap(cdev->device, offset, len, flags, map);
}

static void cdev_release(struct uiommufd_file *file)
{
	struct device_file *cdev = cdev_file(file);
	struct vfio_device *device = cdev->device;

	if (cdev->group) {
		if (atomic_load(&cdev->bound))
			vfio_device_unshare(device);
		file_put(cdev->group);
	} else if (atomic_load(&cdev->bound)) {
		lock_acquire(&device->bind_lock);
		vfio_device_unbind(device);
		lock_release(&device->bind_lock);
		vfio_group_release_cdev(device->group);
	}
	alloc_free(cdev);
	/* Last: whoever waits for the device takes it away then. */
	atomic_fetch_sub(&device->files, 1);
}

const struct file_ops vfio_cdev_ops = {
	.ioctl = cdev_ioctl,
	.read = cdev_read,
	.write = cdev_write,
	.mmap = cdev_mmap,
	.release = cdev_release,
};

static const struct file_ops shared_ops = {
	.name = "anon_inode:[vfio-device]",
	.ioctl = cdev_ioctl,
	.read = cdev_read,
	.write = cdev_write,
	.mmap = cdev_mmap,
	.release = cdev_release,
};

/* -ENODEV: the device is not bound (see presence.c). */
static int create_file(struct vfio_device *device, const struct file_ops *ops,
		       struct device_file **out)
{
	struct device_file *file = alloc_zeroed(sizeof(*file));

	if (!file)
		return -ENOMEM;
	atomic_fetch_add(&device->files, 1);
	if (!vfio_device_is_bound(device)) {
		atomic_fetch_sub(&device->files, 1);
		alloc_free(file);
		return -ENODEV;
	}
	file_init(&file->file, ops, FILE_SEEKABLE);
	file->device = device;
	*out = file;
	return 0;
}

int vfio_device_open(struct vfio_device *device, struct uiommufd_file **out)
{
	struct device_file *file;
	int rc = create_file(device, &device->file_ops, &file);

	if (!rc)
		*out = &file->file;
	return rc;
}

int vfio_device_open_shared(struct vfio_device *device, struct uiommufd_file *group,
			    struct uiommufd_file **out)
{
	struct device_file *file;
	int rc = create_file(device, &shared_ops, &file);

	if (rc)
		return rc;
	file->group = file_get(group);
	*out = &file->file;
	return 0;
}

void vfio_device_file_ready(struct uiommufd_file *file)
{
	atomic_store_explicit(&cdev_file(file)->bound, true, memory_order_release);
}

struct vfio_device *vfio_device_from_file(struct uiommufd_file *file)
{
	return file->ops->release == cdev_release ? cdev_file(file)->device : NULL;
}
