/* SPDX-License-Identifier: MIT */
/* See nvme_admin.h. */
#include "devices/nvme/nvme_admin.h"

#include <string.h>

#include "base/check.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_doorbell.h"
#include "devices/nvme/nvme_features.h"
#include "devices/nvme/nvme_identify.h"
#include "devices/nvme/nvme_log.h"
#include "devices/nvme/nvme_queue.h"

static struct nvme *job_nvme(const struct nvme_job *job)
{
	return nvme_of(job->dev);
}

/* ---- queues ---- */

/* The fields of a command that creates or deletes a queue. */
static unsigned int queue_id(const struct nvme_job *job)
{
	return job->command.cdw10 & 0xffff;
}

static bool is_io_queue(const struct nvme *n, unsigned int queue)
{
	return queue && queue <= n->queues;
}

/* What both kinds have in common. @entry_log: log2 of an entry's size as CC has it; @want: ours. */
static uint16_t check_new_queue(const struct nvme_job *job, unsigned int entry_log,
				unsigned int want)
{
	const struct nvme *n = job_nvme(job);
	const uint32_t entries = (job->command.cdw10 >> 16) + 1;

	if (entries < 2 || entries > NVME_MAX_ENTRIES || entry_log != want)
		return ST_INVALID_QUEUE_SIZE;
	if (!(job->command.cdw11 & QUEUE_CONTIGUOUS))
		return ST_INVALID_FIELD;
	return is_aligned(job->command.prp1, atomic_load(&n->page)) ? ST_SUCCESS : ST_PRP_OFFSET;
}

/* With the device lock. */
static uint16_t create_cq(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const unsigned int queue = queue_id(job), vector = job->command.cdw11 >> 16;
	uint16_t status;

	if (!is_io_queue(n, queue) || n->cqs[queue].size)
		return ST_INVALID_QID;
	status = check_new_queue(job, n->cc >> CC_IOCQES_SHIFT & CC_ENTRY_MASK, NVME_CQES);
	if (status)
		return status;
	if (vector > NVME_MAX_QUEUES)
		return ST_INVALID_VECTOR;
	n->cqs[queue] = (struct nvme_cq){
		.base = job->command.prp1,
		.size = (job->command.cdw10 >> 16) + 1,
		.phase = true,
		.interrupts = job->command.cdw11 & QUEUE_IEN,
		.vector = (uint16_t)vector,
	};
	return ST_SUCCESS;
}

/* With the device lock. */
static uint16_t create_sq(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const unsigned int queue = queue_id(job), cq = job->command.cdw11 >> 16;
	uint16_t status;

	if (!is_io_queue(n, cq) || !n->cqs[cq].size)
		return ST_INVALID_CQ;
	if (!is_io_queue(n, queue) || n->sqs[queue].size)
		return ST_INVALID_QID;
	status = check_new_queue(job, n->cc >> CC_IOSQES_SHIFT & CC_ENTRY_MASK, NVME_SQES);
	if (status)
		return status;
	n->sqs[queue] = (struct nvme_sq){
		.base = job->command.prp1,
		.size = (job->command.cdw10 >> 16) + 1,
		.cq = (uint16_t)cq,
	};
	n->cqs[cq].users++;
	return ST_SUCCESS;
}

/* With the device lock. Commands that have not been taken off the queue are dropped. */
static uint16_t delete_sq(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const unsigned int queue = queue_id(job);
	struct nvme_sq *sq;

	if (!is_io_queue(n, queue) || !n->sqs[queue].size)
		return ST_INVALID_QID;
	sq = &n->sqs[queue];
	sq->deleting = true;
	if (sq->busy)
		return NVME_WAIT;
	n->cqs[sq->cq].users--;
	*sq = (struct nvme_sq){0};
	return ST_SUCCESS;
}

/* With the device lock. */
static uint16_t delete_cq(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const unsigned int queue = queue_id(job);

	if (!is_io_queue(n, queue) || !n->cqs[queue].size)
		return ST_INVALID_QID;
	if (n->cqs[queue].users)
		return ST_INVALID_QUEUE_DELETION;
	n->cqs[queue] = (struct nvme_cq){0};
	if (n->line)
		nvme_update_line(job->dev);
	return ST_SUCCESS;
}

/* Runs a change of the table of queues under the device lock. */
static uint16_t with_lock(const struct nvme_job *job, uint16_t (*change)(const struct nvme_job *))
{
	uint16_t status;

	uiommufd_device_lock(job->dev);
	status = change(job);
	uiommufd_device_unlock(job->dev);
	return status;
}

/* The buffers are pages of memory: each must hold the doorbells of all queues. */
static uint16_t configure_shadows(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const uint64_t page = atomic_load(&n->page);

	if (!nvme_has_shadows(n))
		return ST_INVALID_OPCODE;
	if (!is_aligned(job->command.prp1, page) || !is_aligned(job->command.prp2, page))
		return ST_INVALID_FIELD;
	return nvme_set_shadows(job->dev, job->command.prp1, job->command.prp2) ? ST_SUCCESS
										: ST_DATA_TRANSFER;
}

/* ---- events ---- */

bool nvme_async_has_cid(struct uiommufd_device *dev, uint16_t cid)
{
	const struct nvme *n = nvme_of(dev);

	for (unsigned int i = 0; i < n->async_count; i++)
		if (n->async_cids[i] == cid)
			return true;
	return false;
}

static uint16_t async_event_request(const struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);

	if (n->async_count == NVME_ASYNC_EVENTS)
		return ST_ASYNC_LIMIT;
	n->async_cids[n->async_count++] = job->command.cid;
	return NVME_NO_COMPLETION;
}

/* Takes the event that is due next. False: there is none. */
static bool take_event(struct uiommufd_device *dev, uint32_t *result)
{
	struct nvme *n = nvme_of(dev);
	bool found = false;

	uiommufd_device_lock(dev);
	for (unsigned int type = 0; type < EVENT_TYPES && !found; type++) {
		struct nvme_event *event = &n->events[type];

		if (!event->pending || event->masked)
			continue;
		event->pending = false;
		event->masked = true;
		*result = type | (uint32_t)event->info << 8 | (uint32_t)event->log << 16;
		found = true;
	}
	uiommufd_device_unlock(dev);
	return found;
}

/* An event that cannot be posted for want of space. */
static void give_back_event(struct uiommufd_device *dev, uint32_t result)
{
	struct nvme_event *event = &nvme_of(dev)->events[result & 7];

	uiommufd_device_lock(dev);
	event->pending = true;
	event->masked = false;
	uiommufd_device_unlock(dev);
}

void nvme_async_deliver(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);
	uint32_t result;

	while (n->aborted_count) {
		if (!nvme_post_admin(dev, n->aborted_cids[n->aborted_count - 1], ST_ABORTED, 0))
			return;
		n->aborted_count--;
	}
	while (n->async_count && take_event(dev, &result)) {
		if (!nvme_post_admin(dev, n->async_cids[0], ST_SUCCESS, result)) {
			give_back_event(dev, result);
			return;
		}
		n->async_count--;
		memmove(n->async_cids, n->async_cids + 1,
			n->async_count * sizeof(n->async_cids[0]));
	}
}

/* Of commands only these are outstanding long enough to be aborted; the result says whether. */
static uint16_t abort_command(struct nvme_job *job)
{
	struct nvme *n = job_nvme(job);
	const unsigned int queue = queue_id(job);
	const uint16_t cid = (uint16_t)(job->command.cdw10 >> 16);

	if (queue > n->queues || !n->sqs[queue].size)
		return ST_INVALID_FIELD;
	job->result = 1;
	for (unsigned int i = 0; !queue && i < n->async_count; i++) {
		if (n->async_cids[i] != cid)
			continue;
		n->async_count--;
		memmove(n->async_cids + i, n->async_cids + i + 1,
			(n->async_count - i) * sizeof(n->async_cids[0]));
		/* Abort completes first. There are no more of these than requests. */
		if (n->aborted_count < NVME_ASYNC_EVENTS)
			n->aborted_cids[n->aborted_count++] = cid;
		job->result = 0;
		break;
	}
	return ST_SUCCESS;
}

/* ---- format ---- */

static const unsigned int formats[] = {9, 12}; /* log2 of block sizes, as in Identify */

enum {
	FORMATS = sizeof(formats) / sizeof(formats[0]),
	ERASE_NONE = 0,
	ERASE_USER_DATA = 1,
};

/* Formatting erases in any case. */
static uint16_t format_namespace(const struct nvme_job *job, unsigned int index, unsigned int shift)
{
	struct nvme *n = job_nvme(job);
	struct nvme_namespace *ns = &n->namespaces[index];
	bool changed;
	int rc;

	if (!nvme_disk_claim(&n->disk, job->thread, ns->offset, ns->size, true))
		return NVME_LATER;
	rc = nvme_disk_zero(&n->disk, ns->offset, ns->size);
	changed = !rc && atomic_exchange(&ns->block_shift, shift) != shift;
	nvme_disk_unclaim(&n->disk, job->thread);
	if (rc)
		return ST_WRITE_FAULT;
	if (changed)
		nvme_namespace_changed(job->dev, index);
	return ST_SUCCESS;
}

static uint16_t format(const struct nvme_job *job)
{
	const unsigned int lbaf = job->command.cdw10 & 0xf,
			   protection = job->command.cdw10 >> 5 & 7;
	const unsigned int erase = job->command.cdw10 >> 9 & 7;
	const uint32_t nsid = job->command.nsid;
	struct nvme *n = job_nvme(job);
	uint16_t status = ST_SUCCESS;

	if (nsid != (uint32_t)NSID_ALL && !nvme_namespace(n, nsid))
		return ST_INVALID_NAMESPACE;
	if (lbaf >= FORMATS || protection)
		return ST_INVALID_FORMAT;
	if (erase != ERASE_NONE && erase != ERASE_USER_DATA)
		return ST_INVALID_FIELD;
	if (n->disk.read_only)
		return ST_WRITE_PROTECTED;
	for (unsigned int i = 0; i < n->namespace_count && !status; i++)
		if (nsid == (uint32_t)NSID_ALL || nsid == i + 1)
			status = format_namespace(job, i, formats[lbaf]);
	return status;
}

/* ---- firmware: one slot, which is read-only ---- */

static uint16_t firmware_commit(const struct nvme_job *job)
{
	enum {
		REPLACE = 0,
		REPLACE_AND_ACTIVATE = 1,
		ACTIVATE = 2,
		ACTIVATE_NOW = 3,
	};
	const unsigned int slot = job->command.cdw10 & FIRMWARE_SLOT_MASK;

	switch (job->command.cdw10 >> FIRMWARE_ACTION_SHIFT & 7) {
	case REPLACE:
	case REPLACE_AND_ACTIVATE:
		return ST_FIRMWARE_SLOT;
	case ACTIVATE:
	case ACTIVATE_NOW:
		return slot == 1 ? ST_SUCCESS : ST_FIRMWARE_SLOT;
	default:
		return ST_INVALID_FIELD;
	}
}

/* The image goes nowhere. */
static uint16_t firmware_download(const struct nvme_job *job)
{
	const uint64_t len = ((uint64_t)job->command.cdw10 + 1) * 4;
	struct nvme *n = job_nvme(job);
	struct nvme_data data;
	uint64_t part;
	uint16_t status;

	if (len > (nvme_max_transfer(n) ? nvme_max_transfer(n) : NVME_DISK_PIECE))
		return ST_INVALID_FIELD;
	status = nvme_data_begin(&data, job->dev, &job->command, len);
	for (uint64_t at = 0; at < len && !status; at += part) {
		part = min_u64(len - at, NVME_DISK_PIECE);
		status = nvme_data_from_host(&data, n->threads[job->thread].piece, part);
	}
	return status;
}

/* ---- all ---- */

bool nvme_admin_has(unsigned int opcode)
{
	static const uint8_t opcodes[] = {
		ADMIN_DELETE_SQ,    ADMIN_CREATE_SQ,	   ADMIN_GET_LOG_PAGE,
		ADMIN_DELETE_CQ,    ADMIN_CREATE_CQ,	   ADMIN_IDENTIFY,
		ADMIN_ABORT,	    ADMIN_SET_FEATURES,	   ADMIN_GET_FEATURES,
		ADMIN_ASYNC_EVENT,  ADMIN_FIRMWARE_COMMIT, ADMIN_FIRMWARE_DOWNLOAD,
		ADMIN_DBBUF_CONFIG, ADMIN_FORMAT,
	};

	return memchr(opcodes, (int)opcode, sizeof(opcodes));
}

bool nvme_io_has(unsigned int opcode)
{
	static const uint8_t opcodes[] = {IO_FLUSH,	   IO_WRITE, IO_READ,	IO_COMPARE,
					  IO_WRITE_ZEROES, IO_DSM,   IO_VERIFY, IO_COPY};

	return memchr(opcodes, (int)opcode, sizeof(opcodes));
}

uint16_t nvme_admin_execute(struct nvme_job *job)
{
	switch (job->command.opcode) {
	case ADMIN_DELETE_SQ:
		return with_lock(job, delete_sq);
	case ADMIN_CREATE_SQ:
		return with_lock(job, create_sq);
	case ADMIN_DELETE_CQ:
		return with_lock(job, delete_cq);
	case ADMIN_CREATE_CQ:
		return with_lock(job, create_cq);
	case ADMIN_GET_LOG_PAGE:
		return nvme_get_log_page(job);
	case ADMIN_IDENTIFY:
		return nvme_identify(job);
	case ADMIN_ABORT:
		return abort_command(job);
	case ADMIN_SET_FEATURES:
		return nvme_set_features(job);
	case ADMIN_GET_FEATURES:
		return nvme_get_features(job);
	case ADMIN_ASYNC_EVENT:
		return async_event_request(job);
	case ADMIN_FIRMWARE_COMMIT:
		return firmware_commit(job);
	case ADMIN_FIRMWARE_DOWNLOAD:
		return firmware_download(job);
	case ADMIN_DBBUF_CONFIG:
		return configure_shadows(job);
	case ADMIN_FORMAT:
		return format(job);
	default:
		return ST_INVALID_OPCODE;
	}
}
