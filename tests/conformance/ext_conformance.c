/* SPDX-License-Identifier: MIT */
/* What uiommufd has beyond Linux [EXT]. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {ext_ranges, ext_windows, ext_lookup};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
