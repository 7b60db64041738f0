/* SPDX-License-Identifier: MIT */
/*
 * HW queues: guest memory that the emulated hardware reads by itself [HW-QUEUE]. It is pinned
 * through an internal access to the parent's IOAS, which has no unmap operation: as long as the
 * queue exists, UNMAP of its memory is EBUSY.
 *
 * viommu->lock guards the table of the vIOMMU's queues; a queue itself never changes once
 * published.
 *
 * Invariant: a published queue is in the table at its index.
 */
#include "iommufd/viommu/hw_queue.h"

#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "iommufd/ioas/access.h"
#include "iommufd/viommu/viommu.h"
#include "mem/frame.h"

/* Without an unmap operation: an internal access. */
static const struct iommufd_access_ops hw_queue_access_ops = {.needs_pin_pages = true};

static void unpin(struct hw_queue *queue)
{
	iommufd_access_unpin(queue->access, queue->pinned_iova, queue->pinned_len);
	iommufd_access_destroy(queue->access);
}

/* Rounds the range of @queue outwards to whole pages. */
static int page_range(struct hw_queue *queue)
{
	uint64_t len;

	queue->pinned_iova = align_down(queue->iova, PAGE_SIZE);
	if (check_add(queue->iova & PAGE_MASK, queue->len, &len) ||
	    check_align_up(len, PAGE_SIZE, &queue->pinned_len))
		return refuse_mistake(-ERANGE, "nesting_parent_iova and length wrap around");
	return 0;
}

static int refuse_apart(const struct hw_queue *queue)
{
	return refuse(-EFAULT,
		      "the pages behind 0x%" PRIx64
		      " are not contiguous in memory, which the hardware needs: back them with "
		      "huge pages",
		      queue->pinned_iova);
}

/* The pages must be one extent of bus addresses: the hardware knows only where it starts. */
static int check_consecutive(const struct hw_queue *queue, const uint64_t *pages, uint64_t count)
{
	const bool scattered = iommu_domain_scattered(queue->viommu->parent->base.domain);
	struct frame_cursor cursor = {.mapping.end = 0};

	for (uint64_t i = 1; i < count; i++) {
		if (pages[i] != pages[i - 1] + PAGE_SIZE)
			return refuse_apart(queue);
		if (scattered &&
		    frame_extent(&cursor, pages[i - 1], 2 * PAGE_SIZE) != 2 * PAGE_SIZE)
			return refuse_apart(queue);
	}
	return 0;
}

static int pin(struct hw_queue *queue)
{
	const uint64_t count = queue->pinned_len >> PAGE_SHIFT;
	uint64_t *pages = alloc_array(count, sizeof(pages[0]));
	int rc;

	if (!pages)
		return -ENOMEM;
	rc = iommufd_access_create(queue->object.ctx, &hw_queue_access_ops, NULL, &queue->access);
	if (rc)
		goto out_free;
	rc = iommufd_access_attach(queue->access, queue->viommu->parent->base.ioas->object.id);
	if (rc)
		goto out_access;
	rc = iommufd_access_pin(queue->access, queue->pinned_iova, queue->pinned_len, false, pages);
	if (rc)
		goto out_access;
	rc = check_consecutive(queue, pages, count);
	if (rc)
		goto out_unpin;
	queue->bus = pages[0] + (queue->iova & PAGE_MASK);
	goto out_free;
out_unpin:
	iommufd_access_unpin(queue->access, queue->pinned_iova, queue->pinned_len);
out_access:
	iommufd_access_destroy(queue->access);
out_free:
	alloc_free(pages);
	return rc;
}

static void drop_dependency(struct hw_queue *queue)
{
	if (queue->depends)
		object_put(&queue->depends->object);
}

/*
 * Puts @queue into the table of its vIOMMU, answers the command and publishes the queue. In one
 * critical section: another queue can depend on this one only once nothing can fail any more.
 */
static int join_locked(struct ucmd *ucmd, struct hw_queue *queue) REQUIRES(queue->viommu->lock)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct viommu *viommu = queue->viommu;
	int rc;

	lock_assert_held(&queue->viommu->lock);
	if (queue->index >= viommu->driver->hw_queue_count)
		return refuse(-EINVAL, "index %" PRIu32 ": the vIOMMU has %zu hardware queues",
			      queue->index, viommu->driver->hw_queue_count);
	if (viommu->hw_queues[queue->index])
		return refuse_mistake(-EEXIST,
				      "the vIOMMU has a hardware queue %" PRIu32 " already",
				      queue->index);
	rc = viommu->driver->hw_queue_init(queue);
	if (rc)
		return rc;
	cmd->out_hw_queue_id = queue->object.id;
	rc = ucmd_respond(ucmd);
	if (rc) {
		drop_dependency(queue);
		return rc;
	}
	assert(queue->index < VIOMMU_HW_QUEUES);
	viommu->hw_queues[queue->index] = queue;
	object_hold(&viommu->object);
	object_publish(&queue->object);
	return 0;
}

static int join_viommu(struct ucmd *ucmd, struct hw_queue *queue)
{
	int rc;

	lock_acquire(&queue->viommu->lock);
	rc = join_locked(ucmd, queue);
	lock_release(&queue->viommu->lock);
	return rc;
}

static int set_up(struct ucmd *ucmd, struct hw_queue *queue)
{
	int rc;

	rc = page_range(queue);
	if (rc)
		return rc;
	rc = pin(queue);
	if (rc)
		return rc;
	rc = join_viommu(ucmd, queue);
	if (rc)
		unpin(queue);
	return rc;
}

static void hw_queue_destroy(struct iommufd_object *object)
{
	struct hw_queue *queue = (struct hw_queue *)object;
	struct viommu *viommu = queue->viommu;

	lock_acquire(&viommu->lock);
	assert(viommu->hw_queues[queue->index] == queue);
	viommu->hw_queues[queue->index] = NULL;
	lock_release(&viommu->lock);
	drop_dependency(queue);
	unpin(queue);
	object_put(&viommu->object);
	object_free(object);
}

static const struct object_class hw_queue_class = {
	.type = OBJECT_HW_QUEUE,
	.size = sizeof(struct hw_queue),
	.destroy = hw_queue_destroy,
};

static int alloc_on(struct ucmd *ucmd, struct viommu *viommu)
{
	const struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct hw_queue *queue;
	int rc;

	if (!viommu->driver->hw_queue_type || viommu->driver->hw_queue_type != cmd->type)
		return refuse(-EOPNOTSUPP,
			      "type %" PRIu32 ": the vIOMMU has no such hardware queues",
			      cmd->type);
	queue = object_create(ucmd->ctx, &hw_queue_class);
	if (!queue)
		return -ENOMEM;
	queue->viommu = viommu;
	queue->index = cmd->index;
	queue->iova = cmd->nesting_parent_iova;
	queue->len = cmd->length;
	rc = set_up(ucmd, queue);
	if (rc)
		object_abort(&queue->object);
	return rc;
}

int ioctl_hw_queue_alloc(struct ucmd *ucmd)
{
	const struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct viommu *viommu;
	uint64_t last;
	int rc;

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0);
	if (cmd->type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
		return refuse(-EOPNOTSUPP, "type is IOMMU_HW_QUEUE_TYPE_DEFAULT: name a type");
	if (!cmd->length)
		return refuse_mistake(-EINVAL, "length is 0");
	if (check_last(cmd->nesting_parent_iova, cmd->length, &last))
		return refuse_mistake(-EOVERFLOW, "nesting_parent_iova and length wrap around");
	viommu = viommu_get(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return object_refuse(ucmd->ctx, "viommu_id", cmd->viommu_id, OBJECT_VIOMMU);
	rc = alloc_on(ucmd, viommu);
	object_put(&viommu->object);
	return rc;
}
