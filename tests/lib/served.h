/* SPDX-License-Identifier: MIT */
/*
 * Back to back: the device of a rig, in another process and behind vfio-user. With the environment
 * variable RIG_SERVED, the path of `uiommufd`, rigs put one between themselves and their model, and
 * tests of the model become tests of both sides of the protocol.
 */
#ifndef TESTS_LIB_SERVED_H
#define TESTS_LIB_SERVED_H

#include <sys/types.h>

#include "vfio/vfio.h"

struct remote_model;

/* A server of one device. */
struct served {
	pid_t pid; /* 0: none */
	char socket[64];
	struct remote_model *remote;
	struct option_value option; /* for a device of it */
};

/*
 * Serves @model with @options. False: RIG_SERVED is not set. The model for the rig's device is then
 * in @served->remote.
 */
bool served_start(struct served *served, const struct uiommufd_model *model,
		  const struct option_value *options, unsigned int count);

/* Ends the server, which no device uses any more. */
void served_stop(struct served *served);

#endif
