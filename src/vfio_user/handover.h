/* SPDX-License-Identifier: MIT */
/*
 * A connection to a server goes from one process to another: from the one that asked what the
 * device is, to the first that opens it. So a server that ends with its client sees one client.
 *
 * The connection has agreed on a version, and nothing is on its way in it.
 */
#ifndef VFIO_USER_HANDOVER_H
#define VFIO_USER_HANDOVER_H

#include "vfio_user/server_link.h"

/* Listens at @path, which is not there. Returns a descriptor or a negative errno. */
int vu_handover_listen(const char *path);

/*
 * Waits for a process to ask @listener, and gives it @connection (borrowed). 0 or a negative errno.
 */
int vu_handover_give(int listener, const struct vu_connection *connection);

/* Asks at @path. 0, or a negative errno: it has been given already. */
int vu_handover_take(const char *path, struct vu_connection *connection);

#endif
