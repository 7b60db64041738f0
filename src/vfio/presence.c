/* SPDX-License-Identifier: MIT */
/*
 * See presence.h.
 *
 * Invariant: a file is counted before it is checked that the device is bound, and the device is
 * marked as unbound before its files are counted. So no file is open that a waiter has not seen.
 */
#include "vfio/presence.h"

#include "vfio/vfio_internal.h"

bool vfio_device_is_bound(const struct vfio_device *device)
{
	return !atomic_load(&device->unbound);
}

bool vfio_device_is_enabled(const struct vfio_device *device)
{
	return atomic_load(&device->enabled);
}

unsigned int vfio_device_enables(const struct vfio_device *device)
{
	return atomic_load(&device->enables);
}

void vfio_device_set_enables(struct vfio_device *device, unsigned int count)
{
	atomic_store(&device->enables, count);
}

bool vfio_device_is_gone(const struct vfio_device *device)
{
	return atomic_load(&device->gone);
}

void vfio_device_bind_driver(struct vfio_device *device)
{
	if (atomic_load(&device->gone))
		return;
	vfio_group_revive(device->group);
	atomic_store(&device->unbound, false);
}

void vfio_device_unbind_driver(struct vfio_device *device)
{
	atomic_store(&device->unbound, true);
}

unsigned int vfio_device_files(const struct vfio_device *device)
{
	return atomic_load(&device->files);
}

void vfio_device_request(struct vfio_device *device)
{
	vfio_irqs_raise(&device->irqs, IRQ_REQ);
}

void vfio_device_unbound(struct vfio_device *device)
{
	vfio_group_revoke(device->group);
}

/* The model stops, and its line is not asserted any more. While its work is held. */
static void silence(struct vfio_device *device) REQUIRES(device->lock)
{
	lock_assert_held(&device->lock);
	pci_config_vanish(&device->config);
	vfio_device_apply_command(device);
	device->reset_kind = UIOMMUFD_RESET_REMOVED;
	if (device->model->reset)
		device->model->reset(&device->dev);
	vfio_irqs_reset(&device->irqs);
}

void vfio_device_pull(struct vfio_device *device)
{
	atomic_store(&device->unbound, true);
	atomic_store(&device->gone, true);
	atomic_store(&device->bus_master, false);
	lock_acquire(&device->bind_lock);
	/* Work whose DMA waits for a page waits for nothing any more. */
	if (device->iommufd)
		iommufd_device_refuse_pages(device->iommufd, true);
	vfio_device_hold_work(device);
	lock_acquire(&device->lock);
	silence(device);
	lock_release(&device->lock);
	vfio_device_release_work(device);
	bar_exports_update(device);
	lock_release(&device->bind_lock);
	vfio_irqs_raise(&device->irqs, IRQ_ERR);
	vfio_irqs_raise(&device->irqs, IRQ_REQ);
}
