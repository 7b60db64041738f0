/* SPDX-License-Identifier: MIT */
/* Attach, replace and detach [ATTACH], [REPLACE], as far as the files of VFIO devices reach. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {attach_hwpt, attach_ranges, attach_replace};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
