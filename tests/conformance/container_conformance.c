/* SPDX-License-Identifier: MIT */
/* The container of VFIO and the type1 driver [TYPE1]. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {
		container_state,
		container_map,
		container_unmap,
		container_dirty,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
