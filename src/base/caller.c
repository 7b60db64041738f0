/* SPDX-License-Identifier: MIT */
/* References to callers. The caller that is this process is in mem/self.c. */
#include "base/caller.h"

#include "base/check.h"
#include "base/ref.h"

#define EXPORTED __attribute__((visibility("default")))

/* The public header cannot include struct ref; the count in it is one. */
static struct ref *refs_of(struct uiommufd_caller *caller)
{
	_Static_assert(sizeof(struct ref) == sizeof(caller->refs), "the count of a caller");
	return (struct ref *)&caller->refs;
}

EXPORTED void uiommufd_caller_init(struct uiommufd_caller *caller,
				   const struct uiommufd_caller_ops *ops, int32_t pid, uint32_t uid)
{
	*caller = (struct uiommufd_caller){.ops = ops, .uid = uid, .pid = pid};
	ref_init(refs_of(caller));
}

EXPORTED struct uiommufd_caller *uiommufd_caller_get(struct uiommufd_caller *caller)
{
	ref_get(refs_of(caller));
	return caller;
}

EXPORTED void uiommufd_caller_put(struct uiommufd_caller *caller)
{
	if (ref_put(refs_of(caller)))
		caller_release(caller);
}

int caller_check_zero(struct uiommufd_caller *caller, uint64_t addr, uint64_t len)
{
	uint8_t chunk[256];

	while (len) {
		/* Not beyond the page, so that what is before an unreadable one is seen. */
		uint64_t page = PAGE_SIZE - (addr & PAGE_MASK);
		uint64_t now = min_u64(min_u64(len, page), sizeof(chunk));

		if (caller_read(caller, chunk, addr, now))
			return -EFAULT;
		for (uint64_t i = 0; i < now; i++) {
			if (chunk[i])
				return -E2BIG;
		}
		addr += now;
		len -= now;
	}
	return 0;
}
