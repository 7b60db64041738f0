/* SPDX-License-Identifier: MIT */
/* Driver data: the only place that copies it in and out, so that all commands follow one rule. */
#include "iommu/user_data.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/caller.h"
#include "base/last_error.h"

int user_data_read(const struct user_data *data, uint32_t type, void *to, size_t size, size_t min)
{
	if (data->type != type || data->len < min || data->len > size)
		return refuse(-EINVAL,
			      "data_type %" PRIu32 " of %" PRIu64 " bytes: it must be %" PRIu32
			      ", of %zu to %zu bytes",
			      data->type, (uint64_t)data->len, type, min, size);
	memset(to, 0, size);
	return caller_read(data->caller, to, data->uptr, data->len)
		       ? refuse_memory("the data of data_type", data->uptr, data->len)
		       : 0;
}

int user_data_write(const struct user_data *data, const void *from, size_t size)
{
	return caller_write(data->caller, data->uptr, from, data->len < size ? data->len : size);
}
