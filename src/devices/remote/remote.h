/* SPDX-License-Identifier: MIT */
/*
 * Devices that a vfio-user server emulates (docs/vfio-user.md): a model for each server, made from
 * what it says about its device.
 *
 * The frame of PCI is ours: config space, BARs, masks of interrupts, resets; and all DMA of the
 * server that comes as messages goes through the device's page tables, as that of any model. The
 * server answers accesses to registers and raises interrupts.
 *
 * The process that opens the device has the connection, from then until it closes it.
 */
#ifndef DEVICES_REMOTE_H
#define DEVICES_REMOTE_H

#include <stdatomic.h>
#include <stddef.h>

#include <uiommufd/device.h>

#include "vfio_user/identity.h"

enum {
	REMOTE_MAX_CAPS = 32,
	REMOTE_TIMEOUT = 10, /* seconds, without the option */
	REMOTE_MAX_TIMEOUT = 3600,
};

/* A model made from an identity. */
struct remote_model {
	struct uiommufd_model model;
	struct vu_identity identity;
	struct vu_connection kept; /* that it was made with, for the first open */
	_Atomic bool has_kept;
	char *handover;	    /* the path where another process gives that; owned, or NULL */
	uint16_t msi, msix; /* where the server has these capabilities; 0: it has none */
	struct uiommufd_capability capabilities[REMOTE_MAX_CAPS + 1];
};

/*
 * Asks the server at the socket @path what its device is. @timeout: the text of the option, or
 * NULL. 0, and the connection, which the caller owns, for remote_model_create(); or a negative
 * errno and a line in @why.
 */
int remote_probe(const char *path, const char *timeout, struct vu_identity *identity,
		 struct vu_connection *kept, const struct vu_why *why);

/*
 * A model of the device that @identity describes, and destroys it when no device has it. Takes
 * @kept, or NULL: there is no connection. NULL, and a line in @why: PCI does not allow such a
 * device, or no memory.
 */
struct remote_model *remote_model_create(const struct vu_identity *identity,
					 const struct vu_connection *kept,
					 const struct vu_why *why);

/* Takes the connection out of @remote. False: there is none. */
bool remote_model_take(struct remote_model *remote, struct vu_connection *kept);
void remote_model_destroy(struct remote_model *remote);

#endif
