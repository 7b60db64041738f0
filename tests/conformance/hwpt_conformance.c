/* SPDX-License-Identifier: MIT */
/*
 * Devices and page tables [DEVICES], and the rules of the object model that need them, on mock
 * devices.
 */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {model_holders, nested_write_back, hwpt_alloc,
					 hwpt_attach,	hwpt_dirty,	   hwpt_invalidate};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
