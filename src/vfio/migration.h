/* SPDX-License-Identifier: MIT */
/*
 * Migration of a device [VFIO-MIGRATION]: the states and the ways between them
 * (VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE), and what else its features tell.
 *
 * A device whose model can save has all states, RUNNING at first and after each reset. In the
 * states of P2P no work function runs, so no DMA; registers answer, and what they start begins
 * when the device runs again. In STOP, STOP_COPY, RESUMING and ERROR writes to registers are
 * dropped as well. Entering one of them waits for the DMA that is under way; if that waits for the
 * answer to a page request, for the program.
 *
 * Invariants: paused and stopped follow from state; a data file is there in STOP_COPY, RESUMING and
 * the states of PRE_COPY, and in no other.
 *
 * migration_drops_write() is in vfio_internal.h.
 *
 * Locks: migration.lock guards all of this, and what data files have in memory; stopped changes
 * with the device lock as well, under which registers are written.
 */
#ifndef VFIO_MIGRATION_H
#define VFIO_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

struct mig_file;
struct uiommufd_caller;
struct vfio_device;

struct migration {
	struct lock lock;
	uint32_t state;	       /* enum vfio_device_mig_state */
	bool paused;	       /* no work function runs */
	bool stopped;	       /* writes to registers are dropped */
	bool info_v2;	       /* the program knows the flags of PRECOPY_INFO */
	struct mig_file *file; /* a reference; NULL: none */
	unsigned int files;    /* how many there have been */
};

void migration_init(struct migration *migration);
void migration_destroy(struct migration *migration);

/* Whether the device can be migrated. */
bool migration_possible(struct vfio_device *device);

/* The handlers of the features; @data is the address of their data. */
long migration_get_flags(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
long migration_get_state(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
long migration_set_state(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
long migration_get_size(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data);
long migration_set_info_v2(struct vfio_device *device, struct uiommufd_caller *caller,
			   uint64_t data);

/* The device has been reset, or closed: it runs, and its data file is dead. */
void migration_reset(struct vfio_device *device);
void migration_close(struct vfio_device *device);

#endif
