/* SPDX-License-Identifier: MIT */
/*
 * fork: the child gets its own copy of every context. The world stands still meanwhile
 * (base/world.h), so no lock of ours is held by a thread that the child does not have; liburcu is
 * told as it asks to be.
 */
#include "iommufd/entry/fork.h"

#include <urcu-bp.h>

#include "base/gate.h"
#include "base/world.h"
#include "iommu/iommu.h"
#include "iommufd/queue/event_queue.h"

void iommufd_fork_prepare(void)
{
	world_stop();
	urcu_bp_before_fork();
}

void iommufd_fork_parent(void)
{
	urcu_bp_after_fork_parent();
	world_resume();
}

void iommufd_fork_child(void)
{
	urcu_bp_after_fork_child();
	gate_after_fork();
	iommu_after_fork();
	event_file_after_fork();
	world_after_fork();
}
