/* SPDX-License-Identifier: MIT */
/* The uiommufd_file functions: base/file.h for programs that have no descriptors of their files. */
#include <errno.h>

#include <uiommufd/uiommufd.h>

#include "base/file.h"

static struct uiommufd_caller *or_self(struct uiommufd_caller *caller)
{
	return caller ? caller : uiommufd_caller_self();
}

ssize_t uiommufd_file_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			   size_t len)
{
	if (!file->ops->read)
		return -EINVAL;
	return file->ops->read(file, or_self(caller), buf, len, &file->pos);
}

ssize_t uiommufd_file_write(struct uiommufd_file *file, struct uiommufd_caller *caller,
			    uint64_t buf, size_t len)
{
	if (!file->ops->write)
		return -EINVAL;
	return file->ops->write(file, or_self(caller), buf, len, &file->pos);
}

int uiommufd_file_poll_fd(struct uiommufd_file *file)
{
	return file->ops->readiness ? file->ops->readiness(file) : -EINVAL;
}

struct uiommufd_file *uiommufd_file_get(struct uiommufd_file *file)
{
	return file_get(file);
}

void uiommufd_file_put(struct uiommufd_file *file)
{
	file_put(file);
}
