/* SPDX-License-Identifier: MIT */
/* Two small rings, and a moment. */
#include "report/device_record.h"

#include <string.h>

#include "base/alloc.h"
#include "base/lock.h"

enum {
	CHECKS = 32 /* for each register write */
};

struct device_record {
	atomic_uint checks; /* that are permitted still; approximate */
	struct lock lock;   /* guards the rest */
	uint64_t write_count;
	struct device_write writes[DEVICE_WRITES];
	uint64_t attach_count;
	struct device_attach attaches[DEVICE_ATTACHES];
	bool on[DEVICE_SWITCHES];
	struct origin off[DEVICE_SWITCHES];
};

struct device_record *device_record_create(void)
{
	struct device_record *record = recording() ? alloc_zeroed(sizeof(*record)) : NULL;

	if (record)
		lock_init(&record->lock, LOCK_DEVICE_RECORD);
	return record;
}

void device_record_destroy(struct device_record *record)
{
	if (record)
		lock_destroy(&record->lock);
	alloc_free(record);
}

static void add_write(struct device_record *record, const struct device_write *write)
{
	lock_acquire(&record->lock);
	record->writes[record->write_count++ % DEVICE_WRITES] = *write;
	lock_release(&record->lock);
	atomic_store_explicit(&record->checks, CHECKS, memory_order_relaxed);
}

void device_record_write(struct device_record *record, unsigned int bar, uint64_t offset,
			 unsigned int size, uint64_t value)
{
	struct device_write write = {.offset = offset, .value = value, .bar = bar, .size = size};

	if (!record)
		return;
	origin_capture_now(&write.origin);
	add_write(record, &write);
}

void device_record_unseen_write(struct device_record *record, unsigned int bar, uint64_t offset,
				unsigned int size, uint64_t value)
{
	const struct device_write write = {
		.offset = offset, .value = value, .bar = bar, .size = size};

	if (record)
		add_write(record, &write);
}

bool device_record_has_checks(const struct device_record *record)
{
	return record && atomic_load_explicit(&record->checks, memory_order_relaxed);
}

bool device_record_take_check(struct device_record *record)
{
	unsigned int left;

	if (!record)
		return false;
	left = atomic_load_explicit(&record->checks, memory_order_relaxed);
	if (!left)
		return false;
	atomic_store_explicit(&record->checks, left - 1, memory_order_relaxed);
	return true;
}

void device_record_attach(struct device_record *record, uint32_t pasid, bool attached)
{
	struct device_attach attach = {.pasid = pasid, .attached = attached};
	size_t at = 0;

	if (!record)
		return;
	origin_capture_now(&attach.origin);
	lock_acquire(&record->lock);
	while (at < DEVICE_ATTACHES &&
	       !(record->attaches[at].origin.time && record->attaches[at].pasid == pasid))
		at++;
	if (at == DEVICE_ATTACHES)
		at = record->attach_count++ % DEVICE_ATTACHES;
	record->attaches[at] = attach;
	lock_release(&record->lock);
}

void device_record_switch(struct device_record *record, enum device_switch which, bool on)
{
	struct origin now;

	if (!record)
		return;
	origin_capture_now(&now);
	lock_acquire(&record->lock);
	if (record->on[which] && !on)
		record->off[which] = now;
	record->on[which] = on;
	lock_release(&record->lock);
}

size_t device_record_writes(struct device_record *record, struct device_write *writes)
{
	size_t count;

	if (!record)
		return 0;
	lock_acquire(&record->lock);
	count = record->write_count < DEVICE_WRITES ? record->write_count : DEVICE_WRITES;
	for (size_t i = 0; i < count; i++)
		writes[i] = record->writes[(record->write_count - 1 - i) % DEVICE_WRITES];
	lock_release(&record->lock);
	return count;
}

void device_record_last_attach(struct device_record *record, uint32_t pasid,
			       struct device_attach *attach)
{
	*attach = (struct device_attach){.pasid = pasid};
	if (!record)
		return;
	lock_acquire(&record->lock);
	for (size_t i = 0; i < DEVICE_ATTACHES; i++)
		if (record->attaches[i].origin.time && record->attaches[i].pasid == pasid)
			*attach = record->attaches[i];
	lock_release(&record->lock);
}

void device_record_off(struct device_record *record, enum device_switch which,
		       struct origin *origin)
{
	*origin = (struct origin){.time = 0};
	if (!record)
		return;
	lock_acquire(&record->lock);
	*origin = record->off[which];
	lock_release(&record->lock);
}
