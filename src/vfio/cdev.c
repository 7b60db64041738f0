/* SPDX-License-Identifier: MIT */
/*
 * The character device of a VFIO device: open, BIND, ATTACH, DETACH, close (spec 40-vfio, 2). Any
 * number of files may be open; the one that binds owns the device until it is closed, and only its
 * calls reach the device.
 */
#include <errno.h>
#include <stddef.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/check.h"
#include "vfio/eventfd.h"
#include "vfio/vfio_internal.h"

struct vfio_cdev_file {
	struct uiommufd_file file;
	struct vfio_device *device;
	/* Set once, under bind_lock, when the bind is complete; read by every other call. */
	_Atomic bool bound;
};

static struct vfio_cdev_file *cdev_file(struct uiommufd_file *file)
{
	return caa_container_of(file, struct vfio_cdev_file, file);
}

/* True if all bytes from @start to @end of the caller's are zero: *@zero. 0 or -EFAULT. */
static int tail_is_zero(struct uiommufd_caller *caller, uint64_t start, uint64_t end, bool *zero)
{
	uint8_t chunk[64];

	*zero = true;
	while (start < end && *zero) {
		uint64_t len = min_u64(end - start, sizeof(chunk));

		if (caller->ops->read(caller, chunk, start, len))
			return -EFAULT;
		for (uint64_t i = 0; i < len; i++)
			*zero = *zero && !chunk[i];
		start += len;
	}
	return 0;
}

/* Copies in what the caller passed of a BIND, the rest zero. */
static int get_bind(struct uiommufd_caller *caller, uint64_t arg,
		    struct vfio_device_bind_iommufd *bind)
{
	bool zero;
	uint32_t argsz;

	*bind = (struct vfio_device_bind_iommufd){0};
	if (caller->ops->read(caller, &argsz, arg, sizeof(argsz)))
		return -EFAULT;
	if (argsz < SIZE_TO(struct vfio_device_bind_iommufd, out_devid))
		return -EINVAL;
	if (argsz > sizeof(*bind)) {
		if (tail_is_zero(caller, arg + sizeof(*bind), arg + argsz, &zero))
			return -EFAULT;
		if (!zero)
			return -E2BIG;
	}
	return caller->ops->read(caller, bind, arg, min_u64(argsz, sizeof(*bind)));
}

/* The context behind the caller's descriptor @fd, with a reference to its file. */
static int get_context(struct uiommufd_caller *caller, int fd, struct uiommufd_file **file)
{
	int copy;

	*file = caller->ops->get_file ? caller->ops->get_file(caller, fd) : NULL;
	if (*file && iommufd_ctx_from_file(*file))
		return 0;
	if (*file) {
		file_put(*file);
		return -EBADFD;
	}
	/* None of ours: open at all? */
	copy = caller->ops->dup_fd ? caller->ops->dup_fd(caller, fd) : -EBADF;
	if (copy == -EBADF)
		return -EBADF;
	if (copy >= 0)
		fd_close(copy);
	return -EBADFD;
}

/* Caller holds bind_lock. */
static int bind_to(struct vfio_cdev_file *cdev, struct uiommufd_caller *caller,
		   struct uiommufd_file *context, uint64_t arg)
{
	struct vfio_device *device = cdev->device;
	struct iommufd_device_info info = {.endpoint = device->endpoint, .group = device->group};
	const uint64_t out = arg + offsetof(struct vfio_device_bind_iommufd, out_devid);
	struct iommufd_device *iommufd;
	uint32_t id;
	int rc;

	if (device->iommufd)
		return -EINVAL;
	rc = iommufd_device_bind(iommufd_ctx_from_file(context), &info, &iommufd, &id);
	if (rc)
		return rc;
	rc = caller->ops->write(caller, out, &id, sizeof(id));
	if (rc) {
		iommufd_device_unbind(iommufd);
		return rc;
	}
	vfio_device_enable(device);
	device->iommufd = iommufd;
	atomic_store_explicit(&cdev->bound, true, memory_order_release);
	return 0;
}

static int bind_checked(struct vfio_cdev_file *cdev, struct uiommufd_caller *caller,
			const struct vfio_device_bind_iommufd *bind, uint64_t arg)
{
	struct uiommufd_file *context;
	int rc;

	if (bind->iommufd < 0 || bind->flags & ~VFIO_DEVICE_BIND_FLAG_TOKEN)
		return -EINVAL;
	if (atomic_load(&cdev->bound))
		return -EINVAL;
	/* Tokens pair the functions of an SR-IOV device; none of ours is one. */
	if (bind->flags & VFIO_DEVICE_BIND_FLAG_TOKEN)
		return -EINVAL;
	rc = get_context(caller, bind->iommufd, &context);
	if (rc)
		return rc;
	rc = bind_to(cdev, caller, context, arg);
	file_put(context);
	return rc;
}

static long cdev_bind(struct vfio_cdev_file *cdev, struct uiommufd_caller *caller, uint64_t arg)
{
	struct vfio_device_bind_iommufd bind;
	int rc = get_bind(caller, arg, &bind);

	if (rc)
		return rc;
	pthread_mutex_lock(&cdev->device->bind_lock);
	rc = bind_checked(cdev, caller, &bind, arg);
	pthread_mutex_unlock(&cdev->device->bind_lock);
	return rc;
}

/* The PASID of an ATTACH or DETACH whose first @least bytes are copied in: @off is its place. */
static int get_pasid(struct uiommufd_caller *caller, uint64_t arg, uint32_t argsz, size_t off,
		     uint32_t *pasid)
{
	if (argsz < off + sizeof(*pasid))
		return -EINVAL;
	return caller->ops->read(caller, pasid, arg + off, sizeof(*pasid));
}

static long cdev_attach(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_attach_iommufd_pt, pt_id);
	struct vfio_device_attach_iommufd_pt attach = {0};
	uint32_t pasid = IOMMU_NO_PASID;
	uint32_t pt_id;
	int rc;

	if (caller->ops->read(caller, &attach, arg, least))
		return -EFAULT;
	if (attach.argsz < least || attach.flags & ~VFIO_DEVICE_ATTACH_PASID)
		return -EINVAL;
	if (attach.flags & VFIO_DEVICE_ATTACH_PASID) {
		rc = get_pasid(caller, arg, attach.argsz,
			       offsetof(struct vfio_device_attach_iommufd_pt, pasid), &pasid);
		if (rc)
			return rc;
	}
	pt_id = attach.pt_id;
	pthread_mutex_lock(&device->bind_lock);
	rc = iommufd_device_attach_or_replace(device->iommufd, pasid, &pt_id);
	if (!rc) {
		rc = caller->ops->write(caller,
					arg + offsetof(struct vfio_device_attach_iommufd_pt, pt_id),
					&pt_id, sizeof(pt_id));
		/* The RID, whatever was attached: as the specification has it. */
		if (rc)
			iommufd_device_detach(device->iommufd, IOMMU_NO_PASID);
	}
	pthread_mutex_unlock(&device->bind_lock);
	return rc;
}

static long cdev_detach(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t arg)
{
	const size_t least = SIZE_TO(struct vfio_device_detach_iommufd_pt, flags);
	struct vfio_device_detach_iommufd_pt detach = {0};
	uint32_t pasid = IOMMU_NO_PASID;
	int rc;

	if (caller->ops->read(caller, &detach, arg, least))
		return -EFAULT;
	if (detach.argsz < least || detach.flags & ~VFIO_DEVICE_DETACH_PASID)
		return -EINVAL;
	if (detach.flags & VFIO_DEVICE_DETACH_PASID) {
		rc = get_pasid(caller, arg, detach.argsz,
			       offsetof(struct vfio_device_detach_iommufd_pt, pasid), &pasid);
		if (rc)
			return rc;
	}
	pthread_mutex_lock(&device->bind_lock);
	iommufd_device_detach(device->iommufd, pasid);
	pthread_mutex_unlock(&device->bind_lock);
	return 0;
}

static long cdev_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		       uint64_t arg)
{
	struct vfio_cdev_file *cdev = cdev_file(file);

	if (cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return cdev_bind(cdev, caller, arg);
	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	switch (cmd) {
	case VFIO_DEVICE_ATTACH_IOMMUFD_PT:
		return cdev_attach(cdev->device, caller, arg);
	case VFIO_DEVICE_DETACH_IOMMUFD_PT:
		return cdev_detach(cdev->device, caller, arg);
	default:
		return vfio_device_ioctl(cdev->device, caller, cmd, arg);
	}
}

static ssize_t cdev_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	struct vfio_cdev_file *cdev = cdev_file(file);

	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_read(cdev->device, caller, buf, len, pos);
}

static ssize_t cdev_write(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			  size_t len, uint64_t *pos)
{
	struct vfio_cdev_file *cdev = cdev_file(file);

	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_write(cdev->device, caller, buf, len, pos);
}

static int cdev_mmap(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot, int flags,
		     struct file_mapping *map)
{
	struct vfio_cdev_file *cdev = cdev_file(file);

	(void)prot;
	if (!atomic_load_explicit(&cdev->bound, memory_order_acquire))
		return -EINVAL;
	return vfio_device_mmap(cdev->device, offset, len, flags, map);
}

static void cdev_release(struct uiommufd_file *file)
{
	struct vfio_cdev_file *cdev = cdev_file(file);
	struct vfio_device *device = cdev->device;

	if (atomic_load(&cdev->bound)) {
		pthread_mutex_lock(&device->bind_lock);
		vfio_device_disable(device);
		iommufd_device_unbind(device->iommufd);
		device->iommufd = NULL;
		pthread_mutex_unlock(&device->bind_lock);
	}
	alloc_free(cdev);
}

const struct file_ops vfio_cdev_ops = {
	.ioctl = cdev_ioctl,
	.read = cdev_read,
	.write = cdev_write,
	.mmap = cdev_mmap,
	.release = cdev_release,
};

int vfio_device_open(struct vfio_device *device, struct uiommufd_file **file)
{
	struct vfio_cdev_file *cdev = alloc_zeroed(sizeof(*cdev));

	if (!cdev)
		return -ENOMEM;
	file_init(&cdev->file, &device->file_ops, FILE_SEEKABLE);
	cdev->device = device;
	*file = &cdev->file;
	return 0;
}

struct vfio_device *vfio_device_from_file(struct uiommufd_file *file)
{
	return file->ops->release == cdev_release ? cdev_file(file)->device : NULL;
}
