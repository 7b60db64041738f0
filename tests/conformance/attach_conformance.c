/* SPDX-License-Identifier: MIT */
/* Chapter 20-hwpt-device, as far as the files of VFIO devices reach: attach, replace, detach. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {attach_hwpt, attach_ranges, attach_replace};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
