/* SPDX-License-Identifier: MIT */
/* The answers of commands. */
#include "iommufd/object/ucmd.h"

#include <errno.h>

#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"

_Static_assert(sizeof(struct iova_range) == sizeof(struct iommu_iova_range), "copied as one array");

int ucmd_respond(const struct ucmd *ucmd)
{
	return caller_write(ucmd->caller, ucmd->uaddr, ucmd->cmd, ucmd->usize)
		       ? refuse_memory("the argument", ucmd->uaddr, ucmd->usize)
		       : 0;
}

int ucmd_respond_ranges(struct ucmd *ucmd, uint64_t array, uint32_t *num,
			const struct iova_set *ranges)
{
	struct uiommufd_caller *caller = ucmd->caller;
	const size_t fit = min_u64(*num, ranges->count);
	int rc;

	if (fit && caller_write(caller, array, ranges->ranges, fit * sizeof(ranges->ranges[0])))
		return refuse_memory("the array of ranges", array, fit * sizeof(ranges->ranges[0]));
	*num = (uint32_t)ranges->count;
	rc = ucmd_respond(ucmd);
	if (rc)
		return rc;
	return fit == ranges->count
		       ? 0
		       : refuse(-EMSGSIZE, "the array has space for %zu ranges, and there are %zu",
				fit, ranges->count);
}
