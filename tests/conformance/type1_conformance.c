/* SPDX-License-Identifier: MIT */
/*
 * Chapter 40-vfio: groups (3), the type1 container (4), and what groups share (5.4, and
 * 20-hwpt-device).
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
