/* SPDX-License-Identifier: MIT */
/* The machine of the server, and opening its nodes. */
#ifndef SERVER_FILES_H
#define SERVER_FILES_H

#include <stddef.h>

#include "base/file.h"
#include "preload/process/path_names.h"

/* Builds the machine from the description in the shadow root @root. 0 or a negative errno. */
int files_build_machine(const char *root);

/* A new open file of the device node @node, with one reference. 0 or a negative errno. */
int files_open(struct node node, struct uiommufd_file **file);

/*
 * What the attribute @node at @path shows now: the length of @text, SYSFS_TEXT bytes. -ENOENT: it
 * shows what was laid out; or the error of reading it.
 */
int files_show(struct node node, const char *path, char *text);

/*
 * What the config space at @path has in its first @size bytes now: the length of @bytes, or
 * -ENOENT.
 */
int files_config(const char *path, char *bytes, size_t size);

#endif
