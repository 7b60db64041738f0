/* SPDX-License-Identifier: MIT */
/* The machine that a command describes. */
#ifndef CMD_NEW_MACHINE_H
#define CMD_NEW_MACHINE_H

#include "machine/machine.h"

/*
 * An empty one, which takes models from shared objects, too; the caller destroys it. NULL: no
 * memory, after a complaint.
 */
struct machine *new_machine(void);

#endif
