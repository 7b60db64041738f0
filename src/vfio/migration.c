/* SPDX-License-Identifier: MIT */
/*
 * See migration.h. A change of state goes through the states between, each step of which is one of
 * the arcs of step(); `ways` has the next state for each pair, as include/uiommufd/vfio.h and
 * docs/abi describe them.
 */
#include "vfio/migration.h"

#include <errno.h>
#include <fcntl.h>

#include <uiommufd/vfio.h>

#include "base/caller.h"
#include "base/last_error.h"
#include "vfio/backend.h"
#include "vfio/migration_data.h"
#include "vfio/vfio_internal.h"

enum {
	ERROR = VFIO_DEVICE_STATE_ERROR,
	STOP = VFIO_DEVICE_STATE_STOP,
	RUNNING = VFIO_DEVICE_STATE_RUNNING,
	STOP_COPY = VFIO_DEVICE_STATE_STOP_COPY,
	RESUMING = VFIO_DEVICE_STATE_RESUMING,
	RUNNING_P2P = VFIO_DEVICE_STATE_RUNNING_P2P,
	PRE_COPY = VFIO_DEVICE_STATE_PRE_COPY,
	PRE_COPY_P2P = VFIO_DEVICE_STATE_PRE_COPY_P2P,
	STATES = VFIO_DEVICE_STATE_NR,
};

/* The next state from one to another: the shortest way that saves and loads nothing in between. */
static const uint8_t ways[STATES][STATES] = {
	/* to ERROR stay 0: nothing goes there, and nothing leaves it but a reset */
	[STOP] = {[STOP] = STOP,
		  [RUNNING] = RUNNING_P2P,
		  [STOP_COPY] = STOP_COPY,
		  [RESUMING] = RESUMING,
		  [RUNNING_P2P] = RUNNING_P2P,
		  [PRE_COPY] = RUNNING_P2P,
		  [PRE_COPY_P2P] = RUNNING_P2P},
	[RUNNING] = {[STOP] = RUNNING_P2P,
		     [RUNNING] = RUNNING,
		     [STOP_COPY] = RUNNING_P2P,
		     [RESUMING] = RUNNING_P2P,
		     [RUNNING_P2P] = RUNNING_P2P,
		     [PRE_COPY] = PRE_COPY,
		     [PRE_COPY_P2P] = PRE_COPY},
	[STOP_COPY] = {[STOP] = STOP,
		       [RUNNING] = STOP,
		       [STOP_COPY] = STOP_COPY,
		       [RESUMING] = STOP,
		       [RUNNING_P2P] = STOP},
	[RESUMING] = {[STOP] = STOP,
		      [RUNNING] = STOP,
		      [STOP_COPY] = STOP,
		      [RESUMING] = RESUMING,
		      [RUNNING_P2P] = STOP,
		      [PRE_COPY] = STOP,
		      [PRE_COPY_P2P] = STOP},
	[RUNNING_P2P] = {[STOP] = STOP,
			 [RUNNING] = RUNNING,
			 [STOP_COPY] = STOP,
			 [RESUMING] = STOP,
			 [RUNNING_P2P] = RUNNING_P2P,
			 [PRE_COPY] = RUNNING,
			 [PRE_COPY_P2P] = RUNNING},
	[PRE_COPY] = {[STOP] = RUNNING,
		      [RUNNING] = RUNNING,
		      [STOP_COPY] = PRE_COPY_P2P,
		      [RESUMING] = RUNNING,
		      [RUNNING_P2P] = RUNNING,
		      [PRE_COPY] = PRE_COPY,
		      [PRE_COPY_P2P] = PRE_COPY_P2P},
	[PRE_COPY_P2P] = {[STOP] = RUNNING_P2P,
			  [RUNNING] = RUNNING_P2P,
			  [STOP_COPY] = STOP_COPY,
			  [RESUMING] = RUNNING_P2P,
			  [RUNNING_P2P] = RUNNING_P2P,
			  [PRE_COPY] = PRE_COPY,
			  [PRE_COPY_P2P] = PRE_COPY_P2P},
};

static bool is_stopped_in(uint32_t state)
{
	return state == STOP || state == STOP_COPY || state == RESUMING || state == ERROR;
}

static bool runs_in(uint32_t state)
{
	return state == RUNNING || state == PRE_COPY;
}

static bool has_file_in(uint32_t state)
{
	return state == STOP_COPY || state == RESUMING || state == PRE_COPY ||
	       state == PRE_COPY_P2P;
}

void migration_init(struct migration *migration)
{
	lock_init(&migration->lock, LOCK_VFIO_MIGRATION);
	migration->state = RUNNING;
}

void migration_destroy(struct migration *migration)
{
	lock_destroy(&migration->lock);
}

bool migration_possible(struct vfio_device *device)
{
	return device->model->saved_version &&
	       (!device->backend || device->backend->migrates(&device->dev));
}

bool migration_drops_write(const struct vfio_device *device)
{
	lock_assert_held(&device->lock);
	return device->migration.stopped;
}

/* ---- what follows from the state ---- */

static void set_paused(struct vfio_device *device, bool paused) REQUIRES(device->migration.lock)
{
	lock_assert_held(&device->migration.lock);
	if (device->migration.paused == paused)
		return;
	device->migration.paused = paused;
	for (unsigned int i = 0; i < device->work_count; i++) {
		if (paused)
			vfio_work_pause(&device->work[i]);
		else
			vfio_work_unpause(&device->work[i]);
	}
}

/* What has been written to doorbells by then is delivered. */
static void set_stopped(struct vfio_device *device, bool stopped) REQUIRES(device->migration.lock)
{
	lock_assert_held(&device->migration.lock);
	if (device->migration.stopped == stopped)
		return;
	lock_acquire(&device->lock);
	if (stopped)
		bar_parts_rest(device, true);
	device->migration.stopped = stopped;
	lock_release(&device->lock);
}

static void drop_file(struct vfio_device *device) REQUIRES(device->migration.lock)
{
	struct mig_file *file = device->migration.file;

	lock_assert_held(&device->migration.lock);
	if (!file)
		return;
	device->migration.file = NULL;
	mig_file_kill(file);
	file_put(&file->file);
}

static void enter(struct vfio_device *device, uint32_t state) REQUIRES(device->migration.lock)
{
	lock_assert_held(&device->migration.lock);
	device->migration.state = state;
	if (!has_file_in(state))
		drop_file(device);
	set_paused(device, !runs_in(state));
	set_stopped(device, is_stopped_in(state));
}

/* ---- steps ---- */

static int new_file(struct vfio_device *device, bool resuming) REQUIRES(device->migration.lock)
{
	struct mig_file *file = mig_file_create(device, resuming);

	lock_assert_held(&device->migration.lock);
	if (!file)
		return -ENOMEM;
	device->migration.file = file;
	device->migration.files++;
	return 0;
}

/* To PRE_COPY: a file with the identity. From PRE_COPY_P2P it is there. */
static int begin_pre_copy(struct vfio_device *device) REQUIRES(device->migration.lock)
{
	int rc;

	lock_assert_held(&device->migration.lock);
	if (device->migration.file)
		return 0;
	rc = new_file(device, false);
	if (rc)
		return rc;
	rc = mig_stream_put_identity(device, &device->migration.file->buffer);
	if (rc)
		drop_file(device);
	return rc;
}

/* To STOP_COPY: the rest of the state goes into the file. On failure it is as it was. */
static int save(struct vfio_device *device) REQUIRES(device->migration.lock)
{
	const bool is_new = !device->migration.file;
	struct mig_buffer *buffer;
	size_t before;
	int rc;

	lock_assert_held(&device->migration.lock);
	rc = is_new ? begin_pre_copy(device) : 0;
	if (rc)
		return rc;
	buffer = &device->migration.file->buffer;
	before = buffer->len;
	set_stopped(device, true);
	lock_acquire(&device->lock);
	rc = mig_stream_put_state(device, buffer);
	lock_release(&device->lock);
	if (!rc) {
		device->migration.file->complete = true;
		return 0;
	}
	buffer->len = before;
	if (is_new)
		drop_file(device);
	else
		set_stopped(device, false);
	return rc;
}

/* From RESUMING to STOP. A stream that is refused leaves a device that only a reset brings back. */
static int load(struct vfio_device *device) REQUIRES(device->migration.lock)
{
	const struct mig_file *file = device->migration.file;
	int rc = 0;

	lock_assert_held(&device->migration.lock);
	lock_acquire(&device->lock);
	if (file->refused)
		rc = refuse(-EINVAL, "a part of the stream was refused: %s", file->why);
	else if (!file->loaded)
		rc = mig_stream_load(device, &file->buffer); /* says what is missing */
	if (!rc)
		mig_stream_load_interrupts(device, &file->buffer);
	lock_release(&device->lock);
	if (rc)
		enter(device, ERROR);
	return rc;
}

/* A device in another process goes first: its DMA needs the threads that entering a state stops. */
static int tell_backend(struct vfio_device *device, uint32_t state) REQUIRES(device->migration.lock)
{
	lock_assert_held(&device->migration.lock);
	return device->backend ? device->backend->set_state(&device->dev, state) : 0;
}

/* What the way to @to has to do. On failure the state is as it was. */
static int prepare(struct vfio_device *device, uint32_t to) REQUIRES(device->migration.lock)
{
	lock_assert_held(&device->migration.lock);
	switch (to) {
	case STOP_COPY:
		return save(device);
	case RESUMING:
		return new_file(device, true);
	case PRE_COPY:
		return begin_pre_copy(device);
	default:
		return 0;
	}
}

/* One step, from the state that there is. On failure that stays, unless it becomes ERROR. */
static int step(struct vfio_device *device, uint32_t to) REQUIRES(device->migration.lock)
{
	const uint32_t from = device->migration.state;
	int rc = from == RESUMING ? load(device) : 0;

	lock_assert_held(&device->migration.lock);
	if (rc)
		return rc;
	rc = tell_backend(device, to);
	if (rc) {
		/* What the device has loaded, it does not accept. */
		if (from == RESUMING)
			enter(device, ERROR);
		return rc;
	}
	rc = prepare(device, to);
	if (rc)
		(void)tell_backend(device, from);
	else
		enter(device, to);
	return rc;
}

/* Goes to state @to. *@file: the data file, with a reference, if it is a new one. */
static int go_to(struct vfio_device *device, uint32_t to, struct uiommufd_file **file)
	REQUIRES(device->migration.lock)
{
	struct migration *migration = &device->migration;
	const unsigned int files = migration->files;
	int rc = 0;

	lock_assert_held(&migration->lock);
	*file = NULL;
	if (to >= STATES || !ways[migration->state][to])
		return refuse(-EINVAL, "no way leads from state %u to state %u", migration->state,
			      to);
	while (!rc && migration->state != to)
		rc = step(device, ways[migration->state][to]);
	if (!rc && migration->file && migration->files != files)
		*file = file_get(&migration->file->file);
	return rc;
}

void migration_reset(struct vfio_device *device)
{
	if (!device->model->saved_version)
		return;
	lock_acquire(&device->migration.lock);
	if (device->migration.state != RUNNING)
		(void)tell_backend(device, RUNNING); /* if its reset has not done that */
	enter(device, RUNNING);
	lock_release(&device->migration.lock);
}

void migration_close(struct vfio_device *device)
{
	migration_reset(device);
	lock_acquire(&device->migration.lock);
	device->migration.info_v2 = false;
	lock_release(&device->migration.lock);
}

/* ---- the features ---- */

static long put(struct uiommufd_caller *caller, uint64_t data, const void *value, size_t size)
{
	return caller_write(caller, data, value, size) ? refuse_memory("the data", data, size) : 0;
}

long migration_get_flags(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	const struct vfio_device_feature_migration flags = {
		.flags = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY,
	};

	(void)device;
	return put(caller, data, &flags, sizeof(flags));
}

long migration_get_state(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	struct vfio_device_feature_mig_state state = {.data_fd = -1};

	lock_acquire(&device->migration.lock);
	state.device_state = device->migration.state;
	lock_release(&device->migration.lock);
	return put(caller, data, &state, sizeof(state));
}

/* The caller's state and a descriptor of @file, which is taken. */
static long hand_out(struct uiommufd_caller *caller, uint64_t data, uint32_t state,
		     struct uiommufd_file *file)
{
	struct vfio_device_feature_mig_state answer = {.device_state = state};
	const int fd = caller_install_file(caller, file, O_CLOEXEC);
	long rc;

	if (fd < 0) {
		file_put(file);
		return fd;
	}
	answer.data_fd = fd;
	rc = put(caller, data, &answer, sizeof(answer));
	if (rc)
		caller_uninstall_file(caller, fd);
	return rc;
}

long migration_set_state(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	struct vfio_device_feature_mig_state state;
	struct uiommufd_file *file;
	long rc, written;

	if (caller_read(caller, &state, data, sizeof(state)))
		return refuse_memory("the data", data, sizeof(state));
	lock_acquire(&device->migration.lock);
	rc = go_to(device, state.device_state, &file);
	lock_release(&device->migration.lock);
	if (file)
		return hand_out(caller, data, state.device_state, file);
	state.data_fd = -1;
	written = put(caller, data, &state, sizeof(state));
	return written ? written : rc;
}

long migration_get_size(struct vfio_device *device, struct uiommufd_caller *caller, uint64_t data)
{
	const struct vfio_device_feature_mig_data_size size = {
		.stop_copy_length = mig_stream_estimate(device),
	};

	return put(caller, data, &size, sizeof(size));
}

long migration_set_info_v2(struct vfio_device *device, struct uiommufd_caller *caller,
			   uint64_t data)
{
	(void)caller, (void)data;
	lock_acquire(&device->migration.lock);
	device->migration.info_v2 = true;
	lock_release(&device->migration.lock);
	return 0;
}
