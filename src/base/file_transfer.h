/* SPDX-License-Identifier: MIT */
/* What read(), write(), lseek() and their like check before a file is asked, and how they go on. */
#ifndef BASE_FILE_TRANSFER_H
#define BASE_FILE_TRANSFER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/file.h"

/*
 * Reads @len bytes of @file to @buf, an address of the caller, or writes them (@write). *@pos as
 * for struct file_ops. Returns how many bytes were transferred, or a negative errno.
 */
ssize_t file_transfer(struct uiommufd_file *file, struct uiommufd_caller *caller, bool write,
		      uint64_t buf, uint64_t len, uint64_t *pos);

/*
 * The same for the @count elements of struct iovec at @vector, an address of the caller: one after
 * the other, until one is not filled.
 */
ssize_t file_transfer_vector(struct uiommufd_file *file, struct uiommufd_caller *caller, bool write,
			     uint64_t vector, uint64_t count, uint64_t *pos);

/*
 * lseek() of @file, which has @size bytes: the position, which it has from now on; -ESPIPE;
 * -EINVAL.
 */
int64_t file_seek(struct uiommufd_file *file, int64_t size, int64_t offset, int whence);

#endif
