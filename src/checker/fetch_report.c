/* SPDX-License-Identifier: MIT */
/* See fetch_report.h: which bytes have changed, who mapped them, and who started the device. */
#include "checker/fetch_report.h"

#include <inttypes.h>

#include "checker/place.h"
#include "report/report_device.h"
#include "vfio/double_fetch.h"

static void report_double_fetch(const struct double_fetch *fetch)
{
	const char *device = iommu_endpoint_name(fetch->endpoint);
	struct device_record *record = iommu_endpoint_record(fetch->endpoint);
	struct device_write writes[DEVICE_WRITES]; /* the newest first */
	const size_t count = device_record_writes(record, writes);
	struct report *report;
	struct place place;

	place_find(fetch->endpoint, fetch->pasid, fetch->iova, &place);
	report = report_begin("double-fetch", device);
	report_headline(report,
			"%s: DMA reads %" PRIu64 " bytes at IOVA 0x%" PRIx64
			" a second time, and the byte at 0x%" PRIx64
			" has changed in between, from 0x%02x to 0x%02x",
			device, fetch->second_len, fetch->second_iova, fetch->iova, fetch->before,
			fetch->now);
	report_key(report, fetch->iova - fetch->first_iova);
	report_hex(report, "iova", fetch->iova);
	report_hex(report, "request_iova", fetch->second_iova);
	report_number(report, "request_bytes", fetch->second_len);
	report_note(report,
		    "the read before was of %" PRIu64 " bytes at IOVA 0x%" PRIx64
		    "; no DMA write, interrupt or register write came between",
		    fetch->first_len, fetch->first_iova);
	if (place.at.found)
		report_origin(report, "mapped", &place.at.origin,
			      "the mapping 0x%" PRIx64 "-0x%" PRIx64 " was mapped",
			      place.at.range.start, place.at.range.last);
	report_writes(report, writes, count);
	report_end(report);
}

void fetch_report_start(void)
{
	double_fetch_set_reporter(report_double_fetch);
}
