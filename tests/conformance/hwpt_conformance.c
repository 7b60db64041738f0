/* SPDX-License-Identifier: MIT */
/* Specification 20-hwpt-device, as far as mock devices show it. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {hwpt_alloc, hwpt_attach, hwpt_dirty, hwpt_invalidate};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
