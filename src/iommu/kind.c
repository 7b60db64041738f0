/* SPDX-License-Identifier: MIT */
/*
 * The kinds of IOMMU that can be emulated, as a table of facts: widths and windows from the
 * specifications, and Linux' use of them (the table for each request, reserved ranges of the
 * platform).
 */
#include <string.h>

#include <uiommufd/iommufd.h>

#include "iommu/kind.h"

/* Combinations of enum domain_flags, as bits of kind_variant.combinations. */
#define COMBINATION(flags) (1u << (flags))
#define NEST		   DOMAIN_NEST_PARENT
#define DIRTY		   DOMAIN_DIRTY
#define PASID		   DOMAIN_PASID

#define APERTURE_BITS(bits)                    \
	{                                      \
		0, (UINT64_C(1) << (bits)) - 1 \
	}

#define APERTURE_ALL          \
	{                     \
		0, UINT64_MAX \
	}

/* A table for requests without flags only. */
#define PLAIN_VARIANT(table, bits, window)                           \
	{                                                            \
		.combinations = COMBINATION(0), .format = (table),   \
		.config = {.iova_bits = (bits)}, .aperture = window, \
	}

/* x86: writes here are interrupts, which the IOMMU does not translate. */
#define X86_MSI_WINDOW                                              \
	{                                                           \
		.range = {0xfee00000, 0xfeefffff}, .type = RESV_MSI \
	}

/* AMD: the HyperTransport window at the top of 40 bits. */
#define AMD_HT_WINDOW                                                        \
	{                                                                    \
		.range = {0xfd00000000, 0xffffffffff}, .type = RESV_RESERVED \
	}

/* Arm: software maps the doorbells of the interrupt controller here. */
#define ARM_SW_MSI_WINDOW                                            \
	{                                                            \
		.range = {0x8000000, 0x80fffff}, .type = RESV_SW_MSI \
	}

static const struct iommu_kind kinds[] = {
	{
		.name = "amd",
		.summary = "AMD-Vi: v1 tables, 64-bit IOVA, every power of two from 4K; "
			   "v2 tables (47 bits) with PASID",
		.variants =
			{
				{
					.combinations = COMBINATION(0) | COMBINATION(DIRTY) |
							COMBINATION(NEST) |
							COMBINATION(NEST | DIRTY),
					.format = &iopt_amdv1,
					.config = {.iova_bits = 64},
					.aperture = {0, UINT64_MAX},
				},
				{
					.combinations = COMBINATION(PASID),
					.format = &iopt_x86_64,
					.config = {.iova_bits = 48},
					.aperture = APERTURE_BITS(47),
				},
			},
		.variant_count = 2,
		.reserved = {X86_MSI_WINDOW, AMD_HT_WINDOW},
		.reserved_count = 2,
		.nesting = IOMMU_NESTS_CONTEXTS,
		.pasid_bits = 16,
		.capabilities = IOMMU_HW_CAP_DIRTY_TRACKING,
		.enforces_coherency = true,
		.hw_info_type = IOMMU_HW_INFO_TYPE_AMD,
		.hw_info = hw_info_amd,
	},
	{
		.name = "intel",
		.summary = "VT-d, scalable mode: first-stage tables (47 bits of IOVA); "
			   "second stage (48 bits) for nesting and dirty tracking",
		.variants =
			{
				{
					.combinations = COMBINATION(0) | COMBINATION(PASID),
					.format = &iopt_x86_64,
					.config = {.iova_bits = 48, .features = IOPT_SIGN_EXTEND},
					.aperture = APERTURE_BITS(47),
				},
				{
					.combinations = COMBINATION(NEST) | COMBINATION(DIRTY) |
							COMBINATION(NEST | DIRTY) |
							COMBINATION(NEST | PASID) |
							COMBINATION(DIRTY | PASID) |
							COMBINATION(NEST | DIRTY | PASID),
					.format = &iopt_vtdss,
					.config = {.iova_bits = 48},
					.aperture = APERTURE_BITS(48),
				},
			},
		.variant_count = 2,
		.reserved = {X86_MSI_WINDOW},
		.reserved_count = 1,
		.nesting = IOMMU_NESTS_TABLES,
		.pasid_bits = 20,
		.capabilities = IOMMU_HW_CAP_DIRTY_TRACKING,
		.enforces_coherency = true,
		.hw_info_type = IOMMU_HW_INFO_TYPE_INTEL_VTD,
		.hw_info = hw_info_intel,
	},
	{
		.name = "smmuv3",
		.alias = "smmu",
		.summary = "Arm SMMUv3: stage 1 (48 bits of IOVA), stage 2 as nesting parent; "
			   "software MSI window",
		.variants =
			{
				{
					.combinations = COMBINATION(0) | COMBINATION(PASID) |
							COMBINATION(DIRTY) |
							COMBINATION(DIRTY | PASID),
					.format = &iopt_arm_s1,
					.config = {.iova_bits = 48},
					.aperture = APERTURE_BITS(48),
				},
				{
					.combinations = COMBINATION(NEST),
					.format = &iopt_arm_s2,
					.config = {.iova_bits = 48},
					.aperture = APERTURE_BITS(48),
				},
			},
		.variant_count = 2,
		.reserved = {ARM_SW_MSI_WINDOW},
		.reserved_count = 1,
		.nesting = IOMMU_NESTS_CONTEXTS,
		.pasid_bits = 20,
		.capabilities = IOMMU_HW_CAP_DIRTY_TRACKING,
		.own_tables = true,
		.hw_info_type = IOMMU_HW_INFO_TYPE_ARM_SMMUV3,
		.hw_info = hw_info_smmuv3,
	},
	{
		.name = "riscv",
		.summary = "RISC-V IOMMU: Sv48 tables, 47 bits of IOVA",
		.variants =
			{
				{
					.combinations = COMBINATION(0),
					.format = &iopt_riscv,
					.config = {.iova_bits = 48},
					.aperture = APERTURE_BITS(47),
				},
			},
		.variant_count = 1,
	},
	{
		/* The tables are AMD's: the paravirtual interface of POWER does not show any. */
		.name = "power",
		.alias = "power2win",
		.summary = "POWER paravirtual: two windows, 1 GiB from 0 and 2^45 bytes from 2^59",
		.variants =
			{
				{
					.combinations = COMBINATION(0),
					.format = &iopt_amdv1,
					.config = {.iova_bits = 64},
					.aperture = {0, 0x8001fffffffffff},
				},
			},
		.variant_count = 1,
		.gaps = {{0x40000000, 0x7ffffffffffffff}},
		.gap_count = 1,
	},
	/* Plain kinds, for planning address spaces: a width, and at most one hole. */
	{
		.name = "x86",
		.summary = "plain: 48 bits of IOVA but for the MSI window of x86",
		.variants = {PLAIN_VARIANT(&iopt_vtdss, 48, APERTURE_BITS(48))},
		.variant_count = 1,
		.reserved = {X86_MSI_WINDOW},
		.reserved_count = 1,
	},
	{
		.name = "45bit",
		.summary = "plain: 45 bits of IOVA",
		.variants = {PLAIN_VARIANT(&iopt_amdv1, 64, APERTURE_BITS(45))},
		.variant_count = 1,
	},
	{
		.name = "64bit",
		.summary = "plain: 64 bits of IOVA",
		.variants = {PLAIN_VARIANT(&iopt_amdv1, 64, APERTURE_ALL)},
		.variant_count = 1,
	},
	{
		.name = "hole64",
		.summary = "plain: 64 bits of IOVA with a hole, 0xaaaa0000-0xbbbaffff",
		.variants = {PLAIN_VARIANT(&iopt_amdv1, 64, APERTURE_ALL)},
		.variant_count = 1,
		.reserved = {{.range = {0xaaaa0000, 0xbbbaffff}, .type = RESV_RESERVED}},
		.reserved_count = 1,
	},
};

enum {
	KIND_COUNT = sizeof(kinds) / sizeof(kinds[0])
};

const struct iommu_kind *iommu_kind_at(size_t index)
{
	return index < KIND_COUNT ? &kinds[index] : NULL;
}

const struct iommu_kind *iommu_kind_find(const char *name)
{
	for (size_t i = 0; i < KIND_COUNT; i++) {
		if (!strcmp(kinds[i].name, name) ||
		    (kinds[i].alias && !strcmp(kinds[i].alias, name)))
			return &kinds[i];
	}
	return NULL;
}

const char *iommu_kind_name(const struct iommu_kind *kind)
{
	return kind->name;
}

const char *iommu_kind_alias(const struct iommu_kind *kind)
{
	return kind->alias;
}

const char *iommu_kind_summary(const struct iommu_kind *kind)
{
	return kind->summary;
}

const char *iommu_resv_word(enum resv_type type)
{
	static const char *const words[] = {
		[RESV_DIRECT] = "direct",     [RESV_DIRECT_RELAXABLE] = "direct-relaxable",
		[RESV_RESERVED] = "reserved", [RESV_MSI] = "msi",
		[RESV_SW_MSI] = "msi",
	};

	return words[type];
}
