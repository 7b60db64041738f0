/* SPDX-License-Identifier: MIT */
/*
 * What a server does with the messages of one client: from the first, VERSION, to the last. Each
 * command becomes what a program under `uiommufd run` would do with the device's file and its
 * context, so both get the same answers.
 *
 * A client's numbers are checked here before anything is allocated or changed for them. A command
 * that is refused leaves everything as it was.
 *
 * Context: one thread handles; vu_session_deliver() and vu_session_end() are for any other.
 */
#ifndef VFIO_USER_SESSION_H
#define VFIO_USER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "vfio/vfio.h"
#include "vfio_user/channel.h"
#include "vfio_user/client_dma.h"
#include "vfio_user/client_memory.h"
#include "vfio_user/engine_caller.h"

enum {
	VU_REGIONS = 9,
	VU_IRQS = 5,
};

struct vu_region {
	uint64_t size, pos; /* pos: in the device's file */
	uint32_t flags;	    /* VFIO_REGION_INFO_FLAG_... */
	int memory;	    /* a file of that size with the parts that are memory; -1: none is */
};

struct vu_session {
	struct vu_channel *channel; /* borrowed */
	struct engine_caller *caller;
	const struct uiommufd_model *model;
	struct vu_memory memory;
	struct vu_dma dma;
	struct vu_region regions[VU_REGIONS];
	uint32_t irq_counts[VU_IRQS];
	bool agreed;	   /* on a version */
	uint32_t reported; /* bit n: the log has a line about a refused command n */
	const char *why;   /* the present command is refused */
};

/*
 * Opens @device for a client behind @channel. The device has no other owner. 0, -EBUSY: it has;
 * -ENOMEM.
 */
int vu_session_create(struct vfio_device *device, struct vu_channel *channel,
		      struct vu_session **session);

/* Takes the device from the client: no DMA, no interrupt is left. */
void vu_session_destroy(struct vu_session *session);

/*
 * Carries out @request (borrowed), which is no reply, and sends the reply that it wants. False: the
 * session is over.
 */
bool vu_session_handle(struct vu_session *session, struct vu_message *request);

/* Takes @reply, which answers DMA of the server. 0 or -EPROTO. */
int vu_session_deliver(struct vu_session *session, struct vu_message *reply);

/* Ends all waiting for the client. */
void vu_session_end(struct vu_session *session);

/* ---- between the files of the session ---- */

/* The payload of a reply. */
struct vu_reply {
	uint8_t *bytes;
	uint32_t len;
	int fd; /* borrowed, beside it; -1: none */
};

/* Makes @len zeroed bytes the payload. NULL: no memory. */
void *vu_reply_reserve(struct vu_reply *reply, uint32_t len);

/* Notes @why the client is in the wrong, for the log; returns -EINVAL. */
int vu_refuse(struct vu_session *session, const char *why);

/*
 * Handlers: 0 and a reply, or a negative errno. The table of commands has checked the length of
 * the payload and the number of descriptors.
 */
int vu_handle_irq_info(struct vu_session *session, struct vu_message *request,
		       struct vu_reply *reply);
int vu_handle_set_irqs(struct vu_session *session, struct vu_message *request,
		       struct vu_reply *reply);
int vu_handle_feature(struct vu_session *session, struct vu_message *request,
		      struct vu_reply *reply);
int vu_handle_mig_data_read(struct vu_session *session, struct vu_message *request,
			    struct vu_reply *reply);
int vu_handle_mig_data_write(struct vu_session *session, struct vu_message *request,
			     struct vu_reply *reply);
int vu_handle_region_info(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply);
int vu_handle_region_io_fds(struct vu_session *session, struct vu_message *request,
			    struct vu_reply *reply);
int vu_handle_read(struct vu_session *session, struct vu_message *request, struct vu_reply *reply);
int vu_handle_write(struct vu_session *session, struct vu_message *request, struct vu_reply *reply);
int vu_handle_write_multi(struct vu_session *session, struct vu_message *request,
			  struct vu_reply *reply);

#endif
