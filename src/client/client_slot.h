/* SPDX-License-Identifier: MIT */
/* A thread's slot in the memory that it shares with the server (server/call_slot.h). */
#ifndef CLIENT_CLIENT_SLOT_H
#define CLIENT_CLIENT_SLOT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Has the server carry out the call @number with @args. True, with its result, 0 or more or a
 * negative errno, in *@value. False: nothing has happened, and the system call is to be made.
 *
 * Context: any thread, also in a handler of a signal. Waits as the system call does: handlers run
 * when it has been answered.
 */
bool client_slot_call(long number, const uint64_t args[6], long *value);

#endif
