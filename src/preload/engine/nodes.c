/* SPDX-License-Identifier: MIT */
/*
 * Behind the descriptor of a node is a placeholder: the node's file in the shadow root, opened with
 * those flags of the program that the kernel is to apply, or to refuse.
 *
 * The file "config" of a PCI device in sysfs is live: each read() reads the config space anew.
 */
#include "preload/engine/nodes.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/file.h"
#include "iommufd/entry/ctx_file.h"
#include "machine/machine.h"
#include "preload/engine/call.h"
#include "preload/engine/engine.h"
#include "preload/engine/own_process.h"
#include "preload/start/real.h"
#include "vfio/vfio.h"

/* ---- the config space ---- */

struct config_file {
	struct uiommufd_file file;
	struct vfio_device *device;
};

static struct config_file *config_file_of(struct uiommufd_file *file)
{
	return (struct config_file *)file;
}

static ssize_t config_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
				uint64_t buf, size_t len, uint64_t *pos)
{
	struct vfio_device *device = config_file_of(file)->device;
	size_t done = 0;
	uint8_t bytes[256];
	size_t n;

	while (done < len) {
		n = vfio_device_config_read(device, *pos, bytes,
					    min_u64(len - done, sizeof(bytes)));
		if (!n)
			break;
		if (caller_write(caller, buf + done, bytes, n))
			return done ? (ssize_t)done : -EFAULT;
		done += n;
		*pos += n;
	}
	return (ssize_t)done;
}

static void config_file_release(struct uiommufd_file *file)
{
	alloc_free(config_file_of(file));
}

static const struct file_ops config_file_ops = {
	.name = "config",
	.read = config_file_read,
	.release = config_file_release,
};

/* *@file, owned, reads the config space of @device. -ENODEV if @device is NULL; -ENOMEM. */
static int config_file_create(struct vfio_device *device, struct uiommufd_file **file)
{
	struct config_file *config;

	if (!device)
		return -ENODEV;
	config = alloc_zeroed(sizeof(*config));
	if (!config)
		return -ENOMEM;
	file_init(&config->file, &config_file_ops, FILE_SEEKABLE);
	config->device = device;
	*file = &config->file;
	return 0;
}

/*
 * A descriptor of a memory file with what the config space of @device holds now. -ENODEV if @device
 * is NULL, -ENOMEM, or what memfd_create() fails with.
 */
static int config_file_snapshot(struct vfio_device *device)
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
		if (SYS(SYS_pwrite64, fd, bytes, n, pos) != (long)n)
			goto out_close;
		pos += n;
	}
	return fd;

out_close:
	SYS(SYS_close, fd);
	return -ENOMEM;
}

/* ---- which file ---- */

static int open_context(bool container, struct uiommufd_file **file)
{
	const struct iommufd_options options = {
		.accounting_mm = container,
		.test_abi = machine_mock(engine_machine()),
	};
	struct iommufd_ctx *ctx;
	int rc;

	rc = iommufd_ctx_create(&options, &ctx);
	if (rc)
		return rc;
	*file = iommufd_ctx_file(ctx);
	return 0;
}

static int open_cdev(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (vfio_device_index(device) == number)
			return vfio_device_open(device, file);
	}
	return -ENODEV;
}

static int open_group(unsigned int number, struct uiommufd_file **file)
{
	struct vfio_device *device;

	for (size_t i = 0; (device = machine_device(engine_machine(), i)); i++) {
		if (machine_device_group(engine_machine(), i) == number)
			return vfio_group_open(device, file);
	}
	return -ENODEV;
}

/* The device in whose directory of sysfs the file @resolved is; NULL if there is none. */
static struct vfio_device *device_of(const char *resolved)
{
	const char *end = strrchr(resolved, '/');
	const char *name = end;
	char bdf[32];

	while (name > resolved && name[-1] != '/')
		name--;
	if (end - name >= (ptrdiff_t)sizeof(bdf))
		return NULL;
	memcpy(bdf, name, (size_t)(end - name));
	bdf[end - name] = '\0';
	return machine_find_device(engine_machine(), bdf);
}

static int open_file(const struct path_at *at, struct uiommufd_file **file)
{
	switch (at->node.kind) {
	case NODE_IOMMU:
	case NODE_CONTAINER:
		return open_context(at->node.kind == NODE_CONTAINER, file);
	case NODE_CDEV:
		return open_cdev(at->node.number, file);
	case NODE_CONFIG:
		return config_file_create(device_of(at->resolved), file);
	case NODE_GROUP:
		return open_group(at->node.number, file);
	case NODE_NONE:
		break;
	}
	return -ENODEV;
}

/* ---- opening it ---- */

static int open_placeholder(const struct path_at *at, int flags)
{
	const int kept = O_ACCMODE | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_DIRECTORY;

	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return (int)SYS(SYS_openat, AT_FDCWD, at->path, flags & kept);
}

static int open_inside(const struct path_at *at, int flags)
{
	struct uiommufd_file *file;
	int fd, rc;

	assert(at->node.kind != NODE_NONE && at->shadow);
	fd = open_placeholder(at, flags);
	if (fd < 0)
		return fd;
	rc = open_file(at, &file);
	if (rc)
		goto out_close;
	rc = flags & O_DIRECT ? -EINVAL : 0;
	if (rc)
		goto out_put;
	rc = own_process_install(fd, file, flags & O_ACCMODE, at->node);
	if (rc)
		goto out_put;
	return fd;

out_put:
	file_put(file);
out_close:
	SYS(SYS_close, fd);
	return rc;
}

int nodes_open(const struct path_at *at, int flags)
{
	struct engine_call call;
	int fd, rc;

	engine_cancellation_point();
	rc = engine_start();
	if (rc)
		return rc;
	engine_enter(&call);
	fd = open_inside(at, flags);
	engine_leave(&call);
	return fd;
}

FILE *nodes_open_config_stream(const struct path_at *at, const char *mode)
{
	struct engine_call call;
	FILE *stream;
	int fd;

	assert(at->node.kind == NODE_CONFIG);
	fd = engine_start();
	if (libc_result(fd) < 0)
		return NULL;
	engine_enter(&call);
	fd = config_file_snapshot(device_of(at->resolved));
	engine_leave(&call);
	if (libc_result(fd) < 0)
		return NULL;
	stream = fdopen(fd, mode);
	if (!stream)
		SYS(SYS_close, fd);
	return stream;
}
