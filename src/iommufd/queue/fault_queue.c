/* SPDX-License-Identifier: MIT */
/*
 * The fault queue object and its file. Groups are queued in the order of their completion. Each is
 * read whole, gets the lowest free cookie, and is answered by its cookie [FAULT-QUEUE].
 *
 * Invariants, while the queue's lock is held:
 * - a group is on one of two lists: queued, or delivered (read, and not answered yet);
 * - exactly the delivered groups have a cookie, by which the table leads to them;
 * - the file is ready for reading exactly while a group is queued.
 *
 * The queue's lock guards the lists and the cookies. Cost: a flush is linear in the number of
 * groups, everything else O(1).
 */
#include "iommufd/queue/fault_queue.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/idtable.h"
#include "base/last_error.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/queue/event_queue.h"

struct fault_queue {
	struct event_queue base;
	struct cds_list_head queued;
	struct cds_list_head delivered;
	struct idtable cookies; /* the delivered groups by cookie */
};

/* A group of faults that is answered as one. */
struct fault_group {
	struct cds_list_head link;
	struct iommufd_device *device;
	uint32_t pasid;	 /* of the attachment that it was reported through */
	uint32_t cookie; /* 0: not delivered */
	struct fault_waiter *waiter;
	size_t count;
	struct iommu_hwpt_pgfault faults[];
};

/* Answers @group, which is on no list, and frees it. */
static void answer(struct fault_group *group, uint32_t code)
{
	if (group->waiter)
		group->waiter->respond(group->waiter, code);
	alloc_free(group);
}

/* ---- the device's side ---- */

struct iommufd_object *fault_queue_object(struct fault_queue *queue)
{
	return &queue->base.object;
}

int fault_queue_add(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid,
		    const struct iommu_hwpt_pgfault *faults, size_t count,
		    struct fault_waiter *waiter)
{
	struct fault_group *group;
	bool first;

	group = alloc_zeroed(sizeof(*group) + count * sizeof(group->faults[0]));
	if (!group)
		return -ENOMEM;
	group->device = device;
	group->pasid = pasid;
	group->waiter = waiter;
	group->count = count;
	memcpy(group->faults, faults, count * sizeof(group->faults[0]));
	lock_acquire(&queue->base.lock);
	first = cds_list_empty(&queue->queued);
	cds_list_add_tail(&group->link, &queue->queued);
	if (first)
		event_queue_set_readable(&queue->base, true);
	lock_release(&queue->base.lock);
	return 0;
}

/* Moves the groups of @device (NULL: all groups) for @pasid from @list to @out. */
static void take_groups(struct fault_queue *queue, struct cds_list_head *list,
			const struct iommufd_device *device, uint32_t pasid,
			struct cds_list_head *out) REQUIRES(queue->base.lock)
{
	struct fault_group *group, *next;

	lock_assert_held(&queue->base.lock);
	cds_list_for_each_entry_safe (group, next, list, link) {
		if (device && (group->device != device || group->pasid != pasid))
			continue;
		assert(!group->cookie == (list == &queue->queued));
		if (group->cookie)
			idtable_erase(&queue->cookies, group->cookie);
		cds_list_del(&group->link);
		cds_list_add_tail(&group->link, out);
	}
}

static void answer_invalid(struct fault_queue *queue, const struct iommufd_device *device,
			   uint32_t pasid)
{
	struct fault_group *group, *next;
	bool had_queued;
	CDS_LIST_HEAD(groups);

	lock_acquire(&queue->base.lock);
	had_queued = !cds_list_empty(&queue->queued);
	take_groups(queue, &queue->queued, device, pasid, &groups);
	take_groups(queue, &queue->delivered, device, pasid, &groups);
	if (had_queued && cds_list_empty(&queue->queued))
		event_queue_set_readable(&queue->base, false);
	lock_release(&queue->base.lock);
	cds_list_for_each_entry_safe (group, next, &groups, link)
		answer(group, IOMMUFD_PAGE_RESP_INVALID);
}

void fault_queue_flush(struct fault_queue *queue, struct iommufd_device *device, uint32_t pasid)
{
	answer_invalid(queue, device, pasid);
}

/* ---- the file ---- */

static struct fault_queue *queue_of(struct uiommufd_file *file)
{
	return (struct fault_queue *)event_file_queue(file);
}

/* Gives @group the lowest free cookie. */
static int assign_cookie(struct fault_queue *queue, struct fault_group *group)
	REQUIRES(queue->base.lock)
{
	int rc;

	lock_assert_held(&queue->base.lock);
	assert(!group->cookie);
	rc = idtable_reserve(&queue->cookies, &group->cookie);
	if (rc)
		return rc;
	idtable_store(&queue->cookies, group->cookie, group);
	for (size_t i = 0; i < group->count; i++)
		group->faults[i].cookie = group->cookie;
	return 0;
}

/* The event_deliver_fn: delivers the first group. */
static ssize_t deliver_first(struct event_queue *base, struct uiommufd_caller *caller, uint64_t buf,
			     size_t space)
{
	struct fault_queue *queue = (struct fault_queue *)base;
	struct fault_group *group;
	size_t bytes;
	int rc;

	lock_assert_held(&queue->base.lock);
	if (cds_list_empty(&queue->queued))
		return 0;
	group = cds_list_first_entry(&queue->queued, struct fault_group, link);
	bytes = group->count * sizeof(group->faults[0]);
	if (bytes > space)
		return -EINVAL;
	rc = assign_cookie(queue, group);
	if (rc)
		return rc;
	rc = caller_write(caller, buf, group->faults, bytes);
	if (rc) {
		idtable_erase(&queue->cookies, group->cookie);
		group->cookie = 0;
		return rc;
	}
	cds_list_del(&group->link);
	cds_list_add_tail(&group->link, &queue->delivered);
	if (cds_list_empty(&queue->queued))
		event_queue_set_readable(&queue->base, false);
	return (ssize_t)bytes;
}

static ssize_t fault_read(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			  size_t len, uint64_t *pos)
{
	(void)pos;
	if (len % sizeof(struct iommu_hwpt_pgfault))
		return -ESPIPE;
	return event_file_read(file, caller, buf, len, deliver_first);
}

static int respond(struct fault_queue *queue, const struct iommu_hwpt_page_response *response)
{
	struct fault_group *group;

	if (response->code != IOMMUFD_PAGE_RESP_SUCCESS &&
	    response->code != IOMMUFD_PAGE_RESP_INVALID)
		return -EINVAL;
	lock_acquire(&queue->base.lock);
	group = idtable_find(&queue->cookies, response->cookie);
	if (group) {
		idtable_erase(&queue->cookies, response->cookie);
		cds_list_del(&group->link);
	}
	lock_release(&queue->base.lock);
	if (!group)
		return -EINVAL;
	answer(group, response->code);
	return 0;
}

static ssize_t fault_write(struct uiommufd_file *file, struct uiommufd_caller *caller, uint64_t buf,
			   size_t len, uint64_t *pos)
{
	struct iommu_hwpt_page_response response;
	size_t done = 0;
	int rc = 0;

	(void)pos;
	if (len % sizeof(response))
		return -ESPIPE;
	while (done < len) {
		rc = caller_read(caller, &response, buf + done, sizeof(response));
		if (rc)
			break;
		rc = respond(queue_of(file), &response);
		if (rc)
			break;
		done += sizeof(response);
	}
	return done ? (ssize_t)done : rc;
}

static const struct file_ops fault_file_ops = {
	.name = "anon_inode:[iommufd-pgfault]",
	.read = fault_read,
	.write = fault_write,
	.readiness = event_file_readiness,
	.release = event_file_release,
};

/* ---- the object ---- */

static _Atomic unsigned int fault_queues;

bool fault_queues_any(void)
{
	return atomic_load_explicit(&fault_queues, memory_order_relaxed) != 0;
}

static void fault_queue_destroy(struct iommufd_object *object)
{
	struct fault_queue *queue = (struct fault_queue *)object;

	answer_invalid(queue, NULL, 0);
	idtable_destroy(&queue->cookies);
	atomic_fetch_sub(&fault_queues, 1);
	event_queue_free(&queue->base);
}

static const struct object_class fault_queue_class = {
	.type = OBJECT_FAULT,
	.size = sizeof(struct fault_queue),
	.destroy = fault_queue_destroy,
};

int ioctl_fault_alloc(struct ucmd *ucmd)
{
	struct iommu_fault_alloc *cmd = ucmd->cmd;
	struct fault_queue *queue;

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0);
	queue = event_queue_create(ucmd->ctx, &fault_queue_class);
	if (!queue)
		return -ENOMEM;
	CDS_INIT_LIST_HEAD(&queue->queued);
	CDS_INIT_LIST_HEAD(&queue->delivered);
	idtable_init(&queue->cookies);
	atomic_fetch_add(&fault_queues, 1);
	return event_queue_publish(ucmd, &queue->base, &fault_file_ops, true, &cmd->out_fault_id,
				   &cmd->out_fault_fd);
}
