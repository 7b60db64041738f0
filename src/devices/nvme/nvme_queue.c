/* SPDX-License-Identifier: MIT */
/* See nvme_queue.h. */
#include "devices/nvme/nvme_queue.h"

#include <assert.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_admin.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_doorbell.h"
#include "devices/nvme/nvme_io.h"
#include "devices/nvme/nvme_log.h"
#include "devices/nvme/nvme_state.h"

enum {
	ROUNDS = 8,		 /* over the queues of a thread, in one call of its work function */
	BATCH_BYTES = 1 << 18,	 /* moved before an interrupt is due */
	ADMIN_ROUND = 16,	 /* admin commands in one call */
	COALESCING_UNIT = 100000 /* ns */
};

unsigned int nvme_thread_of(unsigned int cq)
{
	return cq ? 1 + (cq - 1) % (NVME_THREADS - 1) : ADMIN_THREAD;
}

/* ---- what is where; with the device lock ---- */

bool nvme_any_busy(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	for (unsigned int i = 0; i <= n->queues; i++)
		if (n->sqs[i].busy)
			return true;
	return n->looking;
}

void nvme_update_line(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	bool level = false;

	for (unsigned int i = 0; i <= n->queues && !level; i++) {
		const struct nvme_cq *cq = &n->cqs[i];

		level = cq->size && cq->interrupts && cq->vector < 32 &&
			!(n->masked >> cq->vector & 1) &&
			atomic_load(&cq->head) != atomic_load(&cq->tail);
	}
	if (level == n->line)
		return;
	n->line = level;
	uiommufd_device_set_intx(dev, level);
}

void nvme_wake(struct uiommufd_device *dev, unsigned int queue)
{
	struct nvme *n = nvme_of(dev);
	unsigned int thread;

	if (!queue) {
		uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
		return;
	}
	thread = nvme_thread_of(n->sqs[queue].cq);
	atomic_fetch_or(&n->ready[thread], UINT64_C(1) << (queue - 1));
	uiommufd_device_queue_work_on(dev, thread, nvme_serve_io);
}

/* ---- taking commands off ---- */

struct batch {
	struct uiommufd_device *dev;
	unsigned int queue, thread;
	bool shadows; /* of doorbells: the host's writes are to be looked for */
	unsigned int count, done;
	uint64_t at; /* of the first entry */
	uint32_t head, size;
	struct nvme_cq *cq;
	uint32_t posted;
	bool holds; /* @held is posted after the next completion: the device is hostile */
	struct nvme_completion held;
};

/* The queue's completion queue has no space: it goes on when there is some. */
static void starve(struct uiommufd_device *dev, unsigned int queue)
{
	struct nvme_sq *sq = &nvme_of(dev)->sqs[queue];

	sq->starved = true;
	if (sq->full_reported)
		return;
	sq->full_reported = true;
	uiommufd_device_report(dev,
			       "nvme: completion queue %u is full: %u commands of submission queue "
			       "%u wait until its head is written",
			       sq->cq, nvme_sq_queued(sq), queue);
}

/*
 * Makes the queue busy if there is something to do. @finally: if not, nothing looks at the queue
 * until a doorbell is written.
 */
static bool batch_begin(struct batch *b, bool finally)
{
	struct nvme *n = nvme_of(b->dev);
	struct nvme_sq *sq = &n->sqs[b->queue];
	const uint32_t limit = b->queue ? NVME_BATCH : 1;
	uint32_t space;
	bool begun = false;

	uiommufd_device_lock(b->dev);
	if (n->state != NVME_ON || atomic_load(&n->stopping) || !sq->size || sq->deleting)
		goto out;
	assert(!sq->busy && nvme_thread_of(sq->cq) == b->thread);
	b->cq = &n->cqs[sq->cq];
	b->head = sq->head;
	b->size = sq->size;
	b->at = sq->base + (uint64_t)sq->head * sizeof(struct nvme_command);
	b->count = nvme_sq_queued(sq);
	space = nvme_cq_space(b->cq);
	if (b->count && !space && finally)
		starve(b->dev, b->queue);
	b->count = (unsigned int)min_u64(min_u64(b->count, limit),
					 min_u64(space, sq->size - sq->head));
	begun = sq->busy = b->count;
out:
	uiommufd_device_unlock(b->dev);
	return begun;
}

/* Errors that the same command would meet again. */
static uint16_t with_dnr(uint16_t status)
{
	switch (status) {
	case ST_SUCCESS:
	case ST_DATA_TRANSFER:
	case ST_INTERNAL:
	case ST_ABORTED:
	case ST_WRITE_FAULT:
	case ST_UNRECOVERED_READ:
	case ST_CAPACITY:
		return status;
	default:
		return status | ST_DNR;
	}
}

static void post(struct uiommufd_device *dev, struct nvme_cq *cq,
		 const struct nvme_completion *completion)
{
	struct nvme_completion entry = *completion;
	const uint32_t tail = atomic_load(&cq->tail);

	entry.status = (uint16_t)(entry.status << 1 | cq->phase);
	/* First, as the host may take the entry off, and write the head, as soon as it is there. */
	if (tail + 1 == cq->size) {
		atomic_store(&cq->tail, 0);
		cq->phase = !cq->phase;
	} else {
		atomic_store(&cq->tail, tail + 1);
	}
	atomic_thread_fence(memory_order_release);
	if (nvme_dma_write(dev, cq->base + (uint64_t)tail * sizeof(entry), &entry, sizeof(entry)))
		nvme_fail(dev, "a completion queue cannot be written");
}

static void report_failure(const struct nvme_job *job, uint16_t status)
{
	const struct nvme_command *command = &job->command;

	if (status == ST_CID_CONFLICT)
		uiommufd_device_report(job->dev,
				       "nvme: submission queue %u has two commands with ID %u at "
				       "the same time",
				       job->queue, command->cid);
	if (status == ST_DATA_TRANSFER)
		uiommufd_device_report(job->dev,
				       "nvme: command %u of submission queue %u (opcode 0x%02x): "
				       "its %s leads to memory that the device cannot reach",
				       command->cid, job->queue, command->opcode,
				       command->flags >> COMMAND_PSDT_SHIFT ? "SGL" : "PRP");
}

static void post_one(struct batch *b, const struct nvme_completion *completion)
{
	post(b->dev, b->cq, completion);
	b->posted++;
}

/* At the end of a batch nothing else follows. */
static void post_held(struct batch *b)
{
	if (b->holds)
		post_one(b, &b->held);
	b->holds = false;
}

/* The batch has a place in the completion queue for each of its commands. */
static void post_as_fated(struct batch *b, const struct nvme_completion *completion)
{
	const uint32_t needed = b->count - b->done + b->holds;

	switch (uiommufd_device_fate(b->dev, UIOMMUFD_EVENT_COMPLETION, b->queue)) {
	case UIOMMUFD_FATE_LOST:
		return;
	case UIOMMUFD_FATE_TWICE:
		if (nvme_cq_space(b->cq) > needed)
			post_one(b, completion);
		break;
	case UIOMMUFD_FATE_AFTER_NEXT:
		if (b->holds)
			break;
		b->holds = true;
		b->held = *completion;
		return;
	default:
		break;
	}
	post_one(b, completion);
	post_held(b);
}

/* Whether no command is known behind the one at b->done. */
static bool is_last(const struct batch *b)
{
	bool last;

	uiommufd_device_lock(b->dev);
	last = nvme_sq_queued(&nvme_of(b->dev)->sqs[b->queue]) == b->done + 1;
	uiommufd_device_unlock(b->dev);
	return last;
}

/* Ends the command at b->done with @status. */
static void complete(struct batch *b, const struct nvme_job *job, uint16_t status)
{
	const uint32_t next = b->head + b->done + 1;
	const struct nvme_completion completion = {
		.dw0 = job->result,
		.sq_head = (uint16_t)(next == b->size ? 0 : next),
		.sq_id = (uint16_t)b->queue,
		.cid = job->command.cid,
		.status = with_dnr(status),
	};

	if (status) {
		report_failure(job, status);
		uiommufd_device_lock(b->dev);
		nvme_log_error(b->dev, job, with_dnr(status));
		uiommufd_device_unlock(b->dev);
	}
	post_as_fated(b, &completion);
}

/* ---- executing ---- */

/* Fields that mean the same in all commands, and the identifier. */
static uint16_t check_command(const struct batch *b, const struct nvme_command *commands)
{
	const struct nvme_command *command = &commands[b->done];
	const unsigned int psdt = command->flags >> COMMAND_PSDT_SHIFT;

	for (unsigned int i = 0; i < b->done; i++)
		if (commands[i].cid == command->cid)
			return ST_CID_CONFLICT;
	if (!b->queue && nvme_async_has_cid(b->dev, command->cid))
		return ST_CID_CONFLICT;
	/* There are no fused commands, and over PCIe admin commands have no SGLs. */
	if (command->flags & COMMAND_FUSE || psdt > (b->queue ? PSDT_SGL_METADATA : PSDT_PRP))
		return ST_INVALID_FIELD;
	return ST_SUCCESS;
}

static uint16_t execute(const struct batch *b, const struct nvme_command *commands,
			struct nvme_job *job)
{
	uint16_t status = check_command(b, commands);

	if (status)
		return status;
	return b->queue ? nvme_io_execute(job) : nvme_admin_execute(job);
}

/* Executes the commands of the batch. False: one could not be done now. */
static bool execute_batch(struct batch *b, uint16_t *stopped_by)
{
	struct nvme *n = nvme_of(b->dev);
	struct nvme_command *commands = n->threads[b->thread].commands;
	uint64_t bytes = 0;

	*stopped_by = ST_SUCCESS;
	if (nvme_dma_read(b->dev, b->at, commands, b->count * sizeof(commands[0]))) {
		nvme_fail(b->dev, "a submission queue cannot be read");
		return false;
	}
	for (b->done = 0; b->done < b->count && bytes < BATCH_BYTES; b->done++) {
		struct nvme_job job = {
			.dev = b->dev,
			.command = commands[b->done],
			.queue = b->queue,
			.thread = b->thread,
			.lba = UINT64_MAX,
		};
		uint16_t status = execute(b, commands, &job);

		if (status == NVME_LATER || status == NVME_WAIT) {
			*stopped_by = status;
			return false;
		}
		/* Before the host knows that its commands are done: it may take the queue back. */
		if (b->queue && b->shadows && is_last(b))
			nvme_look_behind(b->dev, b->queue);
		/* What ends now has been stopped: it must not be posted. */
		if (atomic_load(&n->stopping))
			return false;
		if (status != NVME_NO_COMPLETION)
			complete(b, &job, status);
		bytes += job.bytes;
	}
	return true;
}

static void batch_run(struct batch *b, uint16_t *stopped_by)
{
	(void)execute_batch(b, stopped_by);
	if (!atomic_load(&nvme_of(b->dev)->stopping))
		post_held(b);
}

/* ---- interrupts ---- */

/*
 * With the device lock. Whether the completions of @cq are to be announced now; @last: no other
 * follows soon, because the queue is empty, or because there is no space.
 */
static bool interrupt_due(struct nvme *n, struct nvme_cq *cq, bool last)
{
	const unsigned int threshold = n->coalescing & 0xff, time = n->coalescing >> 8 & 0xff;

	if (!cq->interrupts || !cq->uncollected)
		return false;
	/* The admin queue, and vectors that Interrupt Vector Configuration excepts, do not wait. */
	if (last || cq == &n->cqs[0] || !time || !threshold || n->alone[cq->vector])
		return true;
	if (cq->uncollected > threshold)
		return true;
	if (!cq->collecting_since)
		cq->collecting_since = clock_ns();
	return clock_ns() - cq->collecting_since >= (uint64_t)time * COALESCING_UNIT;
}

static void interrupt(struct uiommufd_device *dev, unsigned int vector)
{
	if (uiommufd_device_send_msi(dev, vector))
		return;
	uiommufd_device_lock(dev);
	nvme_update_line(dev);
	uiommufd_device_unlock(dev);
}

/* Gives the queue back. Returns whether it has more commands. */
static bool batch_end(struct batch *b)
{
	struct nvme *n = nvme_of(b->dev);
	struct nvme_sq *sq = &n->sqs[b->queue];
	bool more, due;
	unsigned int vector;

	uiommufd_device_lock(b->dev);
	sq->head = b->head + b->done == b->size ? 0 : b->head + b->done;
	sq->busy = false;
	if (b->done)
		sq->full_reported = false;
	more = nvme_sq_queued(sq);
	b->cq->uncollected += b->posted;
	due = interrupt_due(n, b->cq, !more || !nvme_cq_space(b->cq));
	vector = b->cq->vector;
	if (due) {
		b->cq->uncollected = 0;
		b->cq->collecting_since = 0;
	}
	if (sq->deleting || n->state != NVME_ON || atomic_load(&n->stopping)) {
		uiommufd_device_queue_work_on(b->dev, ADMIN_THREAD, nvme_control);
		more = false;
	}
	uiommufd_device_unlock(b->dev);
	if (due)
		interrupt(b->dev, vector);
	return more;
}

/* batch_begin() once more, with the head of the completion queue, and at last with doorbells. */
static bool shadows_begin(struct batch *b)
{
	nvme_follow_head(b->dev, b->queue);
	if (batch_begin(b, false))
		return true;
	nvme_ask_for_doorbells(b->dev, b->queue);
	(void)nvme_follow_tail(b->dev, b->queue);
	nvme_follow_head(b->dev, b->queue);
	return batch_begin(b, true);
}

/* Serves the queue once. Returns whether it has to be looked at again. */
static bool serve(struct batch *b)
{
	uint16_t stopped_by;
	bool more;

	if (nvme_will_be_rung(b->dev, b->queue))
		return false;
	b->shadows = nvme_follow_tail(b->dev, b->queue);
	if (!batch_begin(b, !b->shadows) && !(b->shadows && shadows_begin(b)))
		return false;
	batch_run(b, &stopped_by);
	more = batch_end(b);
	return stopped_by != NVME_WAIT && (more || b->shadows);
}

/* ---- the threads ---- */

/* Serves those of the thread's queues that are in @ready. Returns those that have more. */
static uint64_t serve_ready(struct uiommufd_device *dev, unsigned int thread, uint64_t ready)
{
	uint64_t again = 0;

	for (; ready; ready &= ready - 1) {
		const unsigned int queue = (unsigned int)__builtin_ctzll(ready) + 1;
		struct batch b = {.dev = dev, .queue = queue, .thread = thread};

		if (serve(&b))
			again |= UINT64_C(1) << (queue - 1);
	}
	return again;
}

void nvme_serve_io(struct uiommufd_device *dev)
{
	const unsigned int thread = uiommufd_device_work_thread(dev);
	struct nvme *n = nvme_of(dev);
	uint64_t again = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		again |= atomic_exchange(&n->ready[thread], 0);
		again = serve_ready(dev, thread, again);
		if (!again)
			return;
	}
	atomic_fetch_or(&n->ready[thread], again);
	uiommufd_device_queue_work_on(dev, thread, nvme_serve_io);
}

bool nvme_serve_admin(struct uiommufd_device *dev)
{
	for (unsigned int i = 0; i < ADMIN_ROUND; i++) {
		struct batch b = {.dev = dev, .queue = 0, .thread = ADMIN_THREAD};

		if (!serve(&b))
			return false;
	}
	return true;
}

/* Whether a completion can be posted on the admin queue; if not, a doorbell wakes it. */
static bool admin_has_space(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	struct nvme_cq *cq = &n->cqs[0];
	bool space;

	uiommufd_device_lock(dev);
	space = n->state == NVME_ON && !atomic_load(&n->stopping) && cq->size && nvme_cq_space(cq);
	n->sqs[0].starved |= !space;
	uiommufd_device_unlock(dev);
	return space;
}

bool nvme_post_admin(struct uiommufd_device *dev, uint16_t cid, uint16_t status, uint32_t result)
{
	struct nvme *n = nvme_of(dev);
	struct nvme_cq *cq = &n->cqs[0];
	struct nvme_completion completion = {.dw0 = result, .cid = cid, .status = status};

	if (!admin_has_space(dev)) {
		nvme_ask_for_doorbells(dev, 0);
		nvme_follow_head(dev, 0);
		if (!admin_has_space(dev))
			return false;
	}
	uiommufd_device_lock(dev);
	completion.sq_head = (uint16_t)n->sqs[0].head;
	uiommufd_device_unlock(dev);
	post(dev, cq, &completion);
	interrupt(dev, cq->vector);
	return true;
}
