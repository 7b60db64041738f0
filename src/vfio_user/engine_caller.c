/* SPDX-License-Identifier: MIT */
/* See engine_caller.h. */
#include "vfio_user/engine_caller.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <urcu/compiler.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/sys.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/entry/dispatch.h"
#include "vfio/work.h"

static struct engine_caller *caller_of(struct uiommufd_caller *caller)
{
	return caa_container_of(caller, struct engine_caller, caller);
}

static int op_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	(void)caller;
	memcpy(dst, (const void *)(uintptr_t)src, len);
	return 0;
}

static int op_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	(void)caller;
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

static int op_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len, bool write)
{
	(void)caller, (void)va, (void)len, (void)write;
	return 0;
}

static int op_dup_fd(struct uiommufd_caller *caller, int fd)
{
	const struct vu_message *message = caller_of(caller)->message;

	for (unsigned int i = 0; message && i < message->fd_count; i++) {
		if (message->fds[i] == fd)
			return sys_fcntl(fd, F_DUPFD_CLOEXEC, 0);
	}
	return -EBADF;
}

static struct uiommufd_file *op_get_file(struct uiommufd_caller *caller, int fd)
{
	struct engine_caller *engine = caller_of(caller);

	if (fd == ENGINE_FD_CONTEXT)
		return file_get(iommufd_ctx_file(engine->ctx));
	if (fd == ENGINE_FD_MEMORY && engine->memory)
		return file_get(engine->memory);
	return NULL;
}

static void drop_migration(struct engine_caller *engine)
{
	if (engine->migration)
		file_put(engine->migration);
	engine->migration = NULL;
}

/* Of what a session asks for, only migrations make files. */
static int op_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	struct engine_caller *engine = caller_of(caller);

	(void)flags;
	drop_migration(engine);
	engine->migration = file;
	return ENGINE_FD_MIGRATION;
}

static void op_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	(void)fd;
	drop_migration(caller_of(caller));
}

static void op_release(struct uiommufd_caller *caller)
{
	alloc_free(caller_of(caller));
}

static const struct uiommufd_caller_ops ops = {
	.read = op_read,
	.write = op_write,
	.populate = op_populate,
	.dup_fd = op_dup_fd,
	.get_file = op_get_file,
	.install_file = op_install_file,
	.uninstall_file = op_uninstall_file,
	.release = op_release,
};

int engine_caller_create(struct engine_caller **out)
{
	const struct iommufd_options options = {0};
	struct engine_caller *caller = alloc_zeroed(sizeof(*caller));
	int rc;

	if (!caller)
		return -ENOMEM;
	rc = iommufd_ctx_create(&options, &caller->ctx);
	if (rc) {
		alloc_free(caller);
		return rc;
	}
	uiommufd_caller_init(&caller->caller, &ops, getpid(), getuid());
	*out = caller;
	return 0;
}

void engine_close_device(struct engine_caller *caller)
{
	drop_migration(caller);
	if (caller->device)
		file_put(caller->device);
	caller->device = NULL;
}

void engine_caller_destroy(struct engine_caller *caller)
{
	engine_close_device(caller);
	file_put(iommufd_ctx_file(caller->ctx));
	uiommufd_caller_put(&caller->caller);
}

int engine_ioctl(struct engine_caller *caller, unsigned int cmd, void *arg)
{
	return (int)iommufd_ioctl(caller->ctx, &caller->caller, cmd, (uint64_t)(uintptr_t)arg);
}

int engine_device_ioctl(struct engine_caller *caller, unsigned int cmd, void *arg)
{
	return (int)caller->device->ops->ioctl(caller->device, &caller->caller, cmd,
					       (uint64_t)(uintptr_t)arg);
}

ssize_t engine_device_read(struct engine_caller *caller, void *buf, size_t len, uint64_t pos)
{
	return caller->device->ops->read(caller->device, &caller->caller, (uint64_t)(uintptr_t)buf,
					 len, &pos);
}

ssize_t engine_device_write(struct engine_caller *caller, const void *buf, size_t len, uint64_t pos)
{
	ssize_t done;

	/* DMA may have to wait for messages that this thread receives. */
	vfio_work_decline(true);
	done = caller->device->ops->write(caller->device, &caller->caller, (uint64_t)(uintptr_t)buf,
					  len, &pos);
	vfio_work_decline(false);
	return done;
}

ssize_t engine_migration_read(struct engine_caller *caller, void *buf, size_t len)
{
	uint64_t pos = 0;

	if (!caller->migration)
		return -EINVAL;
	return caller->migration->ops->read(caller->migration, &caller->caller,
					    (uint64_t)(uintptr_t)buf, len, &pos);
}

ssize_t engine_migration_write(struct engine_caller *caller, const void *buf, size_t len)
{
	uint64_t pos = 0;

	if (!caller->migration)
		return -EINVAL;
	return caller->migration->ops->write(caller->migration, &caller->caller,
					     (uint64_t)(uintptr_t)buf, len, &pos);
}
