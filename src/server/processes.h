/* SPDX-License-Identifier: MIT */
/*
 * The processes of the programs that are served, for those who ask, and to end them. One that has
 * not made a call that the filter stops is not known.
 */
#ifndef SERVER_PROCESSES_H
#define SERVER_PROCESSES_H

#include "inspect/show_state.h"

/* Tells @tell, with @arg, of each process that has not ended. */
show_processes_fn processes_tell;

/* Sends each of them the signal @signo. */
void processes_signal(int signo);

#endif
