/* SPDX-License-Identifier: MIT */
/*
 * Looks for a forgotten invalidation: DMA that went through the IOTLB to where the guest's tables
 * do not lead any more.
 *
 * A look walks all of stage 1, which costs several times what a hit does. So only the first DMAs
 * after each register write of the device are looked at (device_record_take_check()), and none if
 * nothing is recorded.
 */
#ifndef IOMMU_NESTED_STALE_H
#define IOMMU_NESTED_STALE_H

#include "iommu/nested_domain.h"

struct translation;

/* What was found: the translation that was used, and what the tables say now. */
struct stale_finding {
	bool found; /* the rest is set if so */
	uint64_t iova;
	enum dma_dir dir;
	bool cached_known; /* cached is the IPA that the IOTLB has */
	uint64_t cached;
	uint64_t generation; /* of the IOTLB, then */
	int error;	     /* of the walk now: 0, or look.fault says what is wrong */
	struct nested_look look;
};

/*
 * After the IOTLB has answered @t: sets *t->stale if the tables lead elsewhere now. Finds only one.
 * Context: inside the gate, in a read-side critical section.
 */
void nested_check_stale(const struct translation *t);

/* Whether no invalidation has come since: the guest has not just been about to make it. */
bool nested_stale_stands(const struct iommu_endpoint *endpoint, const struct stale_finding *stale);

#endif
