/* SPDX-License-Identifier: MIT */
/*
 * See nvme_doorbell.h.
 *
 * Shadows. The device reads the tail of a busy queue from memory, so the host need not write the
 * doorbell. Before it stops looking it writes down the tail that it knows, and looks again: the
 * host writes the tail, and then the doorbell if that is behind what is written down. A doorbell
 * then says only that the shadow is to be read: it may arrive after newer shadows have been read,
 * and a tail that goes back would have old commands executed again.
 *
 * A driver that has got its last completion may delete the queue, and think it is alone with the
 * queue's memory and its shadows before the command is executed (libvfn does). So the device asks
 * and looks again before it posts the completion of the last command that it knows, as QEMU's does,
 * and never after it until a doorbell is written. A doorbell for a tail that a look has found
 * already says nothing new.
 *
 * The admin queues have shadows, too, but most drivers write only their doorbells (Linux' does,
 * libvfn uses both): there a shadow counts only when it has changed since it was last seen. At
 * first both have the tail and the head that the host has then. So no change is missed: between two
 * looks the host's tail and head move by less than the size of their queue, as a look at the tail
 * comes before each batch, and one at the head before a full completion queue stops it.
 *
 * A driver takes the memory of shadows back when the controller is shut down or disabled: from then
 * on nothing looks, and what has begun to is waited for as commands are.
 */
#include "devices/nvme/nvme_doorbell.h"

#include <string.h>

#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_log.h"
#include "devices/nvme/nvme_queue.h"
#include "devices/nvme/nvme_state.h"

/* Offset of a doorbell in BAR 0, and in the buffers of Doorbell Buffer Config. */
static uint64_t doorbell_offset(const struct nvme *n, unsigned int queue, bool completion)
{
	return ((uint64_t)queue * 2 + completion) * (UINT64_C(4) << n->stride);
}

/* ---- doorbells; with the device lock ---- */

/* False: there are no shadows, or the driver takes them back. */
static bool has_shadows(const struct nvme *n)
{
	return n->shadow_doorbells && n->state == NVME_ON && !atomic_load(&n->stopping);
}

/* Wakes the submission queues of @cq; @all: also those that do not wait for space in it. */
static void wake_users(struct uiommufd_device *dev, unsigned int cq, bool all)
{
	struct nvme *n = nvme_of(dev);

	for (unsigned int i = 0; i <= n->queues; i++) {
		struct nvme_sq *sq = &n->sqs[i];

		if (!sq->size || sq->cq != cq || !(all || sq->starved))
			continue;
		sq->starved = false;
		nvme_wake(dev, i);
	}
}

static void set_tail(struct uiommufd_device *dev, unsigned int queue, uint32_t value)
{
	struct nvme *n = nvme_of(dev);
	struct nvme_sq *sq = &n->sqs[queue];

	if (value >= sq->size) {
		uiommufd_device_report(dev,
				       "nvme: tail %u of submission queue %u is ignored: the queue "
				       "has %u entries",
				       value, queue, sq->size);
		nvme_event(dev, EVENT_ERROR, EVENT_INVALID_DOORBELL_VALUE, LOG_ERROR);
		return;
	}
	sq->tail = value;
	if (sq->rung == value + 1)
		sq->rung = 0;
}

/* The host writes the doorbell of IO queue @queue after its shadow, which is what counts. */
static void ring(struct uiommufd_device *dev, unsigned int queue, uint32_t value)
{
	struct nvme_sq *sq = &nvme_of(dev)->sqs[queue];

	if (value == sq->tail)
		return;
	sq->rung = value + 1;
	wake_users(dev, sq->cq, true);
}

static void set_head(struct uiommufd_device *dev, unsigned int queue, uint32_t value)
{
	struct nvme *n = nvme_of(dev);
	struct nvme_cq *cq = &n->cqs[queue];
	const uint32_t head = atomic_load(&cq->head), tail = atomic_load(&cq->tail);

	if (value >= cq->size ||
	    nvme_cq_distance(cq, head, value) > nvme_cq_distance(cq, head, tail)) {
		uiommufd_device_report(
			dev, "nvme: head %u of completion queue %u is ignored: %s", value, queue,
			value >= cq->size ? "the queue has fewer entries"
					  : "completions up to there have not been posted");
		nvme_event(dev, EVENT_ERROR, EVENT_INVALID_DOORBELL_VALUE, LOG_ERROR);
		return;
	}
	atomic_store(&cq->head, value);
	wake_users(dev, queue, false);
	if (n->line)
		nvme_update_line(dev);
}

static void bad_doorbell(struct uiommufd_device *dev, uint64_t off)
{
	uiommufd_device_report(dev,
			       "nvme: a write to the doorbell at 0x%llx is ignored: there is no "
			       "such queue",
			       (unsigned long long)(NVME_DOORBELLS + off));
	nvme_event(dev, EVENT_ERROR, EVENT_INVALID_DOORBELL, LOG_ERROR);
}

void nvme_doorbell(struct uiommufd_device *dev, uint64_t off, uint32_t value)
{
	struct nvme *n = nvme_of(dev);
	const uint64_t stride = UINT64_C(4) << n->stride;
	const unsigned int queue = (unsigned int)(off / stride / 2);
	const bool completion = off / stride % 2;

	if (n->state != NVME_ON || atomic_load(&n->stopping)) {
		uiommufd_device_report(dev,
				       "nvme: a write to the doorbell at 0x%llx is ignored: "
				       "the controller is not ready (CSTS 0x%x)",
				       (unsigned long long)(NVME_DOORBELLS + off), n->csts);
		return;
	}
	if (!queue && !n->latched && !nvme_latch_admin_queues(dev))
		return;
	if (off % stride || queue > n->queues ||
	    !(completion ? n->cqs[queue].size : n->sqs[queue].size)) {
		bad_doorbell(dev, off);
	} else if (queue && has_shadows(n)) {
		if (completion)
			wake_users(dev, queue, true);
		else
			ring(dev, queue, value);
	} else if (completion) {
		set_head(dev, queue, value);
	} else {
		set_tail(dev, queue, value);
		nvme_wake(dev, queue);
	}
}

/* ---- shadow doorbells ---- */

static uint64_t shadow_of(const struct nvme *n, uint64_t buffer, unsigned int queue,
			  bool completion)
{
	return buffer ? buffer + doorbell_offset(n, queue, completion) : 0;
}

static bool begin_look(struct nvme *n)
{
	n->looking += has_shadows(n);
	return has_shadows(n);
}

/* With the device lock. False: meanwhile the driver takes them back. */
static bool end_look(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	n->looking--;
	if (has_shadows(n))
		return true;
	uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
	return false;
}

/* Reads a shadow, without the device lock. False: there is none. */
static bool look(struct uiommufd_device *dev, unsigned int queue, bool completion, uint32_t *value)
{
	struct nvme *n = nvme_of(dev);
	uint64_t shadow;
	bool good;

	uiommufd_device_lock(dev);
	if (!begin_look(n)) {
		uiommufd_device_unlock(dev);
		return false;
	}
	shadow = shadow_of(n, n->shadow_doorbells, queue, completion);
	if (!completion)
		n->sqs[queue].rung = 0;
	uiommufd_device_unlock(dev);
	good = !nvme_dma_read(dev, shadow, value, sizeof(*value));
	uiommufd_device_lock(dev);
	good = end_look(dev) && good;
	uiommufd_device_unlock(dev);
	return good;
}

/* With the device lock. Whether @value, read from a shadow, is to be taken over. */
static bool shadow_counts(struct nvme *n, unsigned int queue, bool completion, uint32_t value)
{
	const bool counts = queue || n->admin_shadows[completion] != value;

	if (!queue)
		n->admin_shadows[completion] = value;
	return counts;
}

bool nvme_set_shadows(struct uiommufd_device *dev, uint64_t doorbells, uint64_t event_indexes)
{
	struct nvme *n = nvme_of(dev);
	const struct nvme_cq *cq = &n->cqs[0];
	uint32_t now[2];

	/* The command's own completion is the next one, and the host will have taken it off. */
	uiommufd_device_lock(dev);
	now[0] = n->sqs[0].tail;
	now[1] = (atomic_load(&cq->tail) + 1) % cq->size;
	uiommufd_device_unlock(dev);
	for (unsigned int i = 0; i < 2; i++) {
		const uint64_t off = doorbell_offset(n, 0, i);

		if (nvme_dma_write(dev, event_indexes + off, &now[i], sizeof(now[i])) ||
		    nvme_dma_write(dev, doorbells + off, &now[i], sizeof(now[i])))
			return false;
	}
	uiommufd_device_lock(dev);
	memcpy(n->admin_shadows, now, sizeof(now));
	n->shadow_doorbells = doorbells;
	n->event_indexes = event_indexes;
	for (unsigned int i = 1; i <= n->queues; i++)
		n->sqs[i].asked = 0;
	uiommufd_device_unlock(dev);
	return true;
}

bool nvme_follow_tail(struct uiommufd_device *dev, unsigned int queue)
{
	struct nvme *n = nvme_of(dev);
	uint32_t tail;

	if (!look(dev, queue, false, &tail))
		return false;
	/* The entries up to that tail are read after it. */
	atomic_thread_fence(memory_order_acquire);
	uiommufd_device_lock(dev);
	if (n->sqs[queue].size && shadow_counts(n, queue, false, tail) &&
	    n->sqs[queue].tail != tail)
		set_tail(dev, queue, tail);
	uiommufd_device_unlock(dev);
	return true;
}

/*
 * False: while the shadow was read, a doorbell has come. What was read may be from before it, and
 * what the host has written since is in the shadow alone.
 */
static bool follow_head(struct uiommufd_device *dev, unsigned int cq)
{
	struct nvme *n = nvme_of(dev);
	const uint32_t before = atomic_load(&n->cqs[cq].head);
	uint32_t head;
	bool current;

	if (!look(dev, cq, true, &head))
		return true;
	uiommufd_device_lock(dev);
	current = atomic_load(&n->cqs[cq].head) == before;
	if (current && n->cqs[cq].size && shadow_counts(n, cq, true, head) && before != head)
		set_head(dev, cq, head);
	uiommufd_device_unlock(dev);
	return current;
}

void nvme_follow_head(struct uiommufd_device *dev, unsigned int queue)
{
	unsigned int cq;

	uiommufd_device_lock(dev);
	cq = nvme_of(dev)->sqs[queue].cq;
	uiommufd_device_unlock(dev);
	while (!follow_head(dev, cq))
		;
}

void nvme_ask_for_doorbells(struct uiommufd_device *dev, unsigned int queue)
{
	struct nvme *n = nvme_of(dev);
	uint64_t tail_at, head_at;
	uint32_t tail, head;
	bool asked;

	uiommufd_device_lock(dev);
	if (!begin_look(n)) {
		uiommufd_device_unlock(dev);
		return;
	}
	tail_at = shadow_of(n, n->event_indexes, queue, false);
	head_at = shadow_of(n, n->event_indexes, n->sqs[queue].cq, true);
	tail = n->sqs[queue].tail;
	head = atomic_load(&n->cqs[n->sqs[queue].cq].head);
	if (nvme_cq_space(&n->cqs[n->sqs[queue].cq]) && !n->line)
		head_at = 0; /* the head is of no interest */
	uiommufd_device_unlock(dev);
	asked = tail_at && !nvme_dma_write(dev, tail_at, &tail, sizeof(tail));
	if (head_at)
		(void)nvme_dma_write(dev, head_at, &head, sizeof(head));
	atomic_thread_fence(memory_order_seq_cst);
	uiommufd_device_lock(dev);
	(void)end_look(dev);
	n->sqs[queue].asked = asked ? tail + 1 : 0;
	uiommufd_device_unlock(dev);
}

void nvme_look_behind(struct uiommufd_device *dev, unsigned int queue)
{
	nvme_ask_for_doorbells(dev, queue);
	(void)nvme_follow_tail(dev, queue);
}

bool nvme_will_be_rung(struct uiommufd_device *dev, unsigned int queue)
{
	struct nvme *n = nvme_of(dev);
	const struct nvme_sq *sq = &n->sqs[queue];
	bool will;

	uiommufd_device_lock(dev);
	/* A host that is interrupted by INTA# has to be asked for its head, too. */
	will = queue && sq->size && has_shadows(n) && !sq->rung && sq->asked == sq->tail + 1 &&
	       !nvme_sq_queued(sq) && !n->line;
	uiommufd_device_unlock(dev);
	return will;
}
