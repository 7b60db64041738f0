/* SPDX-License-Identifier: MIT */
/*
 * What a client asks of a server to migrate its device: the features of VFIO, and the data that
 * VFIO has a descriptor for. Errors are those of vu_link_ask(), and what each function adds.
 */
#ifndef VFIO_USER_SERVER_MIGRATION_H
#define VFIO_USER_SERVER_MIGRATION_H

#include "vfio_user/server_link.h"

enum {
	VU_MIG_PIECE = 1 << 16, /* bytes of data in one message */
};

/* *@flags: VFIO_MIGRATION_...; a server that does not migrate refuses. */
int vu_migration_flags(struct vu_link *link, uint64_t *flags);

/* @state: enum vfio_device_mig_state. */
int vu_migration_set_state(struct vu_link *link, uint32_t state);

/*
 * *@reply, owned by the caller, has *@len bytes of the device's state at @data, at most
 * VU_MIG_PIECE; none: that was all.
 */
int vu_migration_read(struct vu_link *link, struct vu_message **reply, const uint8_t **data,
		      uint32_t *len);

/* In as many messages as it takes. -EIO, too: the server takes no bytes at a time. */
int vu_migration_write(struct vu_link *link, const void *data, size_t len);

#endif
