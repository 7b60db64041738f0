/* SPDX-License-Identifier: MIT */
/* What reports say of a device: how the program has programmed it. */
#ifndef REPORT_REPORT_DEVICE_H
#define REPORT_REPORT_DEVICE_H

#include "report/device_record.h"
#include "report/report.h"

/*
 * Adds the latest register write with its stack, and those since the same register was written
 * before, which belong to the same request.
 */
void report_writes(struct report *report, const struct device_write *writes, size_t count);

/*
 * Reports @text, of @kind, about the device with the name @device and @record (may be NULL). Logs
 * it if there are no reports. Context: no lock of rank LOCK_DEVICE_RECORD or above is held.
 */
void report_device_mistake(const char *kind, const char *device, struct device_record *record,
			   const char *text);

/* An access of the program to a register of memory. */
struct register_access {
	const char *device, *verb; /* "read", "write" */
	unsigned int bar, size;
	uint64_t offset;
};

/*
 * Reports that the device did not answer @access, because its memory decoding is off. Logs nothing
 * if there are no reports: the program has got an error. Context: as above.
 */
void report_register_silent(const struct register_access *access, struct device_record *record);

#endif
