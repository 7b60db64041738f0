/* SPDX-License-Identifier: MIT */
/*
 * The life of an open file is its count of references. Any thread may get or put one while a
 * reference that it owns, or a lock that it holds, keeps the file.
 */
#include "base/file.h"

void file_init(struct uiommufd_file *file, const struct file_ops *ops, unsigned int flags)
{
	*file = (struct uiommufd_file){.ops = ops, .flags = flags};
	ref_init(&file->refs);
}

struct uiommufd_file *file_get(struct uiommufd_file *file)
{
	ref_get(&file->refs);
	return file;
}

void file_put(struct uiommufd_file *file)
{
	if (ref_put(&file->refs))
		file->ops->release(file);
}
