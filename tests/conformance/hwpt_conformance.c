/* SPDX-License-Identifier: MIT */
/*
 * Specification 20-hwpt-device, and what of 00-model takes more objects, as far as mock devices
 * show it.
 */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {model_holders, nested_write_back, hwpt_alloc,
					 hwpt_attach,	hwpt_dirty,	   hwpt_invalidate};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
