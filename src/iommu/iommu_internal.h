/* SPDX-License-Identifier: MIT */
/* What the files of iommu/ share. */
#ifndef IOMMU_INTERNAL_H
#define IOMMU_INTERNAL_H

#include <errno.h>
#include <stdatomic.h>

#include "iommu/kind.h"

struct iommu {
	const struct iommu_kind *kind;
	uint32_t refs;
	char name[];
};

struct iommu_domain {
	struct iommu *iommu;
	const struct iommu_variant *variant;
	unsigned int flags; /* enum iommu_domain_flags */
	struct iopt *table;
	bool dirty; /* DMA writes mark their leaves */
};

/* The domains of PASIDs: replaced whole, so that DMA reads it without a lock. Sorted by PASID. */
struct pasid_table {
	size_t count;
	struct {
		uint32_t pasid;
		struct iommu_domain *domain;
	} entries[];
};

struct iommu_endpoint {
	struct iommu *iommu;
	_Atomic(struct iommu_domain *) rid_domain;
	_Atomic(struct pasid_table *) pasids; /* NULL: none; freed after a grace period */
	uint64_t capabilities;
	uint32_t max_pasids;
	void *driver;
	iommu_fault_handler handler;
	void *handler_arg;
	char name[];
};

#endif
