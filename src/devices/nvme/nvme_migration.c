/* SPDX-License-Identifier: MIT */
/*
 * See nvme_migration.h. The saved state is: the members in `saved`, the controller memory buffer,
 * and, of a disk in memory, its pages that are not zero, each behind its number; UINT64_MAX ends
 * them. A disk in a file is shared by both ends; it is flushed.
 *
 * Between two work functions no queue is busy and nothing of the disk is claimed. Loading wakes all
 * queues: one that has nothing to do rests again.
 */
#include "devices/nvme/nvme_migration.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/check.h"
#include "devices/nvme/nvme.h"
#include "devices/nvme/nvme_features.h"
#include "devices/nvme/nvme_queue.h"
#include "devices/nvme/nvme_state.h"
#include "devices/saved_fields.h"

enum {
	QUEUES = NVME_MAX_QUEUES + 1,
	ADMIN_ENTRIES = 4096, /* AQA */
	PAGE_BYTES = 4096,    /* of the disk in memory */
	DISK_MAX = 1 << 30,   /* in memory: bytes that are looked through */
};

#define FIELD(member)		     SAVED_FIELD(struct nvme, member)
#define UP_TO(member, most)	     SAVED_UP_TO(struct nvme, member, most)
#define EACH(array, n, member, most) SAVED_FIELDS(struct nvme, array, n, member, most)

/* What options say comes first, up to SAVED_OPTIONS: it has to be the same at the other end. */
static const struct saved_field saved[] = {
	FIELD(queues),
	FIELD(mdts),
	FIELD(stride),
	FIELD(cmb_size),
	FIELD(namespace_count),
	EACH(namespaces, NVME_MAX_NAMESPACES, offset, 0),
	EACH(namespaces, NVME_MAX_NAMESPACES, size, 0),
	FIELD(disk.size),
	UP_TO(disk.read_only, true),

	EACH(namespaces, NVME_MAX_NAMESPACES, block_shift, 12),
	FIELD(masked),
	FIELD(cc),
	FIELD(csts),
	FIELD(aqa),
	FIELD(asq),
	FIELD(acq),
	FIELD(cmbmsc),
	UP_TO(state, NVME_SHUT_DOWN),
	UP_TO(stopping, true),
	UP_TO(subsystem_reset, true),
	UP_TO(latched, true),
	UP_TO(late_reported, true),
	UP_TO(line, true),
	UP_TO(page, 1 << NVME_MAX_PAGE_SHIFT),
	EACH(sqs, QUEUES, base, 0),
	EACH(sqs, QUEUES, size, ADMIN_ENTRIES),
	EACH(sqs, QUEUES, head, ADMIN_ENTRIES),
	EACH(sqs, QUEUES, tail, ADMIN_ENTRIES),
	EACH(sqs, QUEUES, cq, NVME_MAX_QUEUES),
	EACH(sqs, QUEUES, deleting, true),
	EACH(sqs, QUEUES, starved, true),
	EACH(sqs, QUEUES, full_reported, true),
	EACH(cqs, QUEUES, base, 0),
	EACH(cqs, QUEUES, size, ADMIN_ENTRIES),
	EACH(cqs, QUEUES, head, ADMIN_ENTRIES),
	EACH(cqs, QUEUES, tail, ADMIN_ENTRIES),
	EACH(cqs, QUEUES, phase, true),
	EACH(cqs, QUEUES, interrupts, true),
	EACH(cqs, QUEUES, vector, NVME_MAX_QUEUES),
	EACH(cqs, QUEUES, users, QUEUES),
	EACH(cqs, QUEUES, uncollected, 0),
	FIELD(shadow_doorbells),
	FIELD(event_indexes),
	FIELD(admin_shadows),
	FIELD(async_cids),
	UP_TO(async_count, NVME_ASYNC_EVENTS),
	FIELD(aborted_cids),
	UP_TO(aborted_count, NVME_ASYNC_EVENTS),
	EACH(events, EVENT_TYPES, pending, true),
	EACH(events, EVENT_TYPES, masked, true),
	EACH(events, EVENT_TYPES, info, 0),
	EACH(events, EVENT_TYPES, log, 0),
	FIELD(errors),
	FIELD(error_count),
	FIELD(arbitration),
	FIELD(power),
	FIELD(error_recovery),
	FIELD(write_atomicity),
	FIELD(async_config),
	FIELD(coalescing),
	UP_TO(write_cache, true),
	FIELD(thresholds),
	FIELD(timestamp),
	UP_TO(timestamp_set, true),
	FIELD(host_id),
};

/* Arrays of bool: each element is looked at. */
static const struct {
	size_t off, count;
} flags[] = {
	{offsetof(struct nvme, changed), NVME_MAX_NAMESPACES},
	{offsetof(struct nvme, alone), QUEUES},
};

enum {
	SAVED = sizeof(saved) / sizeof(saved[0]),
	SAVED_OPTIONS = 9,
	FLAGS = NVME_MAX_NAMESPACES + QUEUES,
	COUNTERS = 4, /* reads, writes, bytes read, bytes written: of all threads */
};

/* ---- save ---- */

/* The timestamp counts from now on. */
static void settle_timestamp(struct nvme *n)
{
	const uint64_t now = nvme_now_ms();

	n->timestamp += now - n->timestamp_at;
	n->timestamp_at = now;
}

static int save_flags(const struct nvme *n, struct uiommufd_saver *saver)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		int rc = uiommufd_save(saver, (const char *)n + flags[i].off, flags[i].count);

		if (rc)
			return rc;
	}
	return 0;
}

static int save_counters(const struct nvme *n, struct uiommufd_saver *saver)
{
	uint64_t counters[COUNTERS] = {0};

	for (unsigned int i = 0; i < NVME_THREADS; i++) {
		counters[0] += atomic_load(&n->threads[i].reads);
		counters[1] += atomic_load(&n->threads[i].writes);
		counters[2] += atomic_load(&n->threads[i].bytes_read);
		counters[3] += atomic_load(&n->threads[i].bytes_written);
	}
	return uiommufd_save(saver, counters, sizeof(counters));
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE_BYTES - 1);
}

static int save_disk(struct uiommufd_device *dev, struct uiommufd_saver *saver)
{
	const struct nvme_disk *disk = &nvme_of(dev)->disk;
	const uint64_t end = UINT64_MAX;

	if (!disk->memory)
		return nvme_disk_flush(disk);
	if (disk->size > DISK_MAX)
		return uiommufd_device_refuse(
			dev, -EOPNOTSUPP,
			"nvme: a disk in memory of more than %d bytes cannot be "
			"migrated: give it a file",
			DISK_MAX);
	for (uint64_t page = 0; page < disk->size / PAGE_BYTES; page++) {
		const uint8_t *bytes = disk->memory + page * PAGE_BYTES;
		int rc;

		if (is_zero(bytes))
			continue;
		rc = uiommufd_save(saver, &page, sizeof(page));
		if (!rc)
			rc = uiommufd_save(saver, bytes, PAGE_BYTES);
		if (rc)
			return rc;
	}
	return uiommufd_save(saver, &end, sizeof(end));
}

int nvme_save(struct uiommufd_device *dev, struct uiommufd_saver *saver)
{
	struct nvme *n = nvme_of(dev);
	int rc;

	settle_timestamp(n);
	if ((rc = saved_fields_put(saved, SAVED, n, saver)) || (rc = save_flags(n, saver)) ||
	    (rc = save_counters(n, saver)) || (rc = uiommufd_save(saver, n->cmb, n->cmb_size)))
		return rc;
	return save_disk(dev, saver);
}

/* ---- load ---- */

static bool sq_is_valid(const struct nvme *n, unsigned int i)
{
	const struct nvme_sq *sq = &n->sqs[i];

	if (!sq->size)
		return !sq->head && !sq->tail;
	return i <= n->queues && (!i || sq->size <= NVME_MAX_ENTRIES) && sq->size > 1 &&
	       sq->head < sq->size && sq->tail < sq->size && sq->cq <= n->queues &&
	       n->cqs[sq->cq].size && !i == !sq->cq;
}

static bool cq_is_valid(const struct nvme *n, unsigned int i)
{
	const struct nvme_cq *cq = &n->cqs[i];
	unsigned int users = 0;

	for (unsigned int sq = 0; sq <= n->queues; sq++)
		users += n->sqs[sq].size && n->sqs[sq].cq == i;
	if (!cq->size)
		return !atomic_load(&cq->head) && !atomic_load(&cq->tail);
	return i <= n->queues && (!i || cq->size <= NVME_MAX_ENTRIES) && cq->size > 1 &&
	       atomic_load(&cq->head) < cq->size && atomic_load(&cq->tail) < cq->size &&
	       cq->users == users;
}

static bool registers_are_valid(const struct nvme *n)
{
	return !(n->cc & ~(uint32_t)CC_WRITABLE) &&
	       !(n->csts & ~(uint32_t)(CSTS_RDY | CSTS_CFS | CSTS_SHST | CSTS_NSSRO)) &&
	       is_power_of_two(atomic_load(&n->page)) && atomic_load(&n->page) >= PAGE_BYTES;
}

static bool is_valid(const struct nvme *n)
{
	if (!registers_are_valid(n))
		return false;
	for (unsigned int i = 0; i < QUEUES; i++) {
		if (!sq_is_valid(n, i) || !cq_is_valid(n, i))
			return false;
	}
	for (unsigned int i = 0; i < n->namespace_count; i++) {
		const unsigned int shift = atomic_load(&n->namespaces[i].block_shift);

		if (shift != 9 && shift != 12)
			return false;
	}
	return true;
}

/* The parts of a saved state. */
struct parts {
	const uint8_t *fields, *flags, *counters, *cmb, *disk;
	size_t disk_len;
};

/* Whether the @len bytes at @state can be split up. */
static bool split(const struct nvme *n, const uint8_t *state, size_t len, struct parts *parts)
{
	const size_t fields = saved_fields_size(saved, SAVED);
	const size_t fixed = fields + FLAGS + COUNTERS * sizeof(uint64_t) + n->cmb_size;

	if (len < fixed || !saved_fields_valid(saved, SAVED, state))
		return false;
	parts->fields = state;
	parts->flags = parts->fields + fields;
	parts->counters = parts->flags + FLAGS;
	parts->cmb = parts->counters + COUNTERS * sizeof(uint64_t);
	parts->disk = parts->cmb + n->cmb_size;
	parts->disk_len = len - fixed;
	for (size_t i = 0; i < FLAGS; i++) {
		if (parts->flags[i] > 1)
			return false;
	}
	return true;
}

/* Whether pages of a disk in memory come in order, and end. */
static bool disk_is_valid(const struct nvme_disk *disk, const struct parts *parts)
{
	const uint64_t pages = disk->size / PAGE_BYTES;
	uint64_t page, next = 0;
	size_t at = 0;

	if (!disk->memory)
		return !parts->disk_len;
	for (;; at += PAGE_BYTES, next = page + 1) {
		if (parts->disk_len - at < sizeof(page))
			return false;
		memcpy(&page, parts->disk + at, sizeof(page));
		at += sizeof(page);
		if (page == UINT64_MAX)
			return at == parts->disk_len;
		if (page < next || page >= pages || parts->disk_len - at < PAGE_BYTES)
			return false;
	}
}

/* After disk_is_valid(). */
static void load_disk(struct nvme_disk *disk, const struct parts *parts)
{
	uint64_t page;

	nvme_disk_forget_claims(disk);
	if (!disk->memory)
		return;
	(void)nvme_disk_zero(disk, 0, disk->size);
	for (size_t at = 0;; at += sizeof(page) + PAGE_BYTES) {
		memcpy(&page, parts->disk + at, sizeof(page));
		if (page == UINT64_MAX)
			return;
		memcpy(disk->memory + page * PAGE_BYTES, parts->disk + at + sizeof(page),
		       PAGE_BYTES);
	}
}

static void load_flags(struct nvme *n, const uint8_t *from)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		memcpy((char *)n + flags[i].off, from, flags[i].count);
		from += flags[i].count;
	}
}

/* The first thread gets all of them. */
static void load_counters(struct nvme *n, const uint8_t *from)
{
	uint64_t counters[COUNTERS];

	memcpy(counters, from, sizeof(counters));
	for (unsigned int i = 0; i < NVME_THREADS; i++) {
		atomic_store(&n->threads[i].reads, i ? 0 : counters[0]);
		atomic_store(&n->threads[i].writes, i ? 0 : counters[1]);
		atomic_store(&n->threads[i].bytes_read, i ? 0 : counters[2]);
		atomic_store(&n->threads[i].bytes_written, i ? 0 : counters[3]);
	}
}

/* Has all threads look for what is to be done. */
static void wake_all(struct uiommufd_device *dev)
{
	struct nvme *n = nvme_of(dev);

	for (unsigned int i = 0; i < NVME_THREADS; i++)
		atomic_store(&n->ready[i], 0);
	uiommufd_device_queue_work_on(dev, ADMIN_THREAD, nvme_control);
	for (unsigned int i = 1; i <= n->queues; i++) {
		if (n->sqs[i].size)
			nvme_wake(dev, i);
	}
}

static int damaged(struct uiommufd_device *dev)
{
	return uiommufd_device_refuse(dev, -EINVAL, "nvme: the state is damaged");
}

/* Takes over what has been checked. */
static void load_all(struct uiommufd_device *dev, const struct parts *parts)
{
	struct nvme *n = nvme_of(dev);

	saved_fields_get(saved, SAVED, n, parts->fields);
	load_flags(n, parts->flags);
	load_counters(n, parts->counters);
	if (n->cmb_size)
		memcpy(n->cmb, parts->cmb, n->cmb_size);
	load_disk(&n->disk, parts);
	n->stuck = false;
	n->timestamp_at = nvme_now_ms();
	for (unsigned int i = 0; i < QUEUES; i++) {
		n->sqs[i].busy = false;
		n->cqs[i].collecting_since = 0;
	}
	wake_all(dev);
}

static bool has_namespaces_of(const struct nvme *next, const struct nvme *n)
{
	for (unsigned int i = 0; i < NVME_MAX_NAMESPACES; i++)
		if (next->namespaces[i].offset != n->namespaces[i].offset ||
		    next->namespaces[i].size != n->namespaces[i].size)
			return false;
	return next->namespace_count == n->namespace_count;
}

/* Whether the options of @next, of another controller, are those of @n. */
static bool has_options_of(const struct nvme *next, const struct nvme *n)
{
	return has_namespaces_of(next, n) && next->queues == n->queues && next->mdts == n->mdts &&
	       next->stride == n->stride && next->cmb_size == n->cmb_size &&
	       next->disk.size == n->disk.size && next->disk.read_only == n->disk.read_only;
}

/* Whether @parts can be loaded. @next: a copy of the controller, which is changed. */
static int check(struct uiommufd_device *dev, const struct parts *parts, struct nvme *next)
{
	const struct nvme *n = nvme_of(dev);

	saved_fields_get(saved, SAVED_OPTIONS, next, parts->fields);
	/* First: the other checks go by the options. */
	if (!has_options_of(next, n))
		return uiommufd_device_refuse(
			dev, -EINVAL,
			"nvme: the state is of a controller with other options: size, namespaces, "
			"queues, mdts, dstrd, cmb and readonly have to be the same");
	saved_fields_get(saved, SAVED, next, parts->fields);
	return is_valid(next) && disk_is_valid(&n->disk, parts) ? 0 : damaged(dev);
}

int nvme_load(struct uiommufd_device *dev, uint32_t version, const void *state, size_t len)
{
	struct nvme *n = nvme_of(dev), *next;
	struct parts parts;
	int rc;

	(void)version;
	if (!split(n, state, len, &parts))
		return damaged(dev);
	next = alloc_zeroed(sizeof(*next));
	if (!next)
		return -ENOMEM;
	memcpy(next, n, sizeof(*next));
	rc = check(dev, &parts, next);
	alloc_free(next);
	if (!rc)
		load_all(dev, &parts);
	return rc;
}
