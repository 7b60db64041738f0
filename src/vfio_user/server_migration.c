/* SPDX-License-Identifier: MIT */
/* See server_migration.h. */
#include "vfio_user/server_migration.h"

#include <errno.h>
#include <string.h>

#include <uiommufd/vfio.h>

#include "base/check.h"

/* DEVICE_FEATURE with @data, of @len bytes, which are the reply's afterwards. */
static int ask_feature(struct vu_link *link, uint32_t flags, void *data, uint32_t len)
{
	const struct vu_feature head = {.argsz = (uint32_t)sizeof(head) + len, .flags = flags};
	const bool get = flags & VFIO_DEVICE_FEATURE_GET;
	const struct vu_part parts[2] = {{&head, sizeof(head)}, {data, get ? 0 : len}};
	struct vu_message *reply;
	int rc = vu_link_ask(link, VU_DEVICE_FEATURE, parts, NULL,
			     get ? (uint32_t)sizeof(head) + len : 0, &reply);

	if (!rc && get)
		memcpy(data, reply->payload + sizeof(head), len);
	vu_message_free(reply);
	return rc;
}

int vu_migration_flags(struct vu_link *link, uint64_t *flags)
{
	struct vfio_device_feature_migration migration = {.flags = 0};
	int rc = ask_feature(link, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION,
			     &migration, sizeof(migration));

	*flags = rc ? 0 : migration.flags;
	return rc;
}

int vu_migration_set_state(struct vu_link *link, uint32_t state)
{
	struct vfio_device_feature_mig_state data = {.device_state = state, .data_fd = -1};

	return ask_feature(link, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			   &data, sizeof(data));
}

static uint32_t piece_of(const struct vu_link *link)
{
	return (uint32_t)min_u64(link->theirs.max_data_xfer_size, VU_MIG_PIECE);
}

int vu_migration_read(struct vu_link *link, struct vu_message **reply, const uint8_t **data,
		      uint32_t *len)
{
	const struct vu_mig_data request = {
		.argsz = (uint32_t)sizeof(request) + piece_of(link),
		.size = piece_of(link),
	};
	const struct vu_part parts[2] = {{&request, sizeof(request)}};
	struct vu_mig_data head;
	int rc = vu_link_ask(link, VU_MIG_DATA_READ, parts, NULL, sizeof(head), reply);

	if (rc)
		return rc;
	memcpy(&head, (*reply)->payload, sizeof(head));
	if (head.size > request.size || head.size > (*reply)->len - sizeof(head)) {
		vu_link_give_up(link, "answers a read of %u bytes of migration data with %u",
				request.size, head.size);
		vu_message_free(*reply);
		return -EIO;
	}
	*data = (*reply)->payload + sizeof(head);
	*len = head.size;
	return 0;
}

int vu_migration_write(struct vu_link *link, const void *data, size_t len)
{
	const uint32_t piece = piece_of(link);

	for (size_t done = 0; done < len; done += piece) {
		const uint32_t part = (uint32_t)min_u64(len - done, piece);
		const struct vu_mig_data head = {(uint32_t)sizeof(head) + part, part};
		const struct vu_part parts[2] = {{&head, sizeof(head)},
						 {(const uint8_t *)data + done, part}};
		struct vu_message *reply;
		int rc;

		if (!part)
			return -EIO; /* it takes nothing */
		rc = vu_link_ask(link, VU_MIG_DATA_WRITE, parts, NULL, 0, &reply);
		vu_message_free(reply);
		if (rc)
			return rc;
	}
	return 0;
}
