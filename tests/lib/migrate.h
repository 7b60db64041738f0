/* SPDX-License-Identifier: MIT */
/* The device of a rig, saved and loaded, as a VMM does it on either side. */
#ifndef TESTS_LIB_MIGRATE_H
#define TESTS_LIB_MIGRATE_H

#include <stddef.h>
#include <stdint.h>

#include "vfio_rig.h"

struct saved_device {
	uint8_t *bytes; /* owned */
	size_t len;
};

/* Goes to state @state (enum vfio_device_mig_state): 0 or a negative errno. */
long rig_set_state(struct vfio_rig *rig, uint32_t state);
uint32_t rig_state(struct vfio_rig *rig);

/* Stops the device, and reads its state. 0 or a negative errno. */
long rig_save(struct vfio_rig *rig, struct saved_device *saved);

/* Resets the device, gives it @len bytes at @bytes, and lets it run. 0 or a negative errno. */
long rig_load(struct vfio_rig *rig, const void *bytes, size_t len);

/* Both, with a reset in between: the device goes on as if nothing had been. */
long rig_migrate(struct vfio_rig *rig);

#endif
