/* SPDX-License-Identifier: MIT */
/* What is done when the last process of a machine has ended. */
#ifndef CMD_RUN_CLEAN_UP_H
#define CMD_RUN_CLEAN_UP_H

#include "cmd/tree.h"

/*
 * Removes the tree, and beside it the tables of what users have locked, if no program uses them
 * (preload/engine/memlock.c).
 */
void run_clean_up(struct tree *tree);

#endif
