/* SPDX-License-Identifier: MIT */
/* A caller over this process's memory whose limit, life and reachability a test chooses. */
#ifndef LIB_MEM_CALLER_H
#define LIB_MEM_CALLER_H

#include <stddef.h>

#include <uiommufd/caller.h>

#include "base/check.h"

struct mem_caller {
	struct uiommufd_caller caller;
	struct uiommufd_caller_ops ops;
	uint64_t limit_pages;
	uint64_t populated; /* pages, by all calls */
	bool dead;
};

static inline struct mem_caller *mem_caller_of(struct uiommufd_caller *caller)
{
	return (struct mem_caller *)(void *)((char *)caller - offsetof(struct mem_caller, caller));
}

static inline int mem_caller_populate(struct uiommufd_caller *caller, uint64_t va, uint64_t len,
				      bool write)
{
	struct uiommufd_caller *self = uiommufd_caller_self();
	int rc = self->ops->populate(self, va, len, write);

	if (!rc)
		mem_caller_of(caller)->populated += len >> PAGE_SHIFT;
	return rc;
}

static inline uint64_t mem_caller_limit(struct uiommufd_caller *caller)
{
	return mem_caller_of(caller)->limit_pages << PAGE_SHIFT;
}

static inline bool mem_caller_alive(struct uiommufd_caller *caller)
{
	return !mem_caller_of(caller)->dead;
}

static inline void mem_caller_init(struct mem_caller *mem, uint32_t uid, uint64_t limit_pages)
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

#endif
