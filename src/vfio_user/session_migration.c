/* SPDX-License-Identifier: MIT */
/* MIG_DATA_READ and MIG_DATA_WRITE: what VFIO's data_fd is for a program. */
#include <errno.h>
#include <string.h>

#include "vfio_user/session.h"

static int check(struct vu_session *session, const struct vu_mig_data *data)
{
	if (data->size > VU_MAX_DATA)
		return vu_refuse(session, "it is for more than max_data_xfer_size");
	if (data->argsz < sizeof(*data) + data->size)
		return vu_refuse(session, "its argsz is too small");
	return 0;
}

/* A reply of fewer bytes than asked for is the end of what there is, in PRE_COPY: for now. */
int vu_handle_mig_data_read(struct vu_session *session, struct vu_message *request,
			    struct vu_reply *reply)
{
	struct vu_mig_data data;
	uint8_t *bytes;
	ssize_t done;
	int rc;

	memcpy(&data, request->payload, sizeof(data));
	rc = check(session, &data);
	if (rc)
		return rc;
	bytes = vu_reply_reserve(reply, (uint32_t)sizeof(data) + data.size);
	if (!bytes)
		return -ENOMEM;
	done = engine_migration_read(session->caller, bytes + sizeof(data), data.size);
	if (done < 0 && done != -ENOMSG)
		return (int)done;
	data.size = done < 0 ? 0 : (uint32_t)done;
	data.argsz = (uint32_t)sizeof(data) + data.size;
	memcpy(bytes, &data, sizeof(data));
	reply->len = data.argsz;
	return 0;
}

int vu_handle_mig_data_write(struct vu_session *session, struct vu_message *request,
			     struct vu_reply *reply)
{
	struct vu_mig_data data;
	ssize_t done;
	int rc;

	(void)reply;
	memcpy(&data, request->payload, sizeof(data));
	rc = check(session, &data);
	if (rc)
		return rc;
	if (request->len != sizeof(data) + data.size)
		return vu_refuse(session, "its size is not that of its data");
	done = engine_migration_write(session->caller, request->payload + sizeof(data), data.size);
	if (done < 0)
		return (int)done;
	return (uint32_t)done == data.size ? 0 : -ENOSPC;
}
