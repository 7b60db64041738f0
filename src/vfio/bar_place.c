/* SPDX-License-Identifier: MIT */
/* The places of BARs do not change while a device lives. */
#include "vfio/bar_place.h"

#include "vfio/vfio_internal.h"

static bool find_in(const struct vfio_device *device, struct iova_range range,
		    struct vfio_bar_place *place)
{
	for (unsigned int bar = 0; bar < PCI_ROM; bar++) {
		const struct pci_window *window = &device->windows[bar];
		struct iova_range bus = {window->start, window->start + window->size - 1};

		if (!window->size || device->model->bars[bar].flags & UIOMMUFD_BAR_IO ||
		    !iova_range_intersects(bus, range))
			continue;
		*place = (struct vfio_bar_place){device->name, bar, bus};
		return true;
	}
	return false;
}

bool vfio_bar_place(struct iova_range range, struct vfio_bar_place *place)
{
	struct vfio_device *device = NULL;
	bool found = false;

	lock_acquire(&vfio_registry_lock);
	while (!found && (device = vfio_registry_next(device)))
		found = find_in(device, range, place);
	lock_release(&vfio_registry_lock);
	return found;
}
