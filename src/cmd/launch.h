/* SPDX-License-Identifier: MIT */
/*
 * Programs that run the user's program and watch its signals: gdb and valgrind. Accesses to mapped
 * registers are signals (preload/trap/trap.h), of which they are told what to make.
 */
#ifndef CMD_LAUNCH_H
#define CMD_LAUNCH_H

#include "cmd/tree.h"

/*
 * What to execute in place of @program, which is ended by NULL: the same, with what it needs in
 * front of its arguments, in the environment or in @tree. NULL: no memory.
 */
char **launch_prepare(struct tree *tree, char **program);

#endif
