/* SPDX-License-Identifier: MIT */
#include "mem_caller.h"

#include <stddef.h>

#include "base/check.h"

static struct mem_caller *mem_caller_of(struct uiommufd_caller *caller)
{
	return (struct mem_caller *)(void *)((char *)caller - offsetof(struct mem_caller, caller));
}

static int mem_caller_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len,
			       bool write)
{
	struct uiommufd_caller *self = uiommufd_caller_self();
	int rc = self->ops->populate(self, va, len, write);

	if (!rc)
		mem_caller_of(caller)->populated += len >> PAGE_SHIFT;
	return rc;
}

static uint64_t mem_caller_limit(struct uiommufd_caller *caller)
{
	return mem_caller_of(caller)->limit_pages << PAGE_SHIFT;
}

static bool mem_caller_alive(struct uiommufd_caller *caller)
{
	return !mem_caller_of(caller)->dead;
}

void mem_caller_init(struct mem_caller *mem, uint32_t uid, uint64_t limit_pages)
{
	mem->ops = *uiommufd_caller_self()->ops;
	mem->ops.populate = mem_caller_populate;
	mem->ops.memlock_limit = mem_caller_limit;
	mem->ops.alive = mem_caller_alive;
	mem->ops.uid = NULL;
	mem->limit_pages = limit_pages;
	mem->populated = 0;
	mem->dead = false;
	uiommufd_caller_init(&mem->caller, &mem->ops, 1, uid);
}
