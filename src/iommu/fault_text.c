/* SPDX-License-Identifier: MIT */
/*
 * A fault as one line: device, address, and the cause in words. It goes to the log, or to a
 * reporter, which knows more of what is mapped.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/log.h"
#include "iommu/iommu_internal.h"

enum {
	ENTRY_MAX = 80,
	TEXT_MAX = 256,
	LINE_MAX = 512,
};

static _Atomic(dma_fault_reporter) fault_reporter;

const char *iommu_fault_cause(const struct dma_fault *fault)
{
	switch (fault->cause) {
	case DMA_FAULT_NO_DOMAIN:
		return "the device is not attached to an address space";
	case DMA_FAULT_NOT_MAPPED:
		return "nothing is mapped there";
	case DMA_FAULT_PERMISSION:
		return fault->dir == DMA_WRITE ? "mapped without WRITEABLE"
					       : "mapped without READABLE";
	case DMA_FAULT_MASTER_OFF:
		return "bus mastering is off (command register, bit 2)";
	case DMA_FAULT_POISONED:
		return "the program has freed that memory, or never owned it";
	case DMA_FAULT_UNINITIALISED:
		return "the program has never written that memory";
	case DMA_FAULT_STALE:
		return "that page is in the IOTLB, but not in the guest's tables any more";
	case DMA_FAULT_MEMORY:
		if (fault->silent)
			return fault->silent;
		break;
	case DMA_FAULT_TABLES:
		break;
	}
	return "mapped, but the memory behind it is gone";
}

/* Stage 1: the entry that caused it. */
static void describe_entry(const struct dma_fault *fault, char *text)
{
	if (fault->has_entry)
		snprintf(text, ENTRY_MAX, " (level %u entry 0x%016" PRIx64 " at 0x%" PRIx64 ")",
			 fault->level, fault->entry, fault->ipa);
	else if (fault->cause == DMA_FAULT_MEMORY)
		snprintf(text, ENTRY_MAX, " (at 0x%" PRIx64 ")", fault->ipa);
	else
		text[0] = '\0';
}

static void describe_stage1(const struct dma_fault *fault, char *text)
{
	char entry[ENTRY_MAX];

	describe_entry(fault, entry);
	snprintf(text, TEXT_MAX, "stage 1, %s: %s%s", fault->name, fault->text, entry);
}

static void describe_stage2(const struct dma_fault *fault, char *text)
{
	static const char *const accesses[] = {
		[DMA_FAULT_AT_CONTEXT] = "a context descriptor",
		[DMA_FAULT_AT_TABLE] = "a stage-1 table entry",
		[DMA_FAULT_AT_PAGE] = "the page",
	};

	snprintf(text, TEXT_MAX, "stage 2, %s, at 0x%" PRIx64 " for %s: %s", fault->name,
		 fault->ipa, accesses[fault->access], fault->text);
}

void iommu_fault_text(const struct iommu_endpoint *endpoint, const struct dma_fault *fault,
		      char *line, size_t size)
{
	const char *verb = fault->dir == DMA_WRITE ? "write" : "read";
	char pasid[32] = "", text[TEXT_MAX];

	if (fault->pasid != NO_PASID)
		snprintf(pasid, sizeof(pasid), "PASID %" PRIu32 " ", fault->pasid);
	if (fault->stage == 1)
		describe_stage1(fault, text);
	else if (fault->stage == 2)
		describe_stage2(fault, text);
	else
		snprintf(text, sizeof(text), "%s", iommu_fault_cause(fault));
	snprintf(line, size,
		 "%s: DMA %s of %" PRIu64 " bytes at %sIOVA 0x%" PRIx64 " %s 0x%" PRIx64 ": %s",
		 endpoint->name, verb, fault->request_len, pasid, fault->request_iova,
		 fault->finding || fault->stale ? "reaches" : "failed at", fault->iova, text);
}

void iommu_set_fault_reporter(dma_fault_reporter reporter)
{
	atomic_store(&fault_reporter, reporter);
}

void iommu_fault_report(struct iommu_endpoint *endpoint, const struct dma_fault *fault)
{
	const dma_fault_reporter reporter = atomic_load(&fault_reporter);
	char line[LINE_MAX];

	if (reporter) {
		reporter(endpoint, fault);
		return;
	}
	iommu_fault_text(endpoint, fault, line, sizeof(line));
	log_fault("%s", line);
}
