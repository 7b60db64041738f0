/* SPDX-License-Identifier: MIT */
/* The devices stay: they outlive all files, so names and records can be borrowed. */
#include "vfio/left.h"

#include "vfio/vfio_internal.h"

static bool is_busy(struct vfio_device *device)
{
	bool busy = false;

	for (unsigned int i = 0; i < device->work_count; i++) {
		struct device_work *work = &device->work[i];

		lock_acquire(&work->lock);
		busy = busy || work->busy || work->count;
		lock_release(&work->lock);
	}
	return busy;
}

size_t vfio_find_left(struct vfio_left *left)
{
	struct vfio_device *device = NULL;
	size_t count = 0;

	lock_acquire(&vfio_registry_lock);
	while (count < VFIO_LEFT_MAX && (device = vfio_registry_next(device))) {
		if (!atomic_load(&device->enabled))
			continue;
		left[count] = (struct vfio_left){
			.name = device->name,
			.record = iommu_endpoint_record(device->endpoint),
			.busy = is_busy(device),
		};
		lock_acquire(&device->irqs.lock);
		left[count].interrupts = device->irqs.active;
		left[count].vectors = device->irqs.active == IRQ_INTX ? 1 : device->irqs.vectors;
		left[count].enabled = device->irqs.enabled_by;
		lock_release(&device->irqs.lock);
		count++;
	}
	lock_release(&vfio_registry_lock);
	return count;
}
