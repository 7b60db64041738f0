/* SPDX-License-Identifier: MIT */
/*
 * The life of an open file: a count of references, nothing else. Any thread may take or drop one,
 * as long as a reference of its own or a lock keeps the file meanwhile.
 */
#include "base/file.h"

#include <assert.h>

void file_init(struct uiommufd_file *file, const struct file_ops *ops, unsigned int flags)
{
	*file = (struct uiommufd_file){.ops = ops, .flags = flags, .refs = 1};
}

struct uiommufd_file *file_get(struct uiommufd_file *file)
{
	uint32_t before = __atomic_fetch_add(&file->refs, 1, __ATOMIC_RELAXED);

	assert(before > 0 && before < UINT32_MAX);
	(void)before;
	return file;
}

void file_put(struct uiommufd_file *file)
{
	/* Acquire: release() must see what the other holders did before they let go. */
	uint32_t before = __atomic_fetch_sub(&file->refs, 1, __ATOMIC_ACQ_REL);

	assert(before > 0);
	if (before == 1)
		file->ops->release(file);
}
