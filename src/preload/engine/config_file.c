/* SPDX-License-Identifier: MIT */
#include "preload/engine/config_file.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/file.h"
#include "preload/start/real.h"
#include "vfio/vfio.h"

struct config_file {
	struct uiommufd_file file;
	struct vfio_device *device;
};

static ssize_t config_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
				uint64_t buf, size_t len, uint64_t *pos)
{
	struct vfio_device *device = ((struct config_file *)file)->device;
	size_t done = 0;
	uint8_t bytes[256];
	size_t n;

	while (done < len) {
		n = vfio_device_config_read(device, *pos, bytes,
					    min_u64(len - done, sizeof(bytes)));
		if (!n)
			break;
		if (caller->ops->write(caller, buf + done, bytes, n))
			return done ? (ssize_t)done : -EFAULT;
		done += n;
		*pos += n;
	}
	return (ssize_t)done;
}

static void config_file_release(struct uiommufd_file *file)
{
	alloc_free(file);
}

static const struct file_ops config_file_ops = {
	.name = "config",
	.read = config_file_read,
	.release = config_file_release,
};

int config_file_create(struct vfio_device *device, struct uiommufd_file **out)
{
	struct config_file *config;

	if (!device)
		return -ENODEV;
	config = alloc_zeroed(sizeof(*config));
	if (!config)
		return -ENOMEM;
	file_init(&config->file, &config_file_ops, FILE_SEEKABLE);
	config->device = device;
	*out = &config->file;
	return 0;
}

int config_file_snapshot(struct vfio_device *device)
{
	uint8_t bytes[256];
	uint64_t pos = 0;
	size_t n;
	int fd;

	if (!device)
		return -ENODEV;
	fd = (int)SYS(SYS_memfd_create, "config", MFD_CLOEXEC);
	if (fd < 0)
		return fd;
	while ((n = vfio_device_config_read(device, pos, bytes, sizeof(bytes)))) {
		if (SYS(SYS_pwrite64, fd, bytes, n, pos) != (long)n) {
			SYS(SYS_close, fd);
			return -ENOMEM;
		}
		pos += n;
	}
	return fd;
}
