/* SPDX-License-Identifier: MIT */
#include "migrate.h"

#include <errno.h>
#include <stdlib.h>

#include "require.h"

enum {
	ROOM = 1 << 16, /* at first */
};

struct state_cmd {
	struct vfio_device_feature head;
	struct vfio_device_feature_mig_state state;
};

static struct state_cmd state_cmd(uint32_t op, uint32_t state)
{
	return (struct state_cmd){
		.head = {.argsz = sizeof(struct state_cmd),
			 .flags = op | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE},
		.state = {.device_state = state},
	};
}

long rig_set_state(struct vfio_rig *rig, uint32_t state)
{
	struct state_cmd cmd = state_cmd(VFIO_DEVICE_FEATURE_SET, state);

	return rig_ioctl(rig, VFIO_DEVICE_FEATURE, &cmd);
}

uint32_t rig_state(struct vfio_rig *rig)
{
	struct state_cmd cmd = state_cmd(VFIO_DEVICE_FEATURE_GET, 0);

	require(!rig_ioctl(rig, VFIO_DEVICE_FEATURE, &cmd));
	return cmd.state.device_state;
}

long rig_save(struct vfio_rig *rig, struct saved_device *saved)
{
	long rc = rig_set_state(rig, VFIO_DEVICE_STATE_STOP_COPY);
	size_t room = ROOM;
	uint64_t pos = 0;

	if (rc)
		return rc;
	*saved = (struct saved_device){.bytes = malloc(room)};
	require(saved->bytes);
	do {
		if (room == saved->len)
			saved->bytes = realloc(saved->bytes, room *= 2);
		require(saved->bytes);
		rc = rig->given->ops->read(rig->given, &rig->caller,
					   (uintptr_t)(saved->bytes + saved->len),
					   room - saved->len, &pos);
		saved->len += rc > 0 ? (size_t)rc : 0;
	} while (rc > 0);
	if (rc)
		free(saved->bytes);
	return rc;
}

long rig_load(struct vfio_rig *rig, const void *bytes, size_t len)
{
	uint64_t pos = 0;
	long rc = rig_ioctl(rig, VFIO_DEVICE_RESET, NULL);

	if (!rc)
		rc = rig_set_state(rig, VFIO_DEVICE_STATE_RESUMING);
	if (rc)
		return rc;
	rc = rig->given->ops->write(rig->given, &rig->caller, (uintptr_t)bytes, len, &pos);
	if (rc != (long)len)
		return rc < 0 ? rc : -EIO;
	return rig_set_state(rig, VFIO_DEVICE_STATE_RUNNING);
}

long rig_migrate(struct vfio_rig *rig)
{
	struct saved_device saved;
	long rc = rig_save(rig, &saved);

	if (rc)
		return rc;
	rc = rig_load(rig, saved.bytes, saved.len);
	free(saved.bytes);
	return rc;
}
