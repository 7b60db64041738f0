/* SPDX-License-Identifier: MIT */
/* Fault queues, vIOMMUs and what belongs to them [EVENTS], through mock devices. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {
		fault_queue,	fault_route,	 viommu_alloc,
		viommu_veventq, viommu_hw_queue, viommu_mmap,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
