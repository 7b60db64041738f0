/* SPDX-License-Identifier: MIT */
/*
 * The emulated hardware's description of itself, in the registers of the real hardware. Only what
 * the emulation supports is announced.
 */
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/bits.h"
#include "iommu/kind.h"

#define FIELD(value, shift) ((uint64_t)(value) << (shift))

/* VT-d 5.0, 11.4.2: Capability Register. */
#define VTD_CAP_ND_64K	   FIELD(6, 0) /* domain-ids: 2^16 */
#define VTD_CAP_SAGAW_48   FIELD(4, 8) /* second stage: 4 levels */
#define VTD_CAP_MGAW(bits) FIELD((bits)-1, 16)
#define VTD_CAP_SSLPS	   FIELD(3, 34)	 /* second stage: 2M and 1G pages */
#define VTD_CAP_PSI	   BIT(39)	 /* page-selective invalidation */
#define VTD_CAP_MAMV	   FIELD(18, 48) /* of at most 2^18 pages */
#define VTD_CAP_DWD	   BIT(54)	 /* drains writes */
#define VTD_CAP_DRD	   BIT(55)	 /* drains reads */
#define VTD_CAP_FS1GP	   BIT(56)	 /* first stage: 1G pages */
#define VTD_CAP_FS5LP	   BIT(60)	 /* first stage: 5 levels */

/* VT-d 5.0, 11.4.3: Extended Capability Register. */
#define VTD_ECAP_C	   BIT(0)  /* walks are coherent */
#define VTD_ECAP_QI	   BIT(1)  /* queued invalidation */
#define VTD_ECAP_PT	   BIT(6)  /* pass through */
#define VTD_ECAP_NEST	   BIT(26) /* nested translation */
#define VTD_ECAP_EAFS	   BIT(34) /* first stage: extended accessed flag */
#define VTD_ECAP_PSS(bits) FIELD((bits)-1, 35)
#define VTD_ECAP_PASID	   BIT(40)
#define VTD_ECAP_SMTS	   BIT(43) /* scalable mode */
#define VTD_ECAP_SSADS	   BIT(45) /* second stage: accessed and dirty */
#define VTD_ECAP_SSTS	   BIT(46) /* second stage in scalable mode */
#define VTD_ECAP_FSTS	   BIT(47) /* first stage in scalable mode */

size_t hw_info_intel(const struct iommu_kind *kind, void *info)
{
	const struct iommu_hw_info_vtd vtd = {
		/* Linux says so whatever the hardware, and nest parents behave so [FORMAT-VTD]. */
		.flags = IOMMU_HW_INFO_VTD_ERRATA_772415_SPR17,
		.cap_reg = VTD_CAP_ND_64K | VTD_CAP_SAGAW_48 | VTD_CAP_MGAW(48) | VTD_CAP_SSLPS |
			   VTD_CAP_PSI | VTD_CAP_MAMV | VTD_CAP_DWD | VTD_CAP_DRD | VTD_CAP_FS1GP |
			   VTD_CAP_FS5LP,
		.ecap_reg = VTD_ECAP_C | VTD_ECAP_QI | VTD_ECAP_PT | VTD_ECAP_NEST | VTD_ECAP_EAFS |
			    VTD_ECAP_PSS(kind->pasid_bits) | VTD_ECAP_PASID | VTD_ECAP_SMTS |
			    VTD_ECAP_SSADS | VTD_ECAP_SSTS | VTD_ECAP_FSTS,
	};

	memcpy(info, &vtd, sizeof(vtd));
	return sizeof(vtd);
}

/* AMD I/O Virtualization 3.08, 3.4.9: Extended Feature Register. */
#define AMD_EFR_GTSUP	     BIT(4) /* guest translation: v2 tables */
#define AMD_EFR_IASUP	     BIT(6) /* INVALIDATE_IOMMU_ALL */
#define AMD_EFR_HATS_6LEVEL  FIELD(2, 10)
#define AMD_EFR_GATS_4LEVEL  FIELD(0, 12)
#define AMD_EFR_GLXSUP	     FIELD(1, 14) /* GCR3 tables of two levels */
#define AMD_EFR_PASMAX(bits) FIELD((bits)-1, 32)
#define AMD_EFR_HASUP	     BIT(49) /* host access bit */
#define AMD_EFR_HDSUP	     BIT(52) /* host dirty bit */

size_t hw_info_amd(const struct iommu_kind *kind, void *info)
{
	const struct iommu_hw_info_amd amd = {
		.efr = AMD_EFR_GTSUP | AMD_EFR_IASUP | AMD_EFR_HATS_6LEVEL | AMD_EFR_GATS_4LEVEL |
		       AMD_EFR_GLXSUP | AMD_EFR_PASMAX(kind->pasid_bits) | AMD_EFR_HASUP |
		       AMD_EFR_HDSUP,
	};

	memcpy(info, &amd, sizeof(amd));
	return sizeof(amd);
}

/* Arm SMMUv3 (IHI 0070), 6.3.1: SMMU_IDR0. */
#define SMMU_IDR0_S2P	     BIT(0)
#define SMMU_IDR0_S1P	     BIT(1)
#define SMMU_IDR0_TTF_64     FIELD(2, 2) /* AArch64 tables */
#define SMMU_IDR0_COHACC     BIT(4)
#define SMMU_IDR0_HTTU_AD    FIELD(2, 6) /* updates access flag and dirty state */
#define SMMU_IDR0_ASID16     BIT(12)
#define SMMU_IDR0_VMID16     BIT(18)
#define SMMU_IDR0_CD2L	     BIT(19)	  /* two-level tables of context descriptors */
#define SMMU_IDR0_TTENDIAN_L FIELD(2, 21) /* little-endian */
#define SMMU_IDR0_ST_LEVEL2  FIELD(1, 27) /* two-level stream table */

/* 6.3.2: SMMU_IDR1. 6.3.4: SMMU_IDR3. 6.3.6: SMMU_IDR5. 6.3.8: SMMU_AIDR. */
#define SMMU_IDR1_SIDSIZE(bits)	 FIELD(bits, 0)
#define SMMU_IDR1_SSIDSIZE(bits) FIELD(bits, 6)
#define SMMU_IDR1_EVENTQS(log2)	 FIELD(log2, 16)
#define SMMU_IDR1_CMDQS(log2)	 FIELD(log2, 21)
#define SMMU_IDR3_RIL		 BIT(10) /* invalidates ranges */
#define SMMU_IDR5_OAS_48	 FIELD(5, 0)
#define SMMU_IDR5_GRAN4K	 BIT(4)
#define SMMU_IDR5_GRAN16K	 BIT(5)
#define SMMU_IDR5_GRAN64K	 BIT(6)
#define SMMU_AIDR_V3_1		 FIELD(1, 0)

size_t hw_info_smmuv3(const struct iommu_kind *kind, void *info)
{
	const struct iommu_hw_info_arm_smmuv3 smmu = {
		.idr =
			{
				[0] = (uint32_t)(SMMU_IDR0_S2P | SMMU_IDR0_S1P | SMMU_IDR0_TTF_64 |
						 SMMU_IDR0_COHACC | SMMU_IDR0_HTTU_AD |
						 SMMU_IDR0_ASID16 | SMMU_IDR0_VMID16 |
						 SMMU_IDR0_CD2L | SMMU_IDR0_TTENDIAN_L |
						 SMMU_IDR0_ST_LEVEL2),
				[1] = (uint32_t)(SMMU_IDR1_SIDSIZE(16) |
						 SMMU_IDR1_SSIDSIZE(kind->pasid_bits) |
						 SMMU_IDR1_EVENTQS(10) | SMMU_IDR1_CMDQS(10)),
				[3] = (uint32_t)SMMU_IDR3_RIL,
				[5] = (uint32_t)(SMMU_IDR5_OAS_48 | SMMU_IDR5_GRAN4K |
						 SMMU_IDR5_GRAN16K | SMMU_IDR5_GRAN64K),
			},
		.aidr = (uint32_t)SMMU_AIDR_V3_1,
	};

	memcpy(info, &smmu, sizeof(smmu));
	return sizeof(smmu);
}
