/* SPDX-License-Identifier: MIT */
/*
 * vEVENTQs: events of one type on a vIOMMU, for user space to read [VEVENTQ-ALLOC].
 *
 * An event that finds the queue full, or no memory, is lost: the queue's one lost-events header
 * then stands at the tail of the list and takes the event's sequence number.
 *
 * Invariants (veventq_check()):
 * - no more than depth events are unread;
 * - the header is in the list exactly while lost_pending is set, and then at its tail;
 * - the tail carries the sequence number of the latest report.
 *
 * The lock of the base guards the list and all members after it, viommu->lock the link.
 *
 * Cost: O(1) for each event; reporting allocates the event.
 */
#include "iommufd/viommu/veventq.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/last_error.h"
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
	struct viommu *viommu;	   /* holds a user of it */
	struct cds_list_head link; /* of viommu->queues */
	uint32_t type;
	uint32_t depth; /* events at most, the lost-events header apart */
	struct cds_list_head events;
	uint32_t count;	   /* of events, without the lost-events header */
	uint32_t sequence; /* of the next report */
	bool lost_pending;
	struct event lost; /* the lost-events header; last, as it ends in a flexible array */
};

static void veventq_check(struct veventq *queue) REQUIRES(queue->base.lock)
{
	lock_assert_held(&queue->base.lock);
	assert(queue->count <= queue->depth);
	assert(!queue->lost_pending || queue->events.prev == &queue->lost.link);
	assert(queue->lost_pending || queue->events.prev != &queue->lost.link);
	assert(cds_list_empty(&queue->events) ||
	       cds_list_entry(queue->events.prev, struct event, link)->header.sequence ==
		       ((queue->sequence - 1) & INT32_MAX));
}

/* ---- reporting ---- */

static struct veventq *find_queue(struct viommu *viommu, uint32_t type) REQUIRES(viommu->lock)
{
	struct veventq *queue;

	lock_assert_held(&viommu->lock);
	cds_list_for_each_entry (queue, &viommu->queues, link) {
		if (queue->type == type)
			return queue;
	}
	return NULL;
}

static void update_readable(struct veventq *queue, bool was_empty) REQUIRES(queue->base.lock)
{
	bool empty = cds_list_empty(&queue->events);

	lock_assert_held(&queue->base.lock);
	if (empty != was_empty)
		event_queue_set_readable(&queue->base, !empty);
}

/* Numbers @event and puts it at the tail, in place of the lost-events header if that is there. */
static void append(struct veventq *queue, struct event *event) REQUIRES(queue->base.lock)
{
	bool was_empty = cds_list_empty(&queue->events);

	lock_assert_held(&queue->base.lock);
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
	veventq_check(queue);
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

	if (rc || !event->len)
		return rc;
	return caller_write(caller, buf + sizeof(event->header), event->data, event->len);
}

/*
 * Delivers the first event to @buf if it fits in @space: its bytes; 0 if there is none, or only a
 * lost-events header that does not fit; or a negative errno.
 */
static ssize_t read_first(struct event_queue *base, struct uiommufd_caller *caller, uint64_t buf,
			  size_t space) REQUIRES(base->lock)
{
	struct veventq *queue = (struct veventq *)base;
	struct event *event;
	size_t bytes;
	int rc;

	lock_assert_held(&queue->base.lock);
	if (cds_list_empty(&queue->events))
		return 0;
	event = cds_list_first_entry(&queue->events, struct event, link);
	bytes = sizeof(event->header) + event->len;
	if (bytes > space)
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
	veventq_check(queue);
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

static int refuse_second(uint32_t type)
{
	return refuse_mistake(-EEXIST, "the vIOMMU has a vEVENTQ of type %" PRIu32 " already",
			      type);
}

/* Puts the queue on @viommu, with a user of it. -EEXIST: it has one of this type already. */
static int join_viommu(struct veventq *queue, struct viommu *viommu)
{
	bool taken;

	lock_acquire(&viommu->lock);
	taken = find_queue(viommu, queue->type);
	if (!taken) {
		cds_list_add_tail(&queue->link, &viommu->queues);
		object_hold(&viommu->object);
		queue->viommu = viommu;
	}
	lock_release(&viommu->lock);
	return taken ? refuse_second(queue->type) : 0;
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
		return refuse_second(cmd->type);
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

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0);
	if (cmd->__reserved)
		return refuse_reserved_member();
	if (!cmd->type)
		return refuse(-EOPNOTSUPP, "type is 0: name a type");
	if (!cmd->veventq_depth || cmd->veventq_depth > VEVENTQ_MAX_DEPTH)
		return refuse_mistake(-EINVAL,
				      "veventq_depth is %" PRIu32 ", and must be from 1 to %u",
				      cmd->veventq_depth, (unsigned int)VEVENTQ_MAX_DEPTH);
	viommu = viommu_get(ucmd->ctx, cmd->viommu_id);
	if (!viommu)
		return object_refuse(ucmd->ctx, "viommu_id", cmd->viommu_id, OBJECT_VIOMMU);
	rc = alloc_on(ucmd, viommu);
	object_put(&viommu->object);
	return rc;
}
