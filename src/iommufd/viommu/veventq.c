/* SPDX-License-Identifier: MIT */
/*
 * vEVENTQs: events of one type on a vIOMMU, for user space to read [VEVENTQ-ALLOC].
 *
 * The queue's lock guards the list of unread events. When there is no room, an event is lost; then
 * the one lost-events header of the queue is at the tail, and carries the newest sequence number.
 * It is never followed by anything.
 */
#include "iommufd/viommu/veventq.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "iommufd/queue/event_queue.h"
#include "iommufd/viommu/viommu.h"

enum {
	VEVENTQ_MAX_DEPTH = 524288
};

struct event {
	struct cds_list_head link;
	struct iommufd_vevent_header header;
	size_t len;
	uint8_t data[];
};

struct veventq {
	struct event_queue base;
	struct viommu *viommu;	   /* a user of it */
	struct cds_list_head link; /* of viommu->queues */
	uint32_t type;
	uint32_t depth;
	struct cds_list_head events;
	uint32_t count;	   /* of normal events */
	uint32_t sequence; /* of the next report */
	struct event lost; /* is in the list while lost_pending */
	bool lost_pending;
};

/* ---- reporting ---- */

static struct veventq *find_queue(struct viommu *viommu, uint32_t type)
{
	struct veventq *queue;

	cds_list_for_each_entry (queue, &viommu->queues, link) {
		if (queue->type == type)
			return queue;
	}
	return NULL;
}

static void update_readable(struct veventq *queue, bool was_empty)
{
	bool empty = cds_list_empty(&queue->events);

	if (empty != was_empty)
		event_queue_set_readable(&queue->base, !empty);
}

static void append(struct veventq *queue, struct event *event)
{
	bool was_empty = cds_list_empty(&queue->events);

	if (queue->lost_pending) {
		cds_list_del(&queue->lost.link);
		queue->lost_pending = false;
	}
	event->header.sequence = queue->sequence;
	queue->sequence = (queue->sequence + 1) & INT32_MAX;
	cds_list_add_tail(&event->link, &queue->events);
	update_readable(queue, was_empty);
}

static void report(struct veventq *queue, const void *data, size_t len)
{
	struct event *event = NULL;

	lock_acquire(&queue->base.lock);
	if (queue->count < queue->depth)
		event = alloc_zeroed(sizeof(*event) + len);
	if (event) {
		event->len = len;
		memcpy(event->data, data, len);
		queue->count++;
		append(queue, event);
	} else {
		append(queue, &queue->lost);
		queue->lost_pending = true;
	}
	lock_release(&queue->base.lock);
}

int viommu_report_event(struct viommu *viommu, uint32_t type, const void *data, size_t len)
{
	struct veventq *queue;

	lock_acquire(&viommu->lock);
	queue = find_queue(viommu, type);
	if (queue)
		report(queue, data, len);
	lock_release(&viommu->lock);
	return queue ? 0 : -EOPNOTSUPP;
}

/* ---- the file ---- */

static int copy_event(struct uiommufd_caller *caller, uint64_t buf, const struct event *event)
{
	int rc = caller_write(caller, buf, &event->header, sizeof(event->header));

	if (!rc && event->len)
		rc = caller_write(caller, buf + sizeof(event->header), event->data, event->len);
	return rc;
}

/*
 * Hands out the first event: its bytes, 0 if there is none or only a lost header that does not fit,
 * or a negative errno.
 */
static ssize_t read_first(struct event_queue *base, struct uiommufd_caller *caller, uint64_t buf,
			  size_t room)
{
	struct veventq *queue = (struct veventq *)base;
	struct event *event;
	size_t bytes;
	int rc;

	if (cds_list_empty(&queue->events))
		return 0;
	event = cds_list_first_entry(&queue->events, struct event, link);
	bytes = sizeof(event->header) + event->len;
	if (bytes > room)
		return event == &queue->lost ? 0 : -EINVAL;
	rc = copy_event(caller, buf, event);
	if (rc)
		return rc;
	cds_list_del(&event->link);
	update_readable(queue, false);
	if (event == &queue->lost) {
		queue->lost_pending = false;
	} else {
		queue->count--;
		alloc_free(event);
	}
	return (ssize_t)bytes;
}

static ssize_t veventq_read(struct uiommufd_file *file, struct uiommufd_caller *caller,
			    uint64_t buf, size_t len, uint64_t *pos)
{
	(void)pos;
	if (len < sizeof(struct iommufd_vevent_header))
		return -EINVAL;
	return event_file_read(file, caller, buf, len, read_first);
}

static const struct file_ops veventq_file_ops = {
	.name = "anon_inode:[iommufd-viommu-event]",
	.read = veventq_read,
	.readiness = event_file_readiness,
	.release = event_file_release,
};

/* ---- the object ---- */

static void free_events(struct veventq *queue)
{
	struct event *event, *next;

	cds_list_for_each_entry_safe (event, next, &queue->events, link) {
		if (event != &queue->lost)
			alloc_free(event);
	}
}

static void veventq_destroy(struct iommufd_object *object)
{
	struct veventq *queue = (struct veventq *)object;
	struct viommu *viommu = queue->viommu;

	lock_acquire(&viommu->lock);
	cds_list_del(&queue->link);
	lock_release(&viommu->lock);
	object_put(&viommu->object);
	free_events(queue);
	event_queue_free(&queue->base);
}

static const struct object_class veventq_class = {
	.type = OBJECT_VEVENTQ,
	.size = sizeof(struct veventq),
	.destroy = veventq_destroy,
};

/* Puts the queue on its vIOMMU, unless one of its type is there. */
static int join_viommu(struct veventq *queue, struct viommu *viommu)
{
	int rc = 0;

	lock_acquire(&viommu->lock);
	if (find_queue(viommu, queue->type)) {
		rc = -EEXIST;
	} else {
		cds_list_add_tail(&queue->link, &viommu->queues);
		object_hold(&viommu->object);
		queue->viommu = viommu;
	}
	lock_release(&viommu->lock);
	return rc;
}

static struct veventq *create_queue(struct ucmd *ucmd)
{
	const struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct veventq *queue = event_queue_create(ucmd->ctx, &veventq_class);

	if (!queue)
		return NULL;
	queue->type = cmd->type;
	queue->depth = cmd->veventq_depth;
	queue->lost.header.flags = IOMMU_VEVENTQ_FLAG_LOST_EVENTS;
	CDS_INIT_LIST_HEAD(&queue->events);
	return queue;
}

static bool has_queue(struct viommu *viommu, uint32_t type)
{
	bool found;

	lock_acquire(&viommu->lock);
	found = find_queue(viommu, type);
	lock_release(&viommu->lock);
	return found;
}

static int alloc_on(struct ucmd *ucmd, struct viommu *viommu)
{
	struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct veventq *queue;
	int rc;

	if (has_queue(viommu, cmd->type))
		return -EEXIST;
	queue = create_queue(ucmd);
	if (!queue)
		return -ENOMEM;
	rc = join_viommu(queue, viommu);
	if (rc) {
		object_abort(&queue->base.object);
		return rc;
	}
	return event_queue_publish(ucmd, &queue->base, &veventq_file_ops, false,
				   &cmd->out_veventq_id, &cmd->out_veventq_fd);
}

int ioctl_veventq_alloc(struct ucmd *ucmd)
{
	const struct iommu_veventq_alloc *cmd = ucmd->cmd;
	struct viommu *viommu;
	int rc;

	if (cmd->flags || cmd->__reserved || !cmd->type)
		return -EOPNOTSUPP;
	if (!cmd->veventq_depth || cmd->veventq_depth > VEVENTQ_MAX_DEPTH)
		return -EINVAL;
	viommu = viommu_get(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return -ENOENT;
	rc = alloc_on(ucmd, viommu);
	object_put(&viommu->object);
	return rc;
}
