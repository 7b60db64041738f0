/* SPDX-License-Identifier: MIT */
/*
 * A fault becomes a report in three steps: what is around the address is found (place.c), which
 * mistake it was is told from that, and the report is written. The first takes locks of the engine,
 * the last that of the reports.
 */
#include "checker/dma_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "checker/place.h"
#include "iommu/nested_stale.h"
#include "report/report_device.h"
#include "report/sanitizer.h"
#include "vfio/bar_place.h"

enum {
	NEAR = 4096, /* bytes past the end of a mapping at which a request has overrun it */
	HEADLINE_SIZE = 512,
	DETAIL_SIZE = 200,
};

/* What is known of a fault. */
struct finding {
	struct iommu_endpoint *endpoint;
	const struct dma_fault *fault;
	uint64_t now;
	uint64_t iova; /* that leads nowhere: the device's, or behind stage 1 the guest's */
	struct place place;
	struct device_attach attach;
	struct origin master_off;
	struct device_write writes[DEVICE_WRITES]; /* the newest first */
	size_t write_count;
	bool has_peer; /* @iova is the bus address of a device, for which it may be meant */
	struct vfio_bar_place peer;
	const char *kind;
	char detail[DETAIL_SIZE]; /* what the headline says beyond the cause */
};

/* ---- which mistake it is ---- */

/* Whether the request left the mapping below, in which it had begun or which is very near. */
static bool has_overrun(const struct finding *finding)
{
	const struct place_mapping *below = &finding->place.below;
	const uint64_t request = finding->fault->request_iova;

	if (!below->found)
		return false;
	if (!finding->fault->stage && below->range.start <= request && request <= below->range.last)
		return true;
	return finding->iova - below->range.last <= NEAR;
}

static void describe_overrun(struct finding *finding)
{
	const struct iova_range mapping = finding->place.below.range;
	const struct dma_fault *fault = finding->fault;
	const bool inside = !fault->stage && mapping.start <= fault->request_iova &&
			    fault->request_iova <= mapping.last;
	const uint64_t before = finding->iova - mapping.last - 1;
	const uint64_t beyond =
		inside ? fault->request_len - (mapping.last + 1 - fault->request_iova) : before;

	snprintf(finding->detail, sizeof(finding->detail),
		 "; the request %s %" PRIu64 " bytes past the end of the mapping 0x%" PRIx64
		 "-0x%" PRIx64,
		 inside ? "runs" : "begins", beyond, mapping.start, mapping.last);
}

static void classify_missing(struct finding *finding)
{
	const struct place *place = &finding->place;
	const struct dma_fault *fault = finding->fault;
	char ago[AGO_TEXT_SIZE];

	if (place->at.found) {
		finding->kind = "dma-during-map";
		snprintf(finding->detail, sizeof(finding->detail),
			 "; it has been mapped since, while the request was under way");
	} else if (place->was_mapped && place->gone.unmaps >= fault->unmaps) {
		finding->kind = "dma-during-unmap";
		snprintf(finding->detail, sizeof(finding->detail),
			 "; it was unmapped while the request was under way");
	} else if (place->was_mapped) {
		finding->kind = "dma-after-unmap";
		snprintf(finding->detail, sizeof(finding->detail), "; it was unmapped %s ago",
			 report_ago(place->gone.unmapped.time, finding->now, ago));
	} else if (place->found && place->outside) {
		finding->kind = "dma-outside-windows";
		snprintf(finding->detail, sizeof(finding->detail),
			 "; the IOVA is outside of the ranges that can be mapped");
	} else if (has_overrun(finding)) {
		finding->kind = "dma-past-end";
		describe_overrun(finding);
	} else {
		finding->kind = "dma-never-mapped";
		if (report_settings()->history)
			snprintf(finding->detail, sizeof(finding->detail), "; nor was it before");
	}
}

static void classify_unattached(struct finding *finding)
{
	const uint32_t pasid = finding->fault->pasid;
	char ago[AGO_TEXT_SIZE];

	device_record_last_attach(iommu_endpoint_record(finding->endpoint), pasid,
				  &finding->attach);
	if (finding->attach.origin.time && !finding->attach.attached) {
		finding->kind = "dma-after-detach";
		snprintf(finding->detail, sizeof(finding->detail), "; it was detached %s ago",
			 report_ago(finding->attach.origin.time, finding->now, ago));
	} else if (pasid != NO_PASID) {
		finding->kind = "dma-pasid-not-attached";
		snprintf(finding->detail, sizeof(finding->detail),
			 "; nothing was ever attached for PASID %" PRIu32, pasid);
	} else {
		finding->kind = "dma-before-attach";
		snprintf(finding->detail, sizeof(finding->detail), "; it has not been yet");
	}
}

static void classify_master_off(struct finding *finding)
{
	char ago[AGO_TEXT_SIZE];

	finding->kind = "dma-bus-master-off";
	device_record_off(iommu_endpoint_record(finding->endpoint), DEVICE_MASTER,
			  &finding->master_off);
	if (finding->master_off.time)
		snprintf(finding->detail, sizeof(finding->detail), "; it was turned off %s ago",
			 report_ago(finding->master_off.time, finding->now, ago));
	else
		snprintf(finding->detail, sizeof(finding->detail),
			 "; it has not been turned on since the device was opened or reset");
}

static void classify(struct finding *finding)
{
	if (finding->fault->stage == 1) {
		finding->kind = "dma-stage-1";
		return;
	}
	switch (finding->fault->cause) {
	case DMA_FAULT_NO_DOMAIN:
		classify_unattached(finding);
		break;
	case DMA_FAULT_NOT_MAPPED:
		classify_missing(finding);
		break;
	case DMA_FAULT_PERMISSION:
		finding->kind = "dma-without-right";
		break;
	case DMA_FAULT_MASTER_OFF:
		classify_master_off(finding);
		break;
	case DMA_FAULT_TABLES:
		finding->kind = "dma-stage-1";
		break;
	case DMA_FAULT_MEMORY:
		finding->kind = finding->fault->silent ? "dma-decoding-off" : "dma-memory-gone";
		break;
	case DMA_FAULT_POISONED:
		finding->kind = "dma-freed-memory";
		break;
	case DMA_FAULT_UNINITIALISED:
		finding->kind = "dma-uninitialised-memory";
		break;
	case DMA_FAULT_STALE:
		finding->kind = "dma-stale-translation";
		break;
	}
}

/* ---- the report ---- */

static const char *rights_text(unsigned int prot)
{
	static const char *const texts[] = {"no rights", "read only", "write only", "read-write"};

	return texts[prot & (IOPT_READ | IOPT_WRITE)];
}

static void write_numbers(struct report *report, const struct finding *finding)
{
	const struct dma_fault *fault = finding->fault;

	report_string(report, "direction", fault->dir == DMA_WRITE ? "write" : "read");
	report_hex(report, "iova", fault->iova);
	report_hex(report, "request_iova", fault->request_iova);
	report_number(report, "request_bytes", fault->request_len);
	if (fault->pasid != NO_PASID)
		report_number(report, "pasid", fault->pasid);
	if (finding->place.found)
		report_number(report, "ioas", finding->place.ioas_id);
	if (fault->stage)
		report_number(report, "stage", fault->stage);
}

static void write_mapping(struct report *report, const char *role,
			  const struct place_mapping *mapping, const char *text)
{
	if (mapping->found)
		report_origin(report, role, &mapping->origin,
			      "%s 0x%" PRIx64 "-0x%" PRIx64 ", %s, was mapped", text,
			      mapping->range.start, mapping->range.last,
			      rights_text(mapping->prot));
}

static void write_surroundings(struct report *report, const struct finding *finding)
{
	const struct place *place = &finding->place;

	if (!place->found)
		return;
	report_note(report, "IOAS %" PRIu32 " behind IOMMU %s can map %s", place->ioas_id,
		    iommu_name(iommu_endpoint_iommu(finding->endpoint)), place->windows);
	if (place->at.found)
		return;
	if (place->below.found)
		report_note(report,
			    "nearest mapping below: 0x%" PRIx64 "-0x%" PRIx64 ", %s, ends %" PRIu64
			    " bytes before",
			    place->below.range.start, place->below.range.last,
			    rights_text(place->below.prot),
			    finding->iova - place->below.range.last - 1);
	if (place->above.found)
		report_note(report,
			    "nearest mapping above: 0x%" PRIx64 "-0x%" PRIx64
			    ", %s, begins %" PRIu64 " bytes after",
			    place->above.range.start, place->above.range.last,
			    rights_text(place->above.prot),
			    place->above.range.start - finding->iova);
	if (!place->below.found && !place->above.found)
		report_note(report, "nothing is mapped in IOAS %" PRIu32, place->ioas_id);
	if (finding->has_peer)
		report_note(report,
			    "0x%" PRIx64
			    " is a bus address, in BAR %u of %s: the device is reached "
			    "where that BAR is mapped (VFIO_DEVICE_FEATURE_DMA_BUF, then "
			    "IOMMU_IOAS_MAP_FILE)",
			    finding->iova, finding->peer.bar, finding->peer.device);
}

static void write_history(struct report *report, const struct finding *finding)
{
	const struct place *place = &finding->place;

	if (finding->attach.origin.time)
		report_origin(report, "detached", &finding->attach.origin, "detached");
	report_origin(report, "master_off", &finding->master_off, "bus mastering turned off");
	if (place->at.found) {
		write_mapping(report, "mapped", &place->at, "the mapping");
	} else if (place->was_mapped) {
		report_origin(report, "unmapped", &place->gone.unmapped, "unmapped");
		report_origin(report, "mapped", &place->gone.mapped,
			      "mapped, as 0x%" PRIx64 "-0x%" PRIx64 ",", place->gone.range.start,
			      place->gone.range.last);
	} else if (has_overrun(finding)) {
		write_mapping(report, "mapped_below", &place->below, "the mapping below,");
	}
}

/* What the program's sanitizer knows of the memory. */
static void write_object(struct report *report, const struct sanitizer_finding *finding)
{
	if (finding->size)
		report_note(report,
			    "the address is %" PRIu64 " bytes into an object of %" PRIu64
			    " bytes (%s)",
			    (uint64_t)(uintptr_t)finding->address - finding->start, finding->size,
			    finding->place);
	report_stack(report, "freed", finding->freed, "freed");
	report_stack(report, "allocated", finding->allocated, "allocated");
}

static void write_step(struct report *report, const struct nested_look *look)
{
	const unsigned int last = look->count - 1;

	if (!look->count)
		return;
	if (look->steps[last].context)
		report_note(report,
			    "the last word that a walk reads: 0x%016" PRIx64 " at IPA 0x%" PRIx64,
			    look->steps[last].entry, look->steps[last].ipa);
	else
		report_note(report,
			    "the last entry that a walk reads: 0x%016" PRIx64 " at IPA 0x%" PRIx64
			    ", level %u",
			    look->steps[last].entry, look->steps[last].ipa,
			    look->steps[last].level);
}

/* What the IOTLB has, and what the guest's tables say. */
static void write_stale(struct report *report, const struct stale_finding *stale)
{
	const struct nested_look *look = &stale->look;

	if (stale->cached_known)
		report_note(report, "the IOTLB leads to IPA 0x%" PRIx64, stale->cached);
	if (stale->error)
		report_note(report, "the guest's tables now refuse it, %s: %s",
			    look->fault.name ? look->fault.name : "no name", look->fault.text);
	else
		report_note(report, "the guest's tables now lead to IPA 0x%" PRIx64 ", %s",
			    look->ipa, rights_text(look->prot));
	write_step(report, look);
	report_note(report, "no invalidation has covered it since the tables changed");
}

/* The mapping that the headline is about. */
static void choose_mapping(const struct finding *finding, struct report_dma *dma)
{
	const struct place *place = &finding->place;
	struct iova_range range;

	if (place->at.found)
		range = place->at.range;
	else if (place->was_mapped)
		range = place->gone.range;
	else if (has_overrun(finding))
		range = place->below.range;
	else
		return;
	if (!place->was_mapped || place->at.found)
		dma->prot = place->at.found ? place->at.prot : place->below.prot;
	dma->mapping_iova = range.start;
	dma->mapping_len = range.last - range.start + 1;
}

static void report_dma(struct iommu_endpoint *endpoint, const struct dma_fault *fault)
{
	struct finding finding = {
		.endpoint = endpoint,
		.fault = fault,
		.now = clock_ns(),
		.iova = fault->stage == 2 ? fault->ipa : fault->iova,
	};
	struct report_dma dma = {
		.iommu = iommu_endpoint_iommu(endpoint),
		.pasid = fault->pasid,
		.write = fault->dir == DMA_WRITE,
		.iova = finding.iova,
		.request_iova = fault->request_iova,
		.request_len = fault->request_len,
	};
	char headline[HEADLINE_SIZE];
	struct report *report;

	if (fault->stage != 1 && !fault->stale)
		place_find(endpoint, fault->pasid, finding.iova, &finding.place);
	finding.has_peer =
		vfio_bar_place((struct iova_range){finding.iova, finding.iova}, &finding.peer);
	finding.write_count = device_record_writes(iommu_endpoint_record(endpoint), finding.writes);
	classify(&finding);
	dma.ioas_id = finding.place.ioas_id;
	choose_mapping(&finding, &dma);
	iommu_fault_text(endpoint, fault, headline, sizeof(headline));
	report = report_begin(finding.kind, iommu_endpoint_name(endpoint));
	report_at(report, finding.now);
	report_headline(report, "%s%s", headline, finding.detail);
	report_key(report, fault->dir);
	report_key(report, (uint64_t)fault->stage << 32 | fault->reason);
	report_key(report, fault->cause);
	if (!report_settings()->stacks)
		report_key(report, fault->iova);
	write_numbers(report, &finding);
	report_about_dma(report, &dma);
	if (fault->finding)
		write_object(report, fault->finding);
	if (fault->stale)
		write_stale(report, fault->stale);
	write_surroundings(report, &finding);
	write_history(report, &finding);
	report_writes(report, finding.writes, finding.write_count);
	report_end(report);
}

void dma_report_start(void)
{
	iommu_set_fault_reporter(report_dma);
	sanitizer_start();
}
