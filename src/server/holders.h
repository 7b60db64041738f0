/* SPDX-License-Identifier: MIT */
/* Which processes have descriptors of emulated files. */
#ifndef SERVER_HOLDERS_H
#define SERVER_HOLDERS_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether a process other than @pid has a descriptor of an emulated file. What is in flight in a
 * socket is not seen. Cost: all descriptors of all processes are looked at.
 */
bool holders_other_than(pid_t pid);

#endif
