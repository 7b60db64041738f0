/* SPDX-License-Identifier: MIT */
/* `uiommufd run --join`: a program on a machine that is there already. */
#ifndef CMD_JOIN_H
#define CMD_JOIN_H

/*
 * Becomes @program, ended by NULL, on the machine @name. Returns only if that fails: an exit
 * status, after printing why.
 */
int join_machine(const char *name, char **program);

#endif
