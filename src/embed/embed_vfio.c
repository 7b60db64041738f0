/* SPDX-License-Identifier: MIT */
/*
 * <uiommufd/devices.h>: a device is a machine of one IOMMU and one device, and the file that a
 * program would have of it.
 */
#include <errno.h>
#include <limits.h>

#include <uiommufd/devices.h>
#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/file.h"
#include "devices/devices.h"
#include "devices/plugin.h"
#include "iommufd/entry/ctx_file.h"
#include "machine/machine.h"
#include "vfio_user/server.h"

enum {
	CONTEXT_FD = 0, /* what the context's descriptor is called in BIND */
};

struct uiommufd_vfio {
	struct machine *machine;
	struct vfio_device *device;
	struct uiommufd_file *file; /* NULL: not bound */
};

/* This process, with one descriptor: the context's. */
struct binder {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_file *context;
};

static struct uiommufd_file *get_context(struct uiommufd_caller *caller, int fd)
{
	return fd == CONTEXT_FD ? file_get(((struct binder *)caller)->context) : NULL;
}

int uiommufd_model_register(const struct uiommufd_plugin *plugin, char *why, size_t size)
{
	struct uiommufd_model *model = plugin_adopt(plugin, "the model", why, size);
	int rc;

	if (!model)
		return -EINVAL;
	rc = device_model_add(model);
	if (rc)
		alloc_free(model);
	return rc;
}

int uiommufd_vfio_create(struct uiommufd_iommu *iommu, const char *text, char *why, size_t size,
			 struct uiommufd_vfio **out)
{
	struct uiommufd_vfio *vfio = alloc_zeroed(sizeof(*vfio));
	int rc = -ENOMEM;

	if (!vfio)
		return rc;
	rc = machine_create_around((struct iommu *)iommu, &vfio->machine);
	if (rc)
		goto out_free;
	rc = machine_add_device(vfio->machine, text, why, size);
	if (rc)
		goto out_machine;
	vfio->device = machine_device(vfio->machine, 0);
	*out = vfio;
	return 0;

out_machine:
	machine_destroy(vfio->machine);
out_free:
	alloc_free(vfio);
	return rc;
}

void uiommufd_vfio_destroy(struct uiommufd_vfio *vfio)
{
	if (!vfio)
		return;
	uiommufd_vfio_unbind(vfio);
	machine_destroy(vfio->machine);
	alloc_free(vfio);
}

int uiommufd_vfio_bind(struct uiommufd_vfio *vfio, struct uiommufd *ctx, uint32_t *dev_id)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = CONTEXT_FD};
	struct uiommufd_caller_ops ops = *uiommufd_caller_self()->ops;
	struct binder binder = {.context = iommufd_ctx_file((struct iommufd_ctx *)ctx)};
	struct uiommufd_file *file;
	long rc;

	if (vfio->file)
		return -EINVAL;
	ops.get_file = get_context;
	ops.release = NULL;
	uiommufd_caller_init(&binder.caller, &ops, uiommufd_caller_self()->pid,
			     uiommufd_caller_self()->uid);
	rc = vfio_device_open(vfio->device, &file);
	if (rc)
		return (int)rc;
	rc = file->ops->ioctl(file, &binder.caller, VFIO_DEVICE_BIND_IOMMUFD, (uintptr_t)&bind);
	if (rc) {
		file_put(file);
		return (int)rc;
	}
	vfio->file = file;
	*dev_id = bind.out_devid;
	return 0;
}

void uiommufd_vfio_unbind(struct uiommufd_vfio *vfio)
{
	if (vfio->file)
		file_put(vfio->file);
	vfio->file = NULL;
}

long uiommufd_vfio_ioctl(struct uiommufd_vfio *vfio, struct uiommufd_caller *caller,
			 unsigned int cmd, uint64_t arg)
{
	if (!vfio->file || cmd == VFIO_DEVICE_BIND_IOMMUFD)
		return -EINVAL;
	return vfio->file->ops->ioctl(vfio->file, caller ? caller : uiommufd_caller_self(), cmd,
				      arg);
}

ssize_t uiommufd_vfio_read(struct uiommufd_vfio *vfio, void *buf, size_t len, uint64_t offset)
{
	if (!vfio->file)
		return -EINVAL;
	return vfio->file->ops->read(vfio->file, uiommufd_caller_self(), (uintptr_t)buf, len,
				     &offset);
}

ssize_t uiommufd_vfio_write(struct uiommufd_vfio *vfio, const void *buf, size_t len,
			    uint64_t offset)
{
	if (!vfio->file)
		return -EINVAL;
	return vfio->file->ops->write(vfio->file, uiommufd_caller_self(), (uintptr_t)buf, len,
				      &offset);
}

int uiommufd_vfio_loop_fd(struct uiommufd_vfio *vfio)
{
	return vfio->file ? -EINVAL : vfio_device_use_loop(vfio->device);
}

unsigned int uiommufd_vfio_run(struct uiommufd_vfio *vfio)
{
	return vfio_device_run_work(vfio->device);
}

int uiommufd_vfio_serve(struct uiommufd_vfio *vfio, const char *path, int stop,
			unsigned int timeout)
{
	const int timeout_ms = timeout && timeout <= INT_MAX / 1000 ? (int)timeout * 1000 : -1;
	struct vu_listener listener;
	int rc;

	if (vfio->file)
		return -EINVAL;
	rc = vu_listener_open(&listener, path);
	if (rc)
		return rc;
	rc = vu_serve(&listener, vfio->device, stop, timeout_ms);
	vu_listener_close(&listener);
	return rc;
}
