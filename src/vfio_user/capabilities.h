/* SPDX-License-Identifier: MIT */
/*
 * The capabilities that both sides state in VERSION, as JSON:
 *
 * 	{"capabilities": {"max_msg_fds": 8, "max_data_xfer_size": 1048576, ...}}
 *
 * Members that are not known are left alone, whatever they are.
 */
#ifndef VFIO_USER_CAPABILITIES_H
#define VFIO_USER_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the peer; what it does not state has the specification's default. */
struct vu_capabilities {
	uint64_t max_msg_fds;	     /* descriptors that it takes with one message */
	uint64_t max_data_xfer_size; /* bytes that it takes in one transfer */
	/*
	 * A server's: descriptor @twin_index of its answer is a second socket, for its requests.
	 * libvfio-user has that, as it cannot sort requests of both sides on one.
	 */
	bool twin;
	uint64_t twin_index;
};

/*
 * Reads the string @text; "" states nothing. 0; -EINVAL: it is no JSON, too deep, or a number that
 * is known has another type or is 0.
 */
int vu_capabilities_read(const char *text, struct vu_capabilities *capabilities);

/* What the server states: a string that lives forever. */
const char *vu_capabilities_of_server(void);

/* The same of the client. */
const char *vu_capabilities_of_client(void);

enum {
	VU_MAX_REGIONS = 65535, /* of memory that a client maps */
};

#endif
