/* SPDX-License-Identifier: MIT */
/*
 * A thread of the server that answers the calls of one thread of a program, which come through a
 * slot. There are at most ATTENDANTS, whatever programs do: one that has nothing to do for some
 * time ends.
 */
#ifndef SERVER_ATTENDANT_H
#define SERVER_ATTENDANT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "server/call_slot.h"
#include "server/client.h"

enum {
	ATTENDANTS = 256,
	ATTENDANT_IDLE = 2, /* seconds */
};

struct attendant {
	struct call_slot *slot;	   /* shared with the program */
	struct client *client;	   /* a reference */
	pid_t tid;		   /* of the program's thread */
	int task;		   /* /proc/TID */
	const atomic_bool *closed; /* the program is gone */
	int idle;		   /* seconds without a call after which it leaves */
	/* Called at the end, on the thread, when the slot is not attended any more: frees it. */
	void (*left)(struct attendant *attendant);
};

/*
 * Starts a thread for @attendant, which lives until `left` is called. 0, -EAGAIN: there are too
 * many; -ENOMEM.
 */
int attendant_start(struct attendant *attendant);

/* Answers what is in the slot of @attendant, as its thread does with each call. */
void attendant_answer(const struct attendant *attendant);

/* Wakes who attends @slot, to see that it is closed. */
void attendant_wake(struct call_slot *slot);

#endif
