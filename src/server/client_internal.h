/* SPDX-License-Identifier: MIT */
/* What the two parts of a client have from each other: the list, and the caller that it is. */
#ifndef SERVER_CLIENT_INTERNAL_H
#define SERVER_CLIENT_INTERNAL_H

#include "server/client.h"

/* client_caller.c: its release() destroys the client. */
extern const struct uiommufd_caller_ops client_caller_ops;

/* The request that the calling thread works on, if it is one of @client; else NULL. */
struct request *client_request(const struct client *client);

#endif
