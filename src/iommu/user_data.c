/* SPDX-License-Identifier: MIT */
/* Driver data: the only place that copies it in and out, so that all commands follow one rule. */
#include "iommu/user_data.h"

#include <errno.h>
#include <string.h>

#include "base/caller.h"

int user_data_read(const struct user_data *data, uint32_t type, void *to, size_t size, size_t min)
{
	if (data->type != type || data->len < min || data->len > size)
		return -EINVAL;
	memset(to, 0, size);
	return caller_read(data->caller, to, data->uptr, data->len);
}

int user_data_write(const struct user_data *data, const void *from, size_t size)
{
	return caller_write(data->caller, data->uptr, from, data->len < size ? data->len : size);
}
