/* SPDX-License-Identifier: MIT */
/*
 * fork: the child gets its own copy of every context. The world is stopped during the fork
 * (base/world.h), so that no lock is held by a thread that does not exist in the child. liburcu
 * asks to be told before and after.
 */
#include "iommufd/entry/fork.h"

#include "base/gate.h"
#include "base/lock.h"
#include "base/rcu.h"
#include "base/world.h"
#include "iommu/iommu.h"
#include "iommufd/queue/event_queue.h"

void iommufd_fork_prepare(void)
{
	lock_assert_none_from(LOCK_NONE);
	assert(!rcu_read_ongoing());
	world_stop();
	rcu_fork_prepare();
}

void iommufd_fork_parent(void)
{
	rcu_fork_parent();
	world_resume();
}

void iommufd_fork_child(void)
{
	rcu_fork_child();
	gate_after_fork();
	iommu_after_fork();
	event_file_after_fork();
	world_after_fork();
}
