/* SPDX-License-Identifier: MIT */
/* What a kind of IOMMU is: facts only. iommu/kind.c has the table of kinds. */
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
 * One of the tables that a kind has, and the requests that it serves: bit n of @combinations says
 * that it serves the combination n of enum domain_flags.
 */
struct kind_variant {
	uint8_t combinations;
	const struct iopt_format *format;
	struct iopt_config config;
	struct iova_range aperture; /* at most what the table can map */
};

struct iommu_kind {
	const char *name;
	const char *alias; /* NULL: none */
	const char *summary;
	struct kind_variant variants[KIND_MAX_VARIANTS];
	size_t variant_count;
	struct iova_range gaps[KIND_MAX_GAPS]; /* in the apertures, but not translated */
	size_t gap_count;
	struct resv_region reserved[KIND_MAX_RESV]; /* for every device behind it, ascending */
	size_t reserved_count;
	enum iommu_nesting nesting;
	unsigned int pasid_bits; /* 0: no PASIDs */
	uint64_t capabilities;	 /* enum iommufd_hw_capabilities */
	bool scattered;		 /* iommu_domain_scattered() */
	bool enforces_coherency; /* iommu_domain_enforces_coherency() */
	bool own_tables;       /* a table is of one IOMMU: devices of others do not go through it */
	uint32_t hw_info_type; /* enum iommu_hw_info_type */
	/*
	 * Writes the structure of that type to @info, at most HW_INFO_MAX bytes, and returns its
	 * length. NULL: there is none.
	 */
	size_t (*hw_info)(const struct iommu_kind *kind, void *info);

	/*
	 * Chooses the table for a request with data. NULL: the kind takes no data. Errors like
	 * iommu_domain_create().
	 */
	int (*choose)(const struct iommu_kind *kind, const struct user_data *data,
		      const struct kind_variant **variant);

	/*
	 * Called before @endpoint goes through @domain (NULL: through none) for @pasid. May refuse
	 * with a negative errno, unless @domain is NULL. Nothing fails after it has returned 0.
	 * NULL: always permitted.
	 */
	int (*attach)(struct iommu_endpoint *endpoint, uint32_t pasid, struct iommu_domain *domain);
};

/* kind->hw_info of the hardware that has one (iommu/hw_registers.c). */
size_t hw_info_intel(const struct iommu_kind *kind, void *info);
size_t hw_info_amd(const struct iommu_kind *kind, void *info);
size_t hw_info_smmuv3(const struct iommu_kind *kind, void *info);

#endif
