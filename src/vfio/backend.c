/* SPDX-License-Identifier: MIT */
/* See backend.h. */
#include "vfio/backend.h"

#include <assert.h>

#include "vfio/vfio_internal.h"

static struct vfio_device *device_of(const struct irq_watcher *watcher)
{
	return caa_container_of(watcher, struct vfio_device, irq_watcher);
}

static void irqs_changed(const struct irq_watcher *watcher, enum irq_index index,
			 unsigned int vectors)
{
	struct vfio_device *device = device_of(watcher);

	device->backend->set_irqs(&device->dev, index, vectors);
}

static void irqs_unmasked(const struct irq_watcher *watcher, bool wait)
{
	struct vfio_device *device = device_of(watcher);

	device->backend->unmask_intx(&device->dev, wait);
}

void vfio_device_set_backend(struct uiommufd_device *dev, const struct device_backend *backend,
			     struct ioas_listener *listener)
{
	struct vfio_device *device = vfio_device_of(dev);

	assert(device->spec);
	device->backend = backend;
	device->listener = listener;
	device->irq_watcher =
		(struct irq_watcher){.changed = irqs_changed, .unmasked = irqs_unmasked};
	device->irqs.watcher = &device->irq_watcher;
}

const struct uiommufd_model *vfio_backend_model(struct uiommufd_device *dev)
{
	return vfio_device_of(dev)->model;
}

void vfio_backend_pulse_intx(struct uiommufd_device *dev)
{
	vfio_irqs_pulse(&vfio_device_of(dev)->irqs);
}

void vfio_backend_raise_error(struct uiommufd_device *dev)
{
	vfio_irqs_raise(&vfio_device_of(dev)->irqs, IRQ_ERR);
}

void vfio_backend_raise_request(struct uiommufd_device *dev)
{
	vfio_irqs_raise(&vfio_device_of(dev)->irqs, IRQ_REQ);
}
