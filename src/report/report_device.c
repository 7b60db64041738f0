/* SPDX-License-Identifier: MIT */
/* The writes are copied from the record before the report begins. */
#include "report/report_device.h"

#include <inttypes.h>

#include "base/log.h"

static bool is_same_register(const struct device_write *a, const struct device_write *b)
{
	return a->bar == b->bar && a->offset == b->offset;
}

void report_writes(struct report *report, const struct device_write *writes, size_t count)
{
	if (!count)
		return;
	report_origin(report, "programmed", &writes[0].origin,
		      "latest register write: 0x%" PRIx64 " (%u bytes) to BAR %u + 0x%" PRIx64,
		      writes[0].value, writes[0].size, writes[0].bar, writes[0].offset);
	for (size_t i = 1; i < count && !is_same_register(&writes[0], &writes[i]); i++)
		report_note(report, "before that: 0x%" PRIx64 " (%u bytes) to BAR %u + 0x%" PRIx64,
			    writes[i].value, writes[i].size, writes[i].bar, writes[i].offset);
}

void report_register_silent(const struct register_access *access, struct device_record *record)
{
	struct origin now, off;
	struct report *report;
	char ago[AGO_TEXT_SIZE];

	if (!report_started())
		return;
	origin_capture(&now);
	device_record_off(record, DEVICE_MEMORY, &off);
	report = report_begin("register-decoding-off", access->device);
	report_headline(report,
			"%s: %s of %u bytes at BAR %u + 0x%" PRIx64
			" reaches nothing: memory decoding is off (command register, bit 1)%s%s%s",
			access->device, access->verb, access->size, access->bar, access->offset,
			off.time ? "; it was turned off " : "",
			off.time ? report_ago(off.time, now.time, ago) : "",
			off.time ? " ago" : "");
	report_number(report, "bar", access->bar);
	report_hex(report, "offset", access->offset);
	report_origin(report, "caller", &now, "accessed");
	report_origin(report, "memory_off", &off, "memory decoding turned off");
	report_end(report);
}

void report_device_mistake(const char *kind, const char *device, struct device_record *record,
			   const char *text)
{
	struct device_write writes[DEVICE_WRITES];
	struct report *report;
	size_t count;

	if (!report_started()) {
		log_fault("%s: %s", device, text);
		return;
	}
	count = device_record_writes(record, writes);
	report = report_begin(kind, device);
	report_headline(report, "%s: %s", device, text);
	report_writes(report, writes, count);
	report_end(report);
}
