/* SPDX-License-Identifier: MIT */
/* See migration_data.h. Devices outlive all files. */
#include "vfio/migration_data.h"

#include <errno.h>
#include <stdio.h>

#include <uiommufd/vfio.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"

enum {
	PIECE = 2048 /* bytes that are copied from the program at once, on its stack */
};

static struct mig_file *mig_file_of(struct uiommufd_file *file)
{
	return caa_container_of(file, struct mig_file, file);
}

/* ---- read: the device saves ---- */

static ssize_t read_locked(struct mig_file *file, struct uiommufd_caller *caller, uint64_t buf,
			   size_t len) REQUIRES(file->migration->lock)
{
	const size_t part = min_u64(len, file->buffer.len - file->pos);

	lock_assert_held(&file->migration->lock);
	if (!file->device)
		return -ENODEV;
	if (!part)
		return file->complete || !len ? 0 : -ENOMSG;
	if (caller_write(caller, buf, file->buffer.bytes + file->pos, part))
		return -EFAULT;
	file->pos += part;
	return (ssize_t)part;
}

static ssize_t mig_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			size_t len, uint64_t *pos)
{
	struct mig_file *mig = mig_file_of(file);
	ssize_t rc;

	(void)pos;
	if (mig->resuming)
		return -EBADF;
	lock_acquire(&mig->migration->lock);
	rc = read_locked(mig, caller, buf, len);
	lock_release(&mig->migration->lock);
	return rc;
}

/* ---- write: the device resumes ---- */

static ssize_t write_piece(struct mig_file *file, struct uiommufd_caller *caller, uint64_t buf,
			   size_t len) REQUIRES(file->migration->lock)
{
	uint8_t piece[PIECE];

	lock_assert_held(&file->migration->lock);
	if (len > MIG_STREAM_MAX - file->buffer.len)
		return refuse(-ENOSPC, "a stream has at most %d bytes", MIG_STREAM_MAX);
	if (caller_read(caller, piece, buf, len))
		return -EFAULT;
	return mig_buffer_append(&file->buffer, piece, len);
}

/* Looks at what is there: the identity, and all once it is complete. 0 or a negative errno. */
static int take_over(struct mig_file *file) REQUIRES(file->migration->lock)
{
	struct vfio_device *device = file->device;
	int rc;

	lock_assert_held(&file->migration->lock);
	rc = mig_stream_check_identity(device, &file->buffer);
	if (rc || !mig_stream_is_complete(&file->buffer))
		return rc;
	lock_acquire(&device->lock);
	rc = mig_stream_load(device, &file->buffer);
	lock_release(&device->lock);
	file->loaded = !rc;
	return rc;
}

/* The stream is refused with @error, for the reason that was just given. Returns @error. */
static int remember(struct mig_file *file, int error) REQUIRES(file->migration->lock)
{
	lock_assert_held(&file->migration->lock);
	file->refused = true;
	snprintf(file->why, sizeof(file->why), "%s", last_error_text());
	return error;
}

static ssize_t write_locked(struct mig_file *file, struct uiommufd_caller *caller, uint64_t buf,
			    size_t len) REQUIRES(file->migration->lock)
{
	size_t done = 0;
	ssize_t rc = 0;
	int taken;

	lock_assert_held(&file->migration->lock);
	if (!file->device)
		return -ENODEV;
	if (file->refused)
		return refuse(-EINVAL, "an earlier part of the stream was refused");
	if (file->loaded && len)
		return remember(file, refuse(-EINVAL, "something follows the end of the stream"));
	while (!rc && done < len) {
		const size_t part = min_u64(len - done, PIECE);

		rc = write_piece(file, caller, buf + done, part);
		if (!rc)
			done += part;
	}
	if (done && (taken = take_over(file)))
		return remember(file, taken);
	return done ? (ssize_t)done : rc;
}

static ssize_t mig_write(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			 size_t len, uint64_t *pos)
{
	struct mig_file *mig = mig_file_of(file);
	ssize_t rc;

	(void)pos;
	if (!mig->resuming)
		return -EBADF;
	lock_acquire(&mig->migration->lock);
	rc = write_locked(mig, caller, buf, len);
	lock_release(&mig->migration->lock);
	return rc;
}

/* ---- VFIO_MIG_GET_PRECOPY_INFO ---- */

/* @info has what was passed: its flags change for programs that know of them only. */
static int fill_info(const struct mig_file *file, struct vfio_precopy_info *info)
	REQUIRES(file->migration->lock)
{
	lock_assert_held(&file->migration->lock);
	if (file->migration->state != VFIO_DEVICE_STATE_PRE_COPY &&
	    file->migration->state != VFIO_DEVICE_STATE_PRE_COPY_P2P)
		return refuse(-EINVAL, "the device is in state %u, and must be in PRE_COPY",
			      file->migration->state);
	if (!file->device)
		return refuse(-ENODEV, "the file is of an earlier migration");
	if (file->migration->info_v2)
		info->flags = 0;
	info->initial_bytes = file->buffer.len - file->pos;
	info->dirty_bytes = 0;
	return 0;
}

static long mig_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller, unsigned int cmd,
		      uint64_t arg)
{
	struct mig_file *mig = mig_file_of(file);
	struct vfio_precopy_info info;
	int rc;

	if (cmd != VFIO_MIG_GET_PRECOPY_INFO)
		return -ENOTTY;
	if (caller_read(caller, &info, arg, sizeof(info)))
		return refuse_memory("the argument", arg, sizeof(info));
	if (info.argsz < sizeof(info))
		return refuse_argsz(info.argsz, sizeof(info));
	lock_acquire(&mig->migration->lock);
	rc = fill_info(mig, &info);
	lock_release(&mig->migration->lock);
	if (rc)
		return rc;
	return caller_write(caller, arg, &info, sizeof(info))
		       ? refuse_memory("the argument", arg, sizeof(info))
		       : 0;
}

/* ---- life ---- */

static void mig_release(struct uiommufd_file *file)
{
	struct mig_file *mig = mig_file_of(file);

	mig_buffer_free(&mig->buffer);
	alloc_free(mig);
}

static const struct file_ops mig_file_ops = {
	.name = "anon_inode:[uiommufd-mig]",
	.ioctl = mig_ioctl,
	.read = mig_read,
	.write = mig_write,
	.release = mig_release,
};

struct mig_file *mig_file_create(struct vfio_device *device, bool resuming)
{
	struct mig_file *mig = alloc_zeroed(sizeof(*mig));

	if (!mig)
		return NULL;
	file_init(&mig->file, &mig_file_ops, 0);
	mig->device = device;
	mig->migration = &device->migration;
	mig->resuming = resuming;
	return mig;
}

void mig_file_kill(struct mig_file *file)
{
	file->device = NULL;
	mig_buffer_free(&file->buffer);
}
