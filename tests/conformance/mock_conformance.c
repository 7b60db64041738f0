/* SPDX-License-Identifier: MIT */
/* Mock devices, and what their ABI shows of the inside [TEST]. */
#include "mock.h"

int main(int argc, char **argv)
{
	const group_function groups[] = {
		mock_command, mock_device_tests, mock_pasid, mock_check, mock_paging, mock_nested,
		mock_viommu,  mock_access_tests, mock_rw,    mock_type1, mock_dmabuf, mock_fail_nth,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
