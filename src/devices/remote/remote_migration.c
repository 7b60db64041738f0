/* SPDX-License-Identifier: MIT */
/*
 * Migration of a server's device. The states are the frame's, and the server follows them before
 * the frame stops, as what it does until then needs the frame: DMA by messages. What the server
 * reads out as its data is the state of the model, in the frame's stream.
 *
 * PRE_COPY is the frame's alone: until the device stops, nothing of the server's state is read.
 */
#include <errno.h>

#include <uiommufd/vfio.h>

#include "base/last_error.h"
#include "devices/remote/remote_internal.h"
#include "vfio_user/server_migration.h"

static bool is_connected(const struct remote *remote)
{
	return atomic_load(&remote->open) && !atomic_load(&remote->link.over);
}

bool remote_migrates(struct uiommufd_device *dev)
{
	const uint64_t needed = VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P;
	struct remote *remote = uiommufd_device_state(dev);
	enum remote_answer answer = atomic_load(&remote->migrates);
	uint64_t flags;

	if (answer != REMOTE_NOT_ASKED || !is_connected(remote))
		return answer == REMOTE_YES;
	answer = !vu_migration_flags(&remote->link, &flags) && (flags & needed) == needed
			 ? REMOTE_YES
			 : REMOTE_NO;
	atomic_store(&remote->migrates, answer);
	return answer == REMOTE_YES;
}

static uint32_t without_pre_copy(uint32_t state)
{
	switch (state) {
	case VFIO_DEVICE_STATE_PRE_COPY:
		return VFIO_DEVICE_STATE_RUNNING;
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
		return VFIO_DEVICE_STATE_RUNNING_P2P;
	default:
		return state;
	}
}

int remote_set_state(struct uiommufd_device *dev, uint32_t state)
{
	struct remote *remote = uiommufd_device_state(dev);
	int rc;

	if (!is_connected(remote))
		return refuse(-EIO, "the server has left");
	rc = vu_migration_set_state(&remote->link, without_pre_copy(state));
	if (rc)
		return refuse(rc, "the server does not go to state %u", state);
	return 0;
}

int remote_save(struct uiommufd_device *dev, struct uiommufd_saver *saver)
{
	struct remote *remote = uiommufd_device_state(dev);
	uint32_t len = 1;

	if (!is_connected(remote))
		return -EIO;
	while (len) {
		struct vu_message *reply;
		const uint8_t *data;
		int rc = vu_migration_read(&remote->link, &reply, &data, &len);

		if (rc)
			return rc;
		rc = len ? uiommufd_save(saver, data, len) : 0;
		vu_message_free(reply);
		if (rc)
			return rc;
	}
	return 0;
}

int remote_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len)
{
	struct remote *remote = uiommufd_device_state(dev);
	int rc;

	(void)version;
	if (!is_connected(remote))
		return -EIO;
	rc = vu_migration_write(&remote->link, state, len);
	return rc ? uiommufd_device_refuse(dev, rc, "the server refuses the state") : 0;
}
