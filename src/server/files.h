/* SPDX-License-Identifier: MIT */
/* The machine of the server, and opening its nodes. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include "base/file.h"
#include "preload/process/path_names.h"

/* The name of the memory files of files_show(). */
#define FILES_SHOWN "attribute"

/* Builds the machine from the description in the shadow root @root. 0 or a negative errno. */
int files_build_machine(const char *root);

/*
 * A new open file of @node at @path, a device node or a file of sysfs, with one reference. 0 or a
 * negative errno. Context: here and below, in the world (base/world.h).
 */
int files_open(struct node node, const char *path, struct uiommufd_caller *caller,
	       struct uiommufd_file **file);

/*
 * A descriptor of a memory file with what @caller reads now of the file of sysfs @node at @path.
 * -ENOENT: it shows what was laid out; or the error of reading it.
 */
int files_show(struct node node, const char *path, struct uiommufd_caller *caller);

#endif
