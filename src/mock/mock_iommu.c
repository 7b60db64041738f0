/* SPDX-License-Identifier: MIT */
/*
 * The mock IOMMU [MOCK]: one instance, with all mock devices behind it.
 *
 * The user data of HWPT_ALLOC chooses between two variants of AMD's format with a granule of 2 KiB.
 * The IOMMU treats memory as scattered: neighbouring ordinary pages never share a leaf.
 */
#include <string.h>

#include "mock/mock_internal.h"

static int choose_table(const struct iommu_kind *kind, const struct user_data *data,
			const struct kind_variant **variant)
{
	struct iommu_hwpt_selftest selftest;
	int rc;

	if (data->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_SELFTEST, &selftest, sizeof(selftest),
			    sizeof(selftest.iotlb));
	if (rc)
		return rc;
	if (selftest.pagetable_type >= kind->variant_count)
		return -EOPNOTSUPP;
	*variant = &kind->variants[selftest.pagetable_type];
	return 0;
}

/* One PASID is for testing failures: every second attach of it fails. */
static int attach(struct iommu_endpoint *endpoint, uint32_t pasid, struct iommu_domain *domain)
{
	struct mock_device *device = iommu_endpoint_driver(endpoint);

	if (pasid == NO_PASID)
		mock_rid_attached(device, domain);
	if (pasid != MOCK_PASID_RESERVED)
		return 0;
	device->reserved_pasid = domain && !device->reserved_pasid;
	return domain && !device->reserved_pasid ? -ENOMEM : 0;
}

static size_t hw_info(const struct iommu_kind *kind, void *info)
{
	const struct iommu_hw_info_selftest selftest = {.test_reg = MOCK_HW_INFO_TEST_REG};

	(void)kind;
	memcpy(info, &selftest, sizeof(selftest));
	return sizeof(selftest);
}

/* Any combination of enum domain_flags. */
#define ALL_COMBINATIONS 0xff

const struct iommu_kind mock_kind = {
	.name = "mock",
	.summary = "the kernel's test IOMMU: AMD v1 tables with a granule of 2K",
	.variants =
		{
			[MOCK_PAGETABLE_DEFAULT] =
				{
					.combinations = ALL_COMBINATIONS,
					.format = &iopt_amdv1_mock,
					.aperture = {MOCK_APERTURE_START, MOCK_APERTURE_LAST},
				},
			[MOCK_PAGETABLE_HUGE] =
				{
					.combinations = ALL_COMBINATIONS,
					.format = &iopt_amdv1_mock,
					.config = {.pgsizes = 4096 | MOCK_HUGE_PAGE_SIZE},
					.aperture = {0, (UINT64_C(1) << 38) - 1},
				},
		},
	.variant_count = 2,
	.pasid_bits = MOCK_PASID_WIDTH,
	.capabilities = IOMMU_HW_CAP_DIRTY_TRACKING | IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
	.scattered = true,
	.hw_info_type = IOMMU_HW_INFO_TYPE_SELFTEST,
	.hw_info = hw_info,
	.choose = choose_table,
	.attach = attach,
};

static struct iommu *instance;

int mock_iommu_create(void)
{
	return instance ? 0 : iommu_create(&mock_kind, "mock0", &instance);
}

struct iommu *mock_iommu(void)
{
	return instance;
}
