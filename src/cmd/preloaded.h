/* SPDX-License-Identifier: MIT */
/* The libraries of ours that programs load, by their environment. */
#ifndef CMD_PRELOADED_H
#define CMD_PRELOADED_H

#include "cmd/tree.h"

/*
 * Has what this process executes, and what that executes in turn, load @library, and before it
 * @runtime (base/program.h). A name that LD_PRELOAD cannot hold is replaced by a link in @tree. 0
 * or -ENOMEM.
 */
int preloaded_set(struct tree *tree, const char *runtime, const char *library);

/*
 * The same for programs of a machine that they share: what makes their calls faster (client/). They
 * do without if it cannot be had, as with a name that needs a link and @tree NULL. 0 or -ENOMEM.
 */
int preloaded_set_client(struct tree *tree);

#endif
