/* SPDX-License-Identifier: MIT */
/* What VFIO adds to /proc/PID/fdinfo/N. */
#ifndef PRELOAD_ENGINE_FDINFO_LINE_H
#define PRELOAD_ENGINE_FDINFO_LINE_H

#include <stddef.h>

struct uiommufd_file;

enum {
	FDINFO_LINE = 128, /* bytes that are enough for it */
};

/* The line of @file: its length; 0: it is no device, and has none. */
size_t fdinfo_line(struct uiommufd_file *file, char line[FDINFO_LINE]);

#endif
