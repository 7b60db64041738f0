/* SPDX-License-Identifier: MIT */
/*
 * A rig for tests of VFIO devices: one device behind one IOMMU, a context, and a caller whose
 * descriptors from RIG_FD_BASE on are emulated files. Its memory is the test's own, but for
 * addresses below RIG_BAD_LIMIT, and one "hole" that a test may set, which give EFAULT.
 */
#ifndef TESTS_VFIO_RIG_H
#define TESTS_VFIO_RIG_H

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <uiommufd/iommufd.h>
#include <uiommufd/vfio.h>

#include "iommufd/device/group.h"
#include "vfio/vfio.h"

enum {
	RIG_FD_CONTEXT = 1000,
	RIG_FD_DEVICE,
	RIG_BAD_LIMIT = 65536,
};

struct rig {
	struct uiommufd_caller caller;
	struct uiommufd_caller_ops ops;
	uint64_t hole;	       /* this byte is neither readable nor writable; 0: none */
	const void *read_only; /* a structure that is not writable */
	struct iommu *iommu;
	struct iommufd_group *group;
	struct vfio_device *device;
	struct uiommufd_file *context;
	struct uiommufd_file *file; /* of the device */
};

static inline struct rig *rig_of(struct uiommufd_caller *caller)
{
	return (struct rig *)caller;
}

static inline int rig_check(struct uiommufd_caller *caller, uint64_t addr, size_t len)
{
	const struct rig *rig = rig_of(caller);

	if (addr < RIG_BAD_LIMIT)
		return -EFAULT;
	return rig->hole && rig->hole >= addr && rig->hole < addr + len ? -EFAULT : 0;
}

static inline int rig_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	if (rig_check(caller, src, len))
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src, len);
	return 0;
}

static inline int rig_write(struct uiommufd_caller *caller, uint64_t dst, const void *src,
			    size_t len)
{
	uint64_t read_only = (uintptr_t)rig_of(caller)->read_only;

	if (rig_check(caller, dst, len) || (read_only && dst >= read_only && dst < read_only + 64))
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

static inline struct uiommufd_file *rig_get_file(struct uiommufd_caller *caller, int fd)
{
	struct rig *rig = rig_of(caller);

	if (fd == RIG_FD_CONTEXT)
		return file_get(rig->context);
	if (fd == RIG_FD_DEVICE)
		return file_get(rig->file);
	return NULL;
}

/* Opens a device of @model (options: NULL or one) and a context; nothing is bound yet. */
static inline void rig_open(struct rig *rig, const struct uiommufd_model *model,
			    const struct option_value *option)
{
	struct device_spec config = {.model = model,
				     .bdf = {.bus = 1},
				     .options = option,
				     .option_count = option != NULL};
	const struct iommufd_options options = {0};
	struct iommufd_ctx *ctx;
	int rc;

	memset(rig, 0, sizeof(*rig));
	rig->ops = *uiommufd_caller_self()->ops;
	rig->ops.read = rig_read;
	rig->ops.write = rig_write;
	rig->ops.get_file = rig_get_file;
	rig->ops.release = NULL;
	uiommufd_caller_init(&rig->caller, &rig->ops, 1, 0);

	rc = iommu_create(iommu_kind_find("amd"), "amd0", &rig->iommu);
	assert(!rc);
	rc = iommufd_group_create(0, &rig->group);
	assert(!rc);
	config.iommu = rig->iommu;
	config.group = rig->group;
	rc = vfio_device_create(&config, &rig->device);
	assert(!rc);
	rc = vfio_device_open(rig->device, &rig->file);
	assert(!rc);
	rc = iommufd_ctx_create(&options, &ctx);
	assert(!rc);
	rig->context = iommufd_ctx_file(ctx);
	(void)rc;
}

static inline void rig_close(struct rig *rig)
{
	file_put(rig->file);
	file_put(rig->context);
	vfio_device_destroy(rig->device);
	iommufd_group_destroy(rig->group);
	iommu_put(rig->iommu);
}

/* ioctl of the device, and of the context. */
static inline long rig_ioctl(struct rig *rig, unsigned int cmd, const void *arg)
{
	return rig->file->ops->ioctl(rig->file, &rig->caller, cmd, (uintptr_t)arg);
}

static inline long rig_iommu(struct rig *rig, unsigned int cmd, const void *arg)
{
	return rig->context->ops->ioctl(rig->context, &rig->caller, cmd, (uintptr_t)arg);
}

static inline long rig_bind(struct rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = RIG_FD_CONTEXT};

	return rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

static inline long rig_pread(struct rig *rig, void *buf, size_t len, uint64_t pos)
{
	return rig->file->ops->read(rig->file, &rig->caller, (uintptr_t)buf, len, &pos);
}

static inline long rig_pwrite(struct rig *rig, const void *buf, size_t len, uint64_t pos)
{
	return rig->file->ops->write(rig->file, &rig->caller, (uintptr_t)buf, len, &pos);
}

/* A SET_IRQS of eventfds, up to 4 of them; @action: VFIO_IRQ_SET_ACTION_... */
union rig_irqs {
	struct vfio_irq_set set;
	char bytes[sizeof(struct vfio_irq_set) + 4 * sizeof(int32_t)];
};

static inline void rig_irqs(union rig_irqs *irqs, uint32_t action, uint32_t index, uint32_t count,
			    const int32_t *fds)
{
	memset(irqs, 0, sizeof(*irqs));
	irqs->set.argsz = (uint32_t)(sizeof(irqs->set) + count * sizeof(int32_t));
	irqs->set.flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
	irqs->set.index = index;
	irqs->set.count = count;
	memcpy(irqs->bytes + sizeof(irqs->set), fds, count * sizeof(int32_t));
}

/* The position of @off in region @index. */
static inline uint64_t rig_pos(uint64_t index, uint64_t off)
{
	return index << 40 | off;
}

#endif
