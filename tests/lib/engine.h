/* SPDX-License-Identifier: MIT */
/*
 * A context and devices behind one IOMMU, through the engine's own interfaces, for tests of what
 * lies behind the public API. Its caller has a table of descriptors for emulated files, which start
 * at ENGINE_FD_BASE.
 */
#ifndef TESTS_LIB_ENGINE_H
#define TESTS_LIB_ENGINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uiommufd/caller.h>
#include <uiommufd/iommufd.h>

#include "base/file.h"
#include "iommufd/device/group.h"
#include "iommufd/entry/ctx_file.h"
#include "iommufd/entry/dispatch.h"

enum {
	ENGINE_DEVICES = 2,
	ENGINE_FILES = 16,
	ENGINE_FD_BASE = 1000,
};

struct engine {
	struct uiommufd_caller caller; /* must be first */
	struct uiommufd_caller_ops ops;
	struct uiommufd_file *files[ENGINE_FILES];
	struct iommufd_ctx *ctx;
	struct iommu *iommu;
	struct iommufd_group *groups[ENGINE_DEVICES];
	struct iommu_endpoint *endpoints[ENGINE_DEVICES];
	struct iommufd_device *devices[ENGINE_DEVICES];
	uint32_t dev_ids[ENGINE_DEVICES];
	char *buffer; /* the memory that engine_map() maps */
	size_t buffer_size;
};

/* Behind a new IOMMU of @kind, with a buffer of @pages; the devices are bound. Returns owned. */
struct engine *engine_create(const char *kind, size_t pages);
void engine_destroy(struct engine *e);

/* Unbinds device @index, which engine_destroy() then leaves out. */
void engine_unbind(struct engine *e, int index);

/* The open file @fd (borrowed), and its operations: a length or a negative errno. */
struct uiommufd_file *engine_file(struct engine *e, uint32_t fd);
ssize_t engine_read(struct engine *e, uint32_t fd, void *buf, size_t len);
ssize_t engine_write(struct engine *e, uint32_t fd, const void *buf, size_t len);
void engine_close(struct engine *e, uint32_t fd);

/* The context's ioctls: 0 or a negative errno. */
int engine_call(struct engine *e, unsigned int cmd, void *arg);

/* Returns the ID of a new IOAS. */
uint32_t engine_ioas(struct engine *e);

/* Maps [@offset, @offset + @len) of the buffer at @iova, readable and writeable. */
int engine_map(struct engine *e, uint32_t ioas, uint64_t iova, size_t offset, uint64_t len);
int engine_unmap(struct engine *e, uint32_t ioas, uint64_t iova, uint64_t len);

int engine_object_destroy(struct engine *e, uint32_t id);

/* HWPT_ALLOC for device @index; @cmd says the rest and gets the ID. */
int engine_hwpt(struct engine *e, int index, struct iommu_hwpt_alloc *cmd);

#endif
