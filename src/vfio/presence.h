/* SPDX-License-Identifier: MIT */
/*
 * Whether a device is there: bound to vfio-pci or not, and pulled out of its slot
 * [SYSFS-DRIVER], [CONFIG-IRQ.10].
 *
 * Unbinding takes the device from programs in steps, as in the kernel: no further file of it is
 * opened (vfio_device_unbind_driver()); those that have one are asked for it
 * (vfio_device_request()), and waited for (vfio_device_files()); then its group is taken out of its
 * container (vfio_device_unbound()). The caller waits: nothing here does.
 *
 * Context: any thread, without locks.
 */
#ifndef VFIO_PRESENCE_H
#define VFIO_PRESENCE_H

#include <stdbool.h>

struct vfio_device;

/* Whether the driver is vfio-pci; a program uses the device; it has been pulled out. */
bool vfio_device_is_bound(const struct vfio_device *device);
bool vfio_device_is_enabled(const struct vfio_device *device);
bool vfio_device_is_gone(const struct vfio_device *device);

/*
 * How often sysfs' file enable has enabled it, beside its driver. Only a count: what it decodes is
 * in the command register.
 */
unsigned int vfio_device_enables(const struct vfio_device *device);
void vfio_device_set_enables(struct vfio_device *device, unsigned int count);

void vfio_device_bind_driver(struct vfio_device *device);
void vfio_device_unbind_driver(struct vfio_device *device);

/* How many files of it are open. */
unsigned int vfio_device_files(const struct vfio_device *device);

/* Signals REQ: the kernel wants the device back. */
void vfio_device_request(struct vfio_device *device);

/* No file of it is left. A group without a device that is bound leaves its container. */
void vfio_device_unbound(struct vfio_device *device);

/*
 * The device has been pulled out: it reads as ones, its DMA is refused, and nothing reaches it any
 * more. Signals ERR and REQ.
 */
void vfio_device_pull(struct vfio_device *device);

#endif
