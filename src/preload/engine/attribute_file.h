/* SPDX-License-Identifier: MIT */
/*
 * Open files of attributes of sysfs that are live or can be written (sysfs/attribute.h).
 *
 * Behind the descriptor is a memory file. It holds what the attribute showed when it was opened,
 * for programs that read through the C library's streams, which do not ask us; and it takes what
 * they write so: attribute_file_flush() carries that out.
 */
#ifndef PRELOAD_ENGINE_ATTRIBUTE_FILE_H
#define PRELOAD_ENGINE_ATTRIBUTE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/file.h"

struct uiommufd_caller;
struct vfio_device;

/*
 * The device in whose directory of sysfs @path is, borrowed while the caller is inside the engine.
 * NULL: there is none.
 */
struct vfio_device *sysfs_device_of(const char *path);

/* *@file, owned, is attribute @index at @path, without a memory file. 0; -ENODEV; -ENOMEM. */
int attribute_file_open(size_t index, const char *path, struct uiommufd_file **file);

/*
 * *@file, owned, is attribute @index at @path; *@memory, a descriptor that the caller owns, is what
 * stands for it; @caller, which must stay, has written what is written there. 0; -ENODEV: there is
 * no such device; -ENOMEM; or what a memory file fails with.
 *
 * Context: inside the engine, here and below.
 */
int attribute_file_create(size_t index, const char *path, int flags, struct uiommufd_caller *caller,
			  struct uiommufd_file **file, int *memory);

/*
 * *@file, owned: the attribute that the memory file @fd, which the kernel calls @name, takes writes
 * of @caller to. This process has inherited it from the program that it was before an exec. Its
 * index in *@index. -ENOENT: @fd is something else; -ENOMEM.
 */
int attribute_file_adopt(int fd, const char *name, struct uiommufd_caller *caller,
			 struct uiommufd_file **file, size_t *index);

/* Whether @fd may be such a file. Costs a system call. */
bool attribute_file_inherited(int fd);

/* Carries out what has been written to the memory file of @file, if it is one. 0 or an errno. */
int attribute_file_flush(struct uiommufd_file *file);

/* What attribute @index of @device shows now. The length of @text (SYSFS_TEXT), or an errno. */
int attribute_text(size_t index, struct vfio_device *device, char *text);

#endif
