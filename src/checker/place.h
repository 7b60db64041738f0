/* SPDX-License-Identifier: MIT */
/*
 * What is at an IOVA, and around it: for reports of DMA that went there.
 */
#ifndef CHECKER_PLACE_H
#define CHECKER_PLACE_H

#include "iommu/iommu.h"
#include "report/history.h"

/* A mapping. */
struct place_mapping {
	bool found;
	struct iova_range range;
	unsigned int prot;
	struct origin origin; /* of the MAP; time 0: not recorded */
};

struct place {
	bool found; /* the address space; the rest is 0 otherwise */
	uint32_t ioas_id;
	struct place_mapping at, below, above;
	bool outside; /* no device of the address space can use the IOVA */
	char windows[200];
	bool was_mapped; /* gone is the latest mapping that was there */
	struct history_entry gone;
};

/*
 * *@place: @iova in the address space that @endpoint reaches with @pasid. Context: no lock is held.
 * Cost: O(log n) in what is mapped, O(n) in what is remembered.
 */
void place_find(const struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		struct place *place);

#endif
