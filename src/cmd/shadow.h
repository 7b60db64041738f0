/* SPDX-License-Identifier: MIT */
/* The shadow root of a run (preload/start/layout.h). */
#ifndef CMD_SHADOW_H
#define CMD_SHADOW_H

#include "cmd/tree.h"
#include "machine/machine.h"

/* Fills @tree with @machine; see tree->error. */
void shadow_fill(struct tree *tree, const struct machine *machine);

/* Adds the sysfs directories of device @index of @machine, and the links to them. */
void shadow_add_pci(struct tree *tree, const struct machine *machine, size_t index);

#endif
