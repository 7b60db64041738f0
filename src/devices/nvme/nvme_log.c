/* SPDX-License-Identifier: MIT */
/* See nvme_log.h. The device lock guards the error log and the events. */
#include "devices/nvme/nvme_log.h"

#include <string.h>

#include "base/check.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_admin.h"
#include "devices/nvme/nvme_data.h"
#include "devices/nvme/nvme_queue.h"
#include "devices/nvme/nvme_state.h"

/* ---- events ---- */

void nvme_event(struct uiommufd_device *dev, enum nvme_event_type type, uint8_t info,
		enum nvme_log log)
{
	struct nvme *n = nvme_of(dev);

	n->events[type].pending = true;
	n->events[type].info = info;
	n->events[type].log = (uint8_t)log;
	uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
}

static bool too_hot_or_cold(const struct nvme *n)
{
	return NVME_TEMPERATURE >= n->thresholds[0] || NVME_TEMPERATURE <= n->thresholds[1];
}

void nvme_check_temperature(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	if (n->async_config & SMART_TEMPERATURE && too_hot_or_cold(n))
		nvme_event(dev, EVENT_SMART, EVENT_TEMPERATURE, LOG_SMART);
}

void nvme_namespace_changed(struct uiommufd_device *dev, unsigned int index)
{
	struct nvme *n = nvme_of(dev);

	uiommufd_device_lock(dev);
	n->changed[index] = true;
	if (n->async_config & ASYNC_NAMESPACE_ATTRIBUTE)
		nvme_event(dev, EVENT_NOTICE, EVENT_NAMESPACE, LOG_CHANGED_NAMESPACES);
	uiommufd_device_unlock(dev);
}

void nvme_log_error(struct uiommufd_device *dev, const struct nvme_job *job, uint16_t status)
{
	enum {
		NO_LOCATION = 0xffff /* no field of the command is to blame in particular */
	};
	struct nvme *n = nvme_of(dev);

	n->errors[n->error_count % NVME_ERROR_ENTRIES] = (struct nvme_error_entry){
		.count = n->error_count + 1,
		.sq_id = (uint16_t)job->queue,
		.cid = job->command.cid,
		.status = (uint16_t)(status << 1),
		.location = NO_LOCATION,
		.lba = job->lba == UINT64_MAX ? 0 : job->lba,
		.nsid = job->command.nsid,
	};
	n->error_count++;
}

/* ---- pages; each fills @page and returns its size ---- */

enum {
	PAGE_BYTES = 4096, /* no page is longer */
	SMART_BYTES = 512,
	FIRMWARE_BYTES = 512,
	NAMESPACE_LIST_BYTES = 4096,
	EFFECTS_BYTES = 4096,
	SUPPORTED_BYTES = 1024,
};

static uint32_t fill_errors(const struct nvme *n, uint8_t *page)
{
	struct nvme_error_entry *entries = (struct nvme_error_entry *)(void *)page;
	const uint64_t count = min_u64(n->error_count, NVME_ERROR_ENTRIES);

	/* The newest first. */
	for (uint64_t i = 0; i < count; i++)
		entries[i] = n->errors[(n->error_count - 1 - i) % NVME_ERROR_ENTRIES];
	return NVME_ERROR_ENTRIES * sizeof(entries[0]);
}

/* In thousands of 512 bytes, rounded up. */
static uint64_t data_units(uint64_t bytes)
{
	return (bytes + 511999) / 512000;
}

static uint32_t fill_smart(const struct nvme *n, uint8_t *page)
{
	enum {
		CRITICAL_WARNING = 0,
		WARNING_READ_ONLY = 1 << 3,
		TEMPERATURE = 1,
		SPARE = 3,
		SPARE_THRESHOLD = 4,
		UNITS_READ = 32,
		UNITS_WRITTEN = 48,
		READS = 64,
		WRITES = 80,
		POWER_CYCLES = 112,
		ERROR_ENTRIES = 176,
	};
	uint64_t reads = 0, writes = 0, bytes_read = 0, bytes_written = 0;

	for (unsigned int i = 0; i < NVME_THREADS; i++) {
		reads += atomic_load(&n->threads[i].reads);
		writes += atomic_load(&n->threads[i].writes);
		bytes_read += atomic_load(&n->threads[i].bytes_read);
		bytes_written += atomic_load(&n->threads[i].bytes_written);
	}
	nvme_put(page, CRITICAL_WARNING,
		 (too_hot_or_cold(n) ? SMART_TEMPERATURE : 0) |
			 (n->disk.read_only ? WARNING_READ_ONLY : 0),
		 1);
	nvme_put(page, TEMPERATURE, NVME_TEMPERATURE, 2);
	nvme_put(page, SPARE, 100, 1);
	nvme_put(page, SPARE_THRESHOLD, 10, 1);
	nvme_put(page, UNITS_READ, data_units(bytes_read), 8);
	nvme_put(page, UNITS_WRITTEN, data_units(bytes_written), 8);
	nvme_put(page, READS, reads, 8);
	nvme_put(page, WRITES, writes, 8);
	nvme_put(page, POWER_CYCLES, 1, 8);
	nvme_put(page, ERROR_ENTRIES, n->error_count, 8);
	return SMART_BYTES;
}

static uint32_t fill_firmware(uint8_t *page)
{
	enum {
		ACTIVE = 0,
		SLOT_1 = 8,
	};

	page[ACTIVE] = 1;
	memcpy(page + SLOT_1, "1       ", 8);
	return FIRMWARE_BYTES;
}

static uint32_t fill_changed(const struct nvme *n, uint8_t *page)
{
	uint8_t *next = page;

	for (uint32_t i = 0; i < n->namespace_count; i++) {
		if (!n->changed[i])
			continue;
		nvme_put(next, 0, i + 1, 4);
		next += 4;
	}
	return NAMESPACE_LIST_BYTES;
}

static uint32_t fill_effects(uint8_t *page)
{
	enum {
		SUPPORTED = 1 << 0,
		CHANGES_BLOCKS = 1 << 1,
		CHANGES_NAMESPACE = 1 << 2,
		IO_COMMANDS = 1024,
	};

	for (unsigned int opcode = 0; opcode < 256; opcode++) {
		uint32_t admin = nvme_admin_has(opcode) ? SUPPORTED : 0;
		uint32_t io = nvme_io_has(opcode) ? SUPPORTED : 0;

		if (opcode == ADMIN_FORMAT)
			admin |= CHANGES_BLOCKS | CHANGES_NAMESPACE;
		if (opcode == IO_WRITE || opcode == IO_WRITE_ZEROES || opcode == IO_DSM ||
		    opcode == IO_COPY)
			io |= CHANGES_BLOCKS;
		nvme_put(page, opcode * 4, admin, 4);
		nvme_put(page, IO_COMMANDS + opcode * 4, io, 4);
	}
	return EFFECTS_BYTES;
}

static uint32_t fill_supported(uint8_t *page)
{
	for (unsigned int log = LOG_SUPPORTED; log <= LOG_EFFECTS; log++)
		page[log * 4] = 1;
	return SUPPORTED_BYTES;
}

/* 0: there is no such page. With the device lock. */
static uint32_t fill(const struct nvme *n, unsigned int log, uint8_t *page)
{
	switch (log) {
	case LOG_SUPPORTED:
		return fill_supported(page);
	case LOG_ERROR:
		return fill_errors(n, page);
	case LOG_SMART:
		return fill_smart(n, page);
	case LOG_FIRMWARE:
		return fill_firmware(page);
	case LOG_CHANGED_NAMESPACES:
		return fill_changed(n, page);
	case LOG_EFFECTS:
		return fill_effects(page);
	default:
		return 0;
	}
}

/* Reading a page takes notice of its event, unless the host wants to keep it. */
static void acknowledge(struct uiommufd_device *dev, unsigned int log)
{
	struct nvme *n = nvme_of(dev);

	uiommufd_device_lock(dev);
	for (unsigned int type = 0; type < EVENT_TYPES; type++) {
		if (n->events[type].log == log && n->events[type].masked)
			n->events[type].masked = false;
	}
	if (log == LOG_CHANGED_NAMESPACES)
		memset(n->changed, 0, sizeof(n->changed));
	uiommufd_device_unlock(dev);
}

/* What is past the end of a page reads as zeros. */
static uint16_t give(struct nvme_job *job, const uint8_t *page, uint64_t off, uint64_t len)
{
	static const uint8_t zeros[PAGE_BYTES];
	struct nvme_data data;
	uint64_t part;
	uint16_t status = nvme_data_begin(&data, job->dev, &job->command, len);

	for (; len && !status; off += part, len -= part) {
		part = off < PAGE_BYTES ? PAGE_BYTES - off : PAGE_BYTES;
		part = min_u64(part, len);
		status = nvme_data_to_host(&data, off < PAGE_BYTES ? page + off : zeros, part);
	}
	return status;
}

uint16_t nvme_get_log_page(struct nvme_job *job)
{
	const struct nvme_command *c = &job->command;
	const unsigned int log = c->cdw10 & 0xff;
	const uint64_t len = (((uint64_t)(c->cdw11 & 0xffff) << 16 | c->cdw10 >> 16) + 1) * 4;
	const uint64_t off = (uint64_t)c->cdw13 << 32 | c->cdw12;
	struct nvme *n = nvme_of(job->dev);
	uint8_t page[PAGE_BYTES] = {0};
	uint32_t size;
	uint16_t status;

	if (c->nsid && c->nsid != (uint32_t)NSID_ALL && !nvme_namespace(n, c->nsid))
		return ST_INVALID_NAMESPACE;
	uiommufd_device_lock(job->dev);
	size = fill(n, log, page);
	uiommufd_device_unlock(job->dev);
	if (!size)
		return ST_INVALID_LOG_PAGE;
	/* All pages are the controller's; SMART, too, is not kept for each namespace. */
	if (c->nsid && c->nsid != (uint32_t)NSID_ALL)
		return ST_INVALID_FIELD;
	if (off & 3 || off > size)
		return ST_INVALID_FIELD;
	if (nvme_max_transfer(n) && len > nvme_max_transfer(n))
		return ST_INVALID_FIELD;
	status = give(job, page, off, len);
	if (!status && !(c->cdw10 & LOG_RAE))
		acknowledge(job->dev, log);
	return status;
}
