/* SPDX-License-Identifier: MIT */
/* Ranges, mapping, automatic IOVAs, options, pinning, accounting [IOAS]. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {
		ioas_ranges, ioas_map,	  ioas_map_file, ioas_copy,	  ioas_alloc_iova,
		ioas_unmap,  ioas_option, ioas_pin,	 ioas_accounting, ioas_change_process,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
