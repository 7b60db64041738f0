/* SPDX-License-Identifier: MIT */
/*
 * HW queues: guest memory that the (virtual) hardware reads by itself. It is pinned through an
 * internal access of the parent's IOAS, which nobody can ask to let go: UNMAP of it is EBUSY while
 * the queue exists (spec 30-faults-viommu, 5).
 */
#include <errno.h>

#include "base/alloc.h"
#include "iommufd/access.h"
#include "iommufd/ucmd.h"
#include "iommufd/viommu.h"
#include "mem/frame.h"

/* An internal access: no unmap operation. */
static const struct iommufd_access_ops hw_queue_access_ops = {.needs_pin_pages = true};

static void unpin(struct hw_queue *queue)
{
	iommufd_access_unpin(queue->access, queue->pinned_iova, queue->pinned_len);
	iommufd_access_destroy(queue->access);
}

/* Rounds the queue out to whole pages. */
static int page_range(struct hw_queue *queue)
{
	uint64_t len;

	queue->pinned_iova = align_down(queue->iova, PAGE_SIZE);
	if (check_add(queue->iova & PAGE_MASK, queue->len, &len) ||
	    check_align_up(len, PAGE_SIZE, &queue->pinned_len))
		return -ERANGE;
	return 0;
}

/* The pages must be one run, as the hardware sees only its start. */
static int check_consecutive(const struct hw_queue *queue, const uint64_t *pages, uint64_t count)
{
	const bool scattered = iommu_domain_scattered(queue->viommu->parent->domain);
	struct frame_cursor cursor = {.mapping.end = 0};

	for (uint64_t i = 1; i < count; i++) {
		if (pages[i] != pages[i - 1] + PAGE_SIZE)
			return -EFAULT;
		if (scattered &&
		    frame_extent(&cursor, pages[i - 1], 2 * PAGE_SIZE) != 2 * PAGE_SIZE)
			return -EFAULT;
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
	rc = iommufd_access_attach(queue->access, queue->viommu->parent->ioas->object.id);
	if (rc)
		goto out_access;
	rc = iommufd_access_pin(queue->access, queue->pinned_iova, queue->pinned_len, false, pages);
	if (rc)
		goto out_access;
	rc = check_consecutive(queue, pages, count);
	if (rc)
		goto out_unpin;
	queue->bus = pages[0] + (queue->iova & PAGE_MASK);
	alloc_free(pages);
	return 0;

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
 * Takes its place among the vIOMMU's queues, and tells the caller. All with viommu->lock held:
 * others depend only on a queue that is there to stay.
 */
static int join_locked(struct ucmd *ucmd, struct hw_queue *queue)
{
	struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct viommu *viommu = queue->viommu;
	int rc;

	if (queue->index >= viommu->driver->hw_queue_count)
		return -EINVAL;
	if (viommu->hw_queues[queue->index])
		return -EEXIST;
	rc = viommu->driver->hw_queue_init(queue);
	if (rc)
		return rc;
	cmd->out_hw_queue_id = queue->object.id;
	rc = ucmd_respond(ucmd);
	if (rc) {
		drop_dependency(queue);
		return rc;
	}
	viommu->hw_queues[queue->index] = queue;
	object_hold(&viommu->object);
	object_publish(&queue->object);
	return 0;
}

static int join_viommu(struct ucmd *ucmd, struct hw_queue *queue)
{
	int rc;

	pthread_mutex_lock(&queue->viommu->lock);
	rc = join_locked(ucmd, queue);
	pthread_mutex_unlock(&queue->viommu->lock);
	return rc;
}

static int set_up(struct ucmd *ucmd, struct hw_queue *queue)
{
	int rc = page_range(queue);

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

	pthread_mutex_lock(&viommu->lock);
	viommu->hw_queues[queue->index] = NULL;
	pthread_mutex_unlock(&viommu->lock);
	drop_dependency(queue);
	unpin(queue);
	object_put(&viommu->object);
	object_free(object);
}

static int alloc_on(struct ucmd *ucmd, struct viommu *viommu)
{
	const struct iommu_hw_queue_alloc *cmd = ucmd->cmd;
	struct hw_queue *queue;
	int rc;

	if (!viommu->driver->hw_queue_type || viommu->driver->hw_queue_type != cmd->type)
		return -EOPNOTSUPP;
	queue = object_create(ucmd->ctx, sizeof(*queue), OBJECT_HW_QUEUE, hw_queue_destroy);
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

	if (cmd->flags || cmd->type == IOMMU_HW_QUEUE_TYPE_DEFAULT)
		return -EOPNOTSUPP;
	if (!cmd->length)
		return -EINVAL;
	if (check_last(cmd->nesting_parent_iova, cmd->length, &last))
		return -EOVERFLOW;
	viommu = object_get(ucmd->ctx, cmd->viommu_id, OBJECT_VIOMMU);
	if (!viommu)
		return -ENOENT;
	rc = alloc_on(ucmd, viommu);
	object_put(&viommu->object);
	return rc;
}
