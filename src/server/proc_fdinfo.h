/* SPDX-License-Identifier: MIT */
/* /proc/PID/fdinfo/N of emulated files. */
#ifndef SERVER_PROC_FDINFO_H
#define SERVER_PROC_FDINFO_H

#include "server/client.h"

/*
 * A descriptor of a copy of @path, with what VFIO says of the device there. A negative errno: it is
 * not about an emulated device, or the program of @request may not read it.
 */
int proc_fdinfo_open(const struct request *request, const char *path);

#endif
