/* SPDX-License-Identifier: MIT */
/* A caller with this process's memory; a test chooses its memlock limit, its user and its end. */
#ifndef TESTS_LIB_MEM_CALLER_H
#define TESTS_LIB_MEM_CALLER_H

#include <stdbool.h>
#include <stdint.h>

#include <uiommufd/caller.h>

struct mem_caller {
	struct uiommufd_caller caller;
	struct uiommufd_caller_ops ops;
	uint64_t limit_pages; /* the memlock limit */
	uint64_t populated;   /* pages, by all calls together */
	bool dead;	      /* the process has ended */
};

void mem_caller_init(struct mem_caller *mem, uint32_t uid, uint64_t limit_pages);

#endif
