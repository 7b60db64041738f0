/* SPDX-License-Identifier: MIT */
/*
 * Functions of the C library that the engine needs for itself and that make system calls which the
 * preload otherwise takes for the program's: creating a thread maps its stack. Between own_begin()
 * and own_end() the preload passes the calling thread's changes of memory on as they are. So the
 * engine may make them with locks held, and on threads that are not inside a call of the program.
 *
 * Only for memory that the C library has for itself: what the program knows about must not change.
 * Signals are blocked meanwhile, as a handler would run the program. Sections do not nest. Costs a
 * thread-local store and load.
 */
#ifndef BASE_OWN_CALL_H
#define BASE_OWN_CALL_H

#include <stdbool.h>

#include "base/sys.h"

void own_begin(void);
void own_end(void);

/* Whether the calling thread is between the two. */
GENERAL_REGISTERS bool own_active(void);

#endif
