/* SPDX-License-Identifier: MIT */
#include "vfio_rig.h"

#include <errno.h>
#include <linux/pci_regs.h>
#include <stdbool.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/last_error.h"
#include "devices/remote/remote.h"
#include "require.h"
#include "said.h"

static struct vfio_rig *rig_of(struct uiommufd_caller *caller)
{
	return (struct vfio_rig *)caller;
}

static int rig_check(struct uiommufd_caller *caller, uint64_t addr, size_t len)
{
	const struct vfio_rig *rig = rig_of(caller);

	if (addr < RIG_BAD_LIMIT)
		return -EFAULT;
	return rig->hole && rig->hole >= addr && rig->hole < addr + len ? -EFAULT : 0;
}

static int rig_read(struct uiommufd_caller *caller, void *dst, uint64_t src, size_t len)
{
	if (rig_check(caller, src, len))
		return -EFAULT;
	memcpy(dst, (const void *)(uintptr_t)src, len);
	return 0;
}

static int rig_write(struct uiommufd_caller *caller, uint64_t dst, const void *src, size_t len)
{
	uint64_t read_only = (uintptr_t)rig_of(caller)->read_only;

	if (rig_check(caller, dst, len) || (read_only && dst >= read_only && dst < read_only + 64))
		return -EFAULT;
	memcpy((void *)(uintptr_t)dst, src, len);
	return 0;
}

static struct uiommufd_file *rig_get_file(struct uiommufd_caller *caller, int fd)
{
	struct vfio_rig *rig = rig_of(caller);

	if (fd == RIG_FD_CONTEXT)
		return file_get(rig->context);
	if (fd == RIG_FD_DEVICE)
		return file_get(rig->file);
	return fd == RIG_FD_GIVEN && rig->given ? file_get(rig->given) : NULL;
}

static void rig_uninstall_file(struct uiommufd_caller *caller, int fd)
{
	struct vfio_rig *rig = rig_of(caller);

	(void)fd;
	if (rig->given)
		file_put(rig->given);
	rig->given = NULL;
}

static int rig_install_file(struct uiommufd_caller *caller, struct uiommufd_file *file, int flags)
{
	(void)flags;
	rig_uninstall_file(caller, RIG_FD_GIVEN);
	rig_of(caller)->given = file;
	return RIG_FD_GIVEN;
}

void rig_open(struct vfio_rig *rig, const struct uiommufd_model *model,
	      const struct option_value *option)
{
	rig_open_with(rig, model, option, option != NULL);
}

void rig_open_with(struct vfio_rig *rig, const struct uiommufd_model *model,
		   const struct option_value *options, unsigned int count)
{
	const struct device_spec spec = {.model = model, .options = options, .option_count = count};

	rig_open_as(rig, &spec);
}

void rig_open_as(struct vfio_rig *rig, const struct device_spec *spec)
{
	struct device_spec config = *spec;
	const struct iommufd_options options = {0};
	struct iommufd_ctx *ctx;

	memset(rig, 0, sizeof(*rig));
	rig->ops = *uiommufd_caller_self()->ops;
	rig->ops.read = rig_read;
	rig->ops.write = rig_write;
	rig->ops.get_file = rig_get_file;
	rig->ops.install_file = rig_install_file;
	rig->ops.uninstall_file = rig_uninstall_file;
	rig->ops.release = NULL;
	uiommufd_caller_init(&rig->caller, &rig->ops, 1, 0);

	require(!iommu_create(iommu_kind_find("amd"), "amd0", &rig->iommu));
	require(!iommufd_group_create(0, &rig->group));
	if (served_start(&rig->served, spec->model, spec->options, spec->option_count)) {
		config.model = &rig->served.remote->model;
		config.options = &rig->served.option;
		config.option_count = 1;
	}
	config.bdf = (struct pci_bdf){.bus = 1};
	config.iommu = rig->iommu;
	config.group = rig->group;
	require(!vfio_device_create(&config, &rig->device));
	require(!vfio_device_open(rig->device, &rig->file));
	require(!iommufd_ctx_create(&options, &ctx));
	rig->context = iommufd_ctx_file(ctx);
}

void rig_close(struct vfio_rig *rig)
{
	rig_uninstall_file(&rig->caller, RIG_FD_GIVEN);
	file_put(rig->file);
	file_put(rig->context);
	vfio_device_destroy(rig->device);
	iommufd_group_destroy(rig->group);
	iommu_put(rig->iommu);
	served_stop(&rig->served);
}

long rig_ioctl(struct vfio_rig *rig, unsigned int cmd, const void *arg)
{
	last_error_clear();
	return said_why(rig->file->ops->ioctl(rig->file, &rig->caller, cmd, (uintptr_t)arg), cmd);
}

long rig_iommu(struct vfio_rig *rig, unsigned int cmd, const void *arg)
{
	return said_why(rig->context->ops->ioctl(rig->context, &rig->caller, cmd, (uintptr_t)arg),
			cmd);
}

long rig_bind(struct vfio_rig *rig)
{
	struct vfio_device_bind_iommufd bind = {.argsz = sizeof(bind), .iommufd = RIG_FD_CONTEXT};

	return rig_ioctl(rig, VFIO_DEVICE_BIND_IOMMUFD, &bind);
}

void rig_set_pci_command(struct vfio_rig *rig, uint16_t command)
{
	(void)rig_pwrite(rig, &command, sizeof(command), rig_pos(7, PCI_COMMAND));
}

long rig_connect(struct vfio_rig *rig, void *memory, uint64_t size, uint64_t iova,
		 uint32_t *ioas_id)
{
	struct iommu_ioas_alloc alloc = {.size = sizeof(alloc)};
	struct vfio_device_attach_iommufd_pt attach = {.argsz = sizeof(attach)};
	struct iommu_ioas_map map = {.size = sizeof(map),
				     .flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
					      IOMMU_IOAS_MAP_FIXED_IOVA,
				     .length = size,
				     .user_va = (uintptr_t)memory,
				     .iova = iova};
	long rc;

	rc = rig_bind(rig);
	if (rc)
		return rc;
	rc = rig_iommu(rig, IOMMU_IOAS_ALLOC, &alloc);
	if (rc)
		return rc;
	*ioas_id = map.ioas_id = attach.pt_id = alloc.out_ioas_id;
	rc = rig_ioctl(rig, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
	if (rc)
		return rc;
	rc = rig_iommu(rig, IOMMU_IOAS_MAP, &map);
	if (rc)
		return rc;
	rig_set_pci_command(rig, PCI_COMMAND_MEMORY | PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	return 0;
}

long rig_pread(struct vfio_rig *rig, void *buf, size_t len, uint64_t pos)
{
	return rig->file->ops->read(rig->file, &rig->caller, (uintptr_t)buf, len, &pos);
}

long rig_pwrite(struct vfio_rig *rig, const void *buf, size_t len, uint64_t pos)
{
	return rig->file->ops->write(rig->file, &rig->caller, (uintptr_t)buf, len, &pos);
}

void rig_irqs(union rig_irqs *irqs, uint32_t action, uint32_t index, uint32_t count,
	      const int32_t *fds)
{
	memset(irqs, 0, sizeof(*irqs));
	irqs->set.argsz = (uint32_t)(sizeof(irqs->set) + count * sizeof(int32_t));
	irqs->set.flags = VFIO_IRQ_SET_DATA_EVENTFD | action;
	irqs->set.index = index;
	irqs->set.count = count;
	memcpy(irqs->bytes + sizeof(irqs->set), fds, count * sizeof(int32_t));
}

uint64_t rig_pos(uint64_t index, uint64_t off)
{
	return index << 40 | off;
}
