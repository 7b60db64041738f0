/* SPDX-License-Identifier: MIT */
/*
 * Devices that come and go: bound and unbound, removed and found again, pulled out and plugged in;
 * in all processes of the run, whose machines are each their own (peers.h).
 *
 * Context: inside the engine; hotplug_pull() to hotplug_settle(): the control thread.
 */
#ifndef PRELOAD_ENGINE_HOTPLUG_H
#define PRELOAD_ENGINE_HOTPLUG_H

#include <stdbool.h>
#include <stdio.h>

struct vfio_device;

/*
 * Takes @device from its driver: asks all processes for it, and waits until none has it open, as
 * the kernel does. 0, or -ENODEV: it was not bound.
 */
int hotplug_unbind(struct vfio_device *device);

/* 0; -ENODEV: the driver does not match it; -EBUSY: it is bound. */
int hotplug_bind(struct vfio_device *device);

/* Whether vfio-pci matches @device: by its driver_override, or by the IDs that new_id has added. */
bool hotplug_matches(struct vfio_device *device);

/* Whether a process has a file of @device open. */
bool hotplug_is_used(struct vfio_device *device);

/* Unbinds @device and takes its directory away. */
void hotplug_remove(struct vfio_device *device);

/* Finds the devices again that have been removed, and binds those that match. */
void hotplug_rescan(void);

/* Takes from the shadow root whether @device is bound, which another process may have changed. */
void hotplug_recall(struct vfio_device *device);

/* ---- requests of other processes ---- */

/* Says that @device is wanted back, and how many files of it are open. */
unsigned int hotplug_request(struct vfio_device *device);

/* Pulls @device out. */
void hotplug_pull(struct vfio_device *device);

/*
 * Takes away what is left of devices that were pulled out, and that nothing uses any more. True:
 * there are others.
 */
bool hotplug_settle(void);

/*
 * Plugs in what @text describes, a line as of machine_format(). @close: as inquiry_answer(). 0 or a
 * negative errno.
 */
int hotplug_plug(const char *text, int (*close)(FILE *));

#endif
