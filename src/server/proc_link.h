/* SPDX-License-Identifier: MIT */
/* The links by which /proc names a program's own descriptors, where the kernel names our files. */
#ifndef SERVER_PROC_LINK_H
#define SERVER_PROC_LINK_H

#include <limits.h>
#include <stdbool.h>

#include "server/client.h"

/*
 * If @path is such a link, as /proc/self/fd/7 or /dev/fd/7, and leads to something emulated that
 * has a name: *@name. False: it is the kernel's.
 */
bool proc_link_read(const struct request *request, const char *path, char name[PATH_MAX]);

#endif
