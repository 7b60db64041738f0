/* SPDX-License-Identifier: MIT */
/* References to callers. The caller that is this process is in mem/self.c. */
#include <uiommufd/caller.h>

#include <assert.h>

#define EXPORTED __attribute__((visibility("default")))

EXPORTED void uiommufd_caller_init(struct uiommufd_caller *caller,
				   const struct uiommufd_caller_ops *ops, int32_t pid, uint32_t uid)
{
	*caller = (struct uiommufd_caller){.ops = ops, .refs = 1, .uid = uid, .pid = pid};
}

EXPORTED struct uiommufd_caller *uiommufd_caller_get(struct uiommufd_caller *caller)
{
	uint32_t refs = __atomic_fetch_add(&caller->refs, 1, __ATOMIC_RELAXED);

	assert(refs);
	(void)refs;
	return caller;
}

EXPORTED void uiommufd_caller_put(struct uiommufd_caller *caller)
{
	if (__atomic_sub_fetch(&caller->refs, 1, __ATOMIC_ACQ_REL) == 0 && caller->ops->release)
		caller->ops->release(caller);
}
