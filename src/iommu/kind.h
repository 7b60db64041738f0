/* SPDX-License-Identifier: MIT */
/* What a kind of IOMMU is: facts only (iommu/kind.c holds the table of them). */
#ifndef IOMMU_KIND_H
#define IOMMU_KIND_H

#include "iommu/iommu.h"
#include "iommu/user_data.h"

enum {
	KIND_MAX_VARIANTS = 2,
	KIND_MAX_RESV = 8,
	KIND_MAX_GAPS = 8
};

/*
 * One of the tables that a kind makes, and for which requests: a combination is a set of
 * enum domain_flags, and bit n of @combinations says that combination n is served by it.
 */
struct kind_variant {
	uint8_t combinations;
	const struct iopt_format *format;
	struct iopt_config config;
	struct iova_range aperture; /* at most what the table can map */
};

struct iommu_kind {
	const char *name;
	const char *alias; /* another name; NULL: none */
	const char *summary;
	struct kind_variant variants[KIND_MAX_VARIANTS];
	size_t variant_count;
	struct iova_range gaps[KIND_MAX_GAPS]; /* inside the apertures, not translated */
	size_t gap_count;
	struct resv_region reserved[KIND_MAX_RESV]; /* of every device behind it, ascending */
	size_t reserved_count;
	unsigned int pasid_bits; /* 0: no PASIDs */
	uint64_t capabilities;	 /* enum iommufd_hw_capabilities */
	bool scattered;		 /* iommu_domain_scattered() */
	bool enforces_coherency; /* iommu_domain_enforces_coherency() */
	uint32_t hw_info_type;	 /* enum iommu_hw_info_type */
	/*
	 * Writes the structure of that type, at most HW_INFO_MAX bytes; returns its length.
	 * NULL: none.
	 */
	size_t (*hw_info)(const struct iommu_kind *kind, void *info);

	/*
	 * The table for a request that comes with data. NULL: none takes any. Errors as
	 * iommu_domain_create().
	 */
	int (*choose)(const struct iommu_kind *kind, const struct user_data *data,
		      const struct kind_variant **variant);

	/*
	 * Told that @endpoint is about to go through @domain (NULL: through none) for @pasid, and
	 * may refuse with a negative errno, but not NULL. Nothing fails after it agreed. NULL:
	 * agrees.
	 */
	int (*attach)(struct iommu_endpoint *endpoint, uint32_t pasid, struct iommu_domain *domain);
};

/* The hardware's own description of itself (iommu/hw_registers.c). */
size_t hw_info_intel(const struct iommu_kind *kind, void *info);
size_t hw_info_amd(const struct iommu_kind *kind, void *info);
size_t hw_info_smmuv3(const struct iommu_kind *kind, void *info);

#endif
