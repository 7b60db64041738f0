/* SPDX-License-Identifier: MIT */
/*
 * Groups, the type1 container, and what devices of a group share [VFIO-GROUP], [COMPAT],
 * [PCI-HOT-RESET], [GROUP].
 */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {
		type1_group, type1_info, type1_map, type1_hot_reset, group_attach,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
