/* SPDX-License-Identifier: MIT */
/*
 * The connections to vfio-user servers that the command has made, for the processes of the program:
 * each goes to the first that opens the device (vfio_user/handover.h).
 */
#ifndef CMD_OFFERS_H
#define CMD_OFFERS_H

#include "cmd/tree.h"
#include "machine/machine.h"
#include "vfio_user/server_link.h"

enum {
	OFFERS_MAX = 64
};

struct offer {
	int listener;
	struct vu_connection connection;
};

struct offers {
	unsigned int count;
	struct offer list[OFFERS_MAX];
};

/* Takes the connections of @machine, and lays out sockets for them in @tree. */
void offers_prepare(struct offers *offers, struct tree *tree, const struct machine *machine);

/*
 * In the process that stays: gives them away, on threads of their own, which borrow @offers as long
 * as the process lives.
 */
void offers_serve(struct offers *offers);

/* In every other process: closes them. */
void offers_forget(struct offers *offers);

#endif
