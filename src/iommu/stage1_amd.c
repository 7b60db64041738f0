/* SPDX-License-Identifier: MIT */
/*
 * AMD: from a guest's device table entry by PASID to its v2 tables (AMD I/O Virtualization 3.08,
 * 2.2.2.1 and 2.2.6), and the entries of the event log (2.5).
 *
 * Without V or GV there is no stage 1. A request without a PASID is translated like PASID 0 if GIOV
 * is set; otherwise it has no stage 1.
 */
#include "iommu/amd_tables.h"
#include "iommu/iommu_internal.h"
#include "iommu/stage1.h"
#include "iopt/x86_64.h"

enum {
	CONTEXT_GCR3 = 0, /* word of a context */
};

/* 2.5.3: flags in word 0 of IO_PAGE_FAULT and similar events. */
#define EVENT_PASID_19_16 BITS(19, 16)
#define EVENT_PASID_15_0  BITS(47, 32)
#define EVENT_GN	  BIT(48) /* the address is the guest's input */
#define EVENT_US	  BIT(50)
#define EVENT_PR	  BIT(52) /* the entry is present */
#define EVENT_RW	  BIT(53)
#define EVENT_PE	  BIT(54) /* a right is missing */
#define EVENT_RZ	  BIT(55) /* reserved bits are set */

enum {
	EVENT_PASID_SHIFT = 32, /* of the lower 16 bits */
	EVENT_CODE_SHIFT = 60,
};

enum {
	ILLEGAL_DEV_TABLE_ENTRY = 1,
	IO_PAGE_FAULT = 2,
	PAGE_TAB_HARDWARE_ERROR = 4,
};

static unsigned int levels_of(const struct iommu_domain *domain)
{
	return bits_get(domain->config.dte[2], DTE2_GUEST_PAGING) == GUEST_PAGING_5_LEVEL
		       ? X86_5_LEVELS
		       : X86_4_LEVELS;
}

static int amd_find_context(struct stage1_walk *walk)
{
	const uint64_t dte0 = walk->domain->config.dte[0];
	const unsigned int levels = levels_of(walk->domain);
	const bool pasid = walk->pasid != NO_PASID;

	walk->context.bypass = !(dte0 & DTE0_V) || !(dte0 & DTE0_GV) ||
			       (!pasid && !(dte0 & DTE0_GIOV));
	if (walk->context.bypass)
		return 0;
	/* With a PASID, the address is that of a process: sign-extended. */
	if (pasid ? !x86_canonical(walk->iova, levels) : walk->iova >> x86_input_bits(levels))
		return stage1_fail(walk, STAGE1_ADDRESS);
	return 0;
}

static uint64_t gcr3_table(const uint64_t *dte)
{
	return bits_get(dte[0], DTE0_GCR3_14_12) << 12 | bits_get(dte[1], DTE1_GCR3_30_15) << 15 |
	       bits_get(dte[1], DTE1_GCR3_51_31) << 31;
}

/* Walks the GCR3 table. */
static int find_gcr3(struct stage1_walk *walk)
{
	const uint64_t *dte = walk->domain->config.dte;
	uint64_t table = gcr3_table(dte);
	unsigned int level = (unsigned int)bits_get(dte[0], DTE0_GLX);

	if (walk->pasid >> (GCR3_INDEX_BITS * (level + 1)))
		return stage1_fail(walk, STAGE1_BAD_PASID);
	for (;; level--) {
		uint64_t index = (walk->pasid >> (GCR3_INDEX_BITS * level)) &
				 (BIT(GCR3_INDEX_BITS) - 1);
		uint64_t entry;
		int rc;

		rc = stage1_read_context(walk, table + index * sizeof(entry), &entry);
		if (rc)
			return rc;
		if (!(entry & GCR3_VALID))
			return stage1_fail(walk, STAGE1_BAD_PASID);
		table = entry & GCR3_ADDRESS;
		if (!level)
			break;
	}
	walk->context.words[CONTEXT_GCR3] = table;
	stage1_cache_context(walk);
	return 0;
}

static int amd_walk(struct stage1_walk *walk)
{
	int rc;

	if (!walk->has_table && !stage1_cached_context(walk)) {
		rc = find_gcr3(walk);
		if (rc)
			return rc;
	}
	return x86_walk(walk, walk->context.words[CONTEXT_GCR3], levels_of(walk->domain), X86_A);
}

/* Code and flags of the event. */
static uint64_t event_of(const struct stage1_walk *walk)
{
	uint64_t flags = 0;

	switch (walk->error.failure) {
	case STAGE1_MEMORY:
		return (uint64_t)PAGE_TAB_HARDWARE_ERROR << EVENT_CODE_SHIFT;
	case STAGE1_BAD_CONFIG:
		return (uint64_t)ILLEGAL_DEV_TABLE_ENTRY << EVENT_CODE_SHIFT;
	case STAGE1_RESERVED:
		flags = EVENT_PR | EVENT_RZ;
		break;
	case STAGE1_PRIVILEGED:
	case STAGE1_READ_ONLY:
	case STAGE1_WRITE_ONLY:
	case STAGE2_READ:
	case STAGE2_WRITE:
		flags = EVENT_PR | EVENT_PE;
		break;
	default:
		break;
	}
	return (uint64_t)IO_PAGE_FAULT << EVENT_CODE_SHIFT | flags;
}

static const char *event_name(uint64_t code)
{
	switch (code) {
	case ILLEGAL_DEV_TABLE_ENTRY:
		return "ILLEGAL_DEV_TABLE_ENTRY";
	case PAGE_TAB_HARDWARE_ERROR:
		return "PAGE_TAB_HARDWARE_ERROR";
	default:
		return "IO_PAGE_FAULT";
	}
}

void amd_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	const uint64_t event = event_of(walk);
	/* Stage 2 is asked for reads, except for updates of entries and for the page itself. */
	const bool write = walk->error.failure == STAGE2_WRITE ||
			   (stage1_writes(walk) && fault->access == DMA_FAULT_AT_PAGE) ||
			   (stage1_writes(walk) && fault->stage == 1);

	fault->reason = (uint32_t)(event >> EVENT_CODE_SHIFT);
	fault->name = event_name(fault->reason);
	fault->event[0] = event | EVENT_US | (write ? EVENT_RW : 0) |
			  (walk->pasid & EVENT_PASID_19_16) |
			  ((uint64_t)walk->pasid << EVENT_PASID_SHIFT & EVENT_PASID_15_0);
	if (fault->stage == 1)
		fault->event[0] |= EVENT_GN;
	fault->event[1] = fault->stage == 1 ? walk->iova : walk->error.ipa;
}

const struct stage1_ops stage1_amd = {
	.find_context = amd_find_context,
	.walk = amd_walk,
	.describe = amd_describe,
	.by_pasid = true,
	.entries = &iopt_x86_64,
};
