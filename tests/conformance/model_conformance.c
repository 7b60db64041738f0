/* SPDX-License-Identifier: MIT */
/* Nodes, framing, IDs, lifetimes, what is written back [MODEL]. */
#include "conformance.h"
#include "groups.h"

int main(int argc, char **argv)
{
	static const group_function groups[] = {
		model_nodes, model_framing, model_ids, model_destroy, model_write_back,
	};

	return run_groups(argc, argv, groups, ARRAY_SIZE(groups));
}
