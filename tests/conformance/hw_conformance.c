/* SPDX-License-Identifier: MIT */
/* Devices behind IOMMUs of real kinds [DEVICES]; run once behind each kind. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {hw_info, hw_table_tests, hw_vtd, hw_smmuv3, hw_amd};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
