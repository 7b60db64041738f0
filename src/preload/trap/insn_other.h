/* SPDX-License-Identifier: MIT */
/*
 * The module for instructions that insn.c does not know (preload/insn/). It is loaded when
 * something is mapped that traps, since most programs map nothing of the kind.
 */
#ifndef PRELOAD_TRAP_INSN_OTHER_H
#define PRELOAD_TRAP_INSN_OTHER_H

#include "preload/trap/insn.h"

/*
 * What the module exports. @space: *@space_size bytes of zeros that may be read, written and
 * executed; NULL: only says how much it needs. Returns the function for insn_set_other(), or NULL.
 */
typedef insn_emulate_fn *insn_start_fn(void *space, size_t *space_size);

insn_start_fn uiommufd_insn_start; /* in the module alone */

#define INSN_LIBRARY "libuiommufd-insn.so"
#define INSN_START   "uiommufd_insn_start"

/* Where the module is; else it is beside the object that this is in. Borrowed. */
void insn_other_set_path(const char *path);

/*
 * Loads the module, once. Without it, or without memory that may be executed, such instructions
 * stay unknown, which the report of one says.
 *
 * Context: as for dlopen(); not in a handler.
 */
void insn_other_load(void);

#endif
