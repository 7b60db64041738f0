/* SPDX-License-Identifier: MIT */
/*
 * What a migrated device's state looks like on its way: records, each with a head of its type and
 * length. docs/migration.md has the format.
 *
 * 	IDENTITY	which device it is, and the version of its state; the first one
 * 	INTERRUPTS	the level of INTA#, and MSI-X vectors that are pending
 * 	MEMORY		a part of a BAR that is memory; one for each
 * 	STATE		what the model has saved
 * 	END		a checksum of all before it; the last one
 *
 * A buffer belongs to one data file (migration_data.h), whose lock guards it.
 */
#ifndef VFIO_MIGRATION_STREAM_H
#define VFIO_MIGRATION_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "vfio/vfio_internal.h"

enum {
	MIG_STREAM_MAX = 1 << 30 /* bytes of a stream that is taken */
};

struct mig_buffer {
	uint8_t *bytes;
	size_t len, room;
};

void mig_buffer_free(struct mig_buffer *buffer);

/* 0 or -ENOMEM. */
int mig_buffer_append(struct mig_buffer *buffer, const void *bytes, size_t len);

/* How many bytes the whole stream of @device has, roughly. */
uint64_t mig_stream_estimate(const struct vfio_device *device);

/* Appends the identity of @device. 0 or -ENOMEM. */
int mig_stream_put_identity(const struct vfio_device *device, struct mig_buffer *buffer);

/* Appends the rest, behind the identity. 0 or a negative errno. Context: the device is stopped. */
int mig_stream_put_state(struct vfio_device *device, struct mig_buffer *buffer)
	REQUIRES(device->lock);

/*
 * Checks as much of the identity of a stream as is there: -EINVAL, with the reason, if it is of no
 * device that could be loaded into @device.
 */
int mig_stream_check_identity(const struct vfio_device *device, const struct mig_buffer *buffer);

/* Whether all records of a stream are there, also the last one. */
bool mig_stream_is_complete(const struct mig_buffer *buffer);

/*
 * Loads a whole stream into @device, but for its interrupts, and forgets what is queued there. 0,
 * or -EINVAL with the reason: it is not complete, damaged, or refused by the model; then nothing
 * has changed. Context: the device is stopped.
 */
int mig_stream_load(struct vfio_device *device, const struct mig_buffer *buffer)
	REQUIRES(device->lock);

/* The interrupts of a stream that was loaded, once the VMM has set them up. */
void mig_stream_load_interrupts(struct vfio_device *device, const struct mig_buffer *buffer)
	REQUIRES(device->lock);

#endif
