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
