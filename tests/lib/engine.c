/* SPDX-License-Identifier: MIT */
#include "engine.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "page.h"
#include "said.h"

static int engine_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file,
			       int flags)
{
	struct engine *e = (struct engine *)caller;

	(void)flags;
	for (int i = 0; i < ENGINE_FILES; i++) {
		if (!e->files[i]) {
			e->files[i] = file;
			return ENGINE_FD_BASE + i;
		}
	}
	return -EMFILE;
}

void engine_close(struct engine *e, uint32_t fd)
{
	struct uiommufd_file *file = e->files[fd - ENGINE_FD_BASE];

	e->files[fd - ENGINE_FD_BASE] = NULL;
	file_put(file);
}

static void engine_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	engine_close((struct engine *)caller, (uint32_t)fd);
}

struct uiommufd_file *engine_file(struct engine *e, uint32_t fd)
{
	return e->files[fd - ENGINE_FD_BASE];
}

ssize_t engine_read(struct engine *e, uint32_t fd, void *buf, size_t len)
{
	struct uiommufd_file *file = engine_file(e, fd);

	return file->ops->read(file, &e->caller, (uintptr_t)buf, len, &file->pos);
}

ssize_t engine_write(struct engine *e, uint32_t fd, const void *buf, size_t len)
{
	struct uiommufd_file *file = engine_file(e, fd);

	return file->ops->write
		       ? file->ops->write(file, &e->caller, (uintptr_t)buf, len, &file->pos)
		       : -EINVAL;
}

int engine_call(struct engine *e, unsigned int cmd, void *arg)
{
	struct uiommufd_file *file = iommufd_ctx_file(e->ctx);

	return (int)said_why(file->ops->ioctl(file, &e->caller, cmd, (uintptr_t)arg), cmd);
}

struct engine *engine_create(const char *kind, size_t pages)
{
	const struct iommufd_options options = {.accounting_mm = false};
	struct engine *e = calloc(1, sizeof(*e));

	assert_non_null(e);
	e->ops = *uiommufd_caller_self()->ops;
	e->ops.install_file = engine_install_file;
	e->ops.uninstall_file = engine_uninstall_file;
	e->ops.release = NULL;
	uiommufd_caller_init(&e->caller, &e->ops, 1, 0);
	assert_int_equal(iommufd_ctx_create(&options, &e->ctx), 0);
	assert_int_equal(iommu_create(iommu_kind_find(kind), "iommu0", &e->iommu), 0);
	for (unsigned int i = 0; i < ENGINE_DEVICES; i++) {
		struct iommufd_device_info info = {0};

		assert_int_equal(iommufd_group_create(i, &e->groups[i]), 0);
		assert_int_equal(iommu_endpoint_create(e->iommu, "device", &e->endpoints[i]), 0);
		info.endpoint = e->endpoints[i];
		info.group = e->groups[i];
		assert_int_equal(iommufd_device_bind(e->ctx, &info, &e->devices[i], &e->dev_ids[i]),
				 0);
	}
	e->buffer_size = pages * PAGE;
	e->buffer = mmap(NULL, e->buffer_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	assert_ptr_not_equal(e->buffer, MAP_FAILED);
	return e;
}

void engine_unbind(struct engine *e, int index)
{
	iommufd_device_unbind(e->devices[index]);
	e->devices[index] = NULL;
}

void engine_destroy(struct engine *e)
{
	for (int i = 0; i < ENGINE_DEVICES; i++) {
		if (e->devices[i])
			iommufd_device_unbind(e->devices[i]);
		iommu_endpoint_destroy(e->endpoints[i]);
		iommufd_group_destroy(e->groups[i]);
	}
	for (uint32_t i = 0; i < ENGINE_FILES; i++) {
		if (e->files[i])
			engine_close(e, ENGINE_FD_BASE + i);
	}
	iommu_put(e->iommu);
	file_put(iommufd_ctx_file(e->ctx));
	munmap(e->buffer, e->buffer_size);
	free(e);
}

uint32_t engine_ioas(struct engine *e)
{
	struct iommu_ioas_alloc cmd = {.size = sizeof(cmd)};

	assert_int_equal(engine_call(e, IOMMU_IOAS_ALLOC, &cmd), 0);
	return cmd.out_ioas_id;
}

int engine_map(struct engine *e, uint32_t ioas, uint64_t iova, size_t offset, uint64_t len)
{
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas,
		.user_va = (uintptr_t)e->buffer + offset,
		.length = len,
		.iova = iova,
	};

	return engine_call(e, IOMMU_IOAS_MAP, &cmd);
}

int engine_unmap(struct engine *e, uint32_t ioas, uint64_t iova, uint64_t len)
{
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd), .ioas_id = ioas, .iova = iova, .length = len};

	return engine_call(e, IOMMU_IOAS_UNMAP, &cmd);
}

int engine_object_destroy(struct engine *e, uint32_t id)
{
	struct iommu_destroy cmd = {.size = sizeof(cmd), .id = id};

	return engine_call(e, IOMMU_DESTROY, &cmd);
}

int engine_hwpt(struct engine *e, int index, struct iommu_hwpt_alloc *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->dev_id = e->dev_ids[index];
	return engine_call(e, IOMMU_HWPT_ALLOC, cmd);
}
