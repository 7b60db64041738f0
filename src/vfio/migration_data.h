/* SPDX-License-Identifier: MIT */
/*
 * The data file of a migration, data_fd: a stream (migration_stream.h) that is read while the
 * device saves, or written while it resumes.
 *
 * In PRE_COPY it has the identity, and read gives ENOMSG behind that; in STOP_COPY it has all, and
 * read gives 0 at the end. When the device leaves these states, the file is dead: ENODEV.
 *
 * The write that completes a stream loads it, so that a VMM learns of a refusal while the source
 * can still go on: it leaves RESUMING only after it has told the source that all is well.
 *
 * Locks: migration.lock of the device. It is held while the program's memory is copied.
 */
#ifndef VFIO_MIGRATION_DATA_H
#define VFIO_MIGRATION_DATA_H

#include "base/file.h"
#include "vfio/migration_stream.h"

enum {
	MIG_WHY_MAX = 160
};

struct mig_file {
	struct uiommufd_file file;
	struct vfio_device *device; /* NULL: it is dead */
	struct migration *migration;
	bool resuming; /* it is written */
	bool complete; /* read: all of the stream is there */
	bool refused;  /* a write was, and why: */
	char why[MIG_WHY_MAX];
	bool loaded; /* the stream is whole, and was taken over but for its interrupts */
	size_t pos;  /* of the next byte that is read */
	struct mig_buffer buffer;
};

/* An empty file of @device with one reference, or NULL. */
struct mig_file *mig_file_create(struct vfio_device *device, bool resuming);

/* Reads and writes fail from now on, and the bytes are given up. */
void mig_file_kill(struct mig_file *file);

#endif
