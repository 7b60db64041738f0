/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "iommu/nested.h"

int iommu_nested_create(struct iommu_domain *parent, const struct iommu_nested_config *config,
			struct iommu_domain **domain)
{
	(void)parent;
	(void)config;
	(void)domain;
	return -EOPNOTSUPP;
}

void iommu_tlb_invalidate(struct iommu_endpoint *endpoint, const struct iommu_tlb_match *match)
{
	(void)endpoint;
	(void)match;
}

void iommu_tlb_invalidate_parent(struct iommu_domain *parent, const struct iommu_tlb_match *match)
{
	(void)parent;
	(void)match;
}
