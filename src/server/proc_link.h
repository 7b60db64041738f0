/* SPDX-License-Identifier: MIT */
/* The links by which /proc names what programs have, where the kernel names our files. */
#ifndef SERVER_PROC_LINK_H
#define SERVER_PROC_LINK_H

#include <limits.h>
#include <stdbool.h>

#include "server/client.h"

/*
 * If @path begins with such a link, as /proc/self/fd/7, /dev/fd/7, /proc/PID/fd/7/vfio or
 * /proc/self/cwd/iommu, what it means without it: *@name. A link at the end is followed if @follow
 * says so, and only if it leads to something emulated that has a name. False: it is the kernel's.
 *
 * Links of another process are for programs that may trace it: its user's, and root.
 */
bool proc_link_read(const struct request *request, const char *path, bool follow,
		    char name[PATH_MAX]);

/*
 * The directory of the process that @path, below /proc, is about, and what follows its name,
 * *@rest; for proc_link_leave(). A negative errno: there is none, or the program may not look into
 * it.
 */
int proc_link_enter(const struct request *request, const char *path, const char **rest);
void proc_link_leave(const struct request *request, int task);

/*
 * "self" and "thread-self" of /proc are the server's where the server opens something, and nothing
 * can be told of what they lead to: makes them the program's in @path, if more follows.
 */
void proc_link_name_process(const struct request *request, char path[PATH_MAX]);

/* At most nine digits at *@text, which is moved behind them, are a number; negative: none is. */
int proc_link_number(const char **text);

/* The text of the link @path, which may be of something without a name. False: as above. */
bool proc_link_name(const struct request *request, const char *path, char name[PATH_MAX]);

#endif
