/* SPDX-License-Identifier: MIT */
/*
 * Nested HWPTs of the mock IOMMU [MOCK-NESTED]: stage 1 changes no address. All that can be
 * observed of it is an IOTLB of four values, which invalidation sets to zero.
 */
#include "base/alloc.h"
#include "iommu/nested_domain.h"
#include "mock/mock_internal.h"

struct mock_iotlb {
	_Atomic uint32_t entries[MOCK_IOTLB_ENTRIES];
};

/* ---- invalidation ---- */

static int invalidate_one(struct mock_iotlb *iotlb,
			  const struct iommu_hwpt_invalidate_selftest *entry)
{
	if (entry->flags & ~(uint32_t)MOCK_INVALIDATE_ALL)
		return -EOPNOTSUPP;
	if (entry->iotlb_id >= MOCK_IOTLB_ENTRIES)
		return -EINVAL;
	for (uint32_t id = 0; id < MOCK_IOTLB_ENTRIES; id++) {
		if ((entry->flags & MOCK_INVALIDATE_ALL) || id == entry->iotlb_id)
			iotlb->entries[id] = 0;
	}
	return 0;
}

static int invalidate(struct hwpt_nested *hwpt, struct invalidation *invalidation)
{
	struct iommu_hwpt_invalidate_selftest entry;

	if (invalidation->type != IOMMU_HWPT_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		int rc;

		if (invalidation->entry_len != sizeof(entry))
			return -EINVAL;
		rc = invalidation_read(invalidation, i, &entry, sizeof(entry));
		if (rc)
			return rc;
		rc = invalidate_one(hwpt->state, &entry);
		if (rc)
			return rc;
		invalidation->handled++;
	}
	return 0;
}

/* ---- creation ---- */

static void release(struct hwpt_nested *hwpt)
{
	alloc_free(hwpt->state);
}

static const struct nested_ops mock_nested_ops = {.invalidate = invalidate, .release = release};

int mock_nested_alloc(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data)
{
	const struct nested_config config = {.format = NESTED_IDENTITY};
	struct iommu_hwpt_selftest selftest;
	struct mock_iotlb *iotlb;
	int rc;

	if ((flags & ~(uint32_t)IOMMU_HWPT_ALLOC_PASID) || data->type != IOMMU_HWPT_DATA_SELFTEST)
		return -EOPNOTSUPP;
	rc = user_data_read(data, IOMMU_HWPT_DATA_SELFTEST, &selftest, sizeof(selftest),
			    sizeof(selftest.iotlb));
	if (rc)
		return rc;
	iotlb = alloc_zeroed(sizeof(*iotlb));
	if (!iotlb)
		return -ENOMEM;
	for (uint32_t id = 0; id < MOCK_IOTLB_ENTRIES; id++)
		iotlb->entries[id] = selftest.iotlb;
	rc = iommu_nested_create(hwpt->parent->base.domain, &config, &hwpt->base.domain);
	if (rc) {
		alloc_free(iotlb);
		return rc;
	}
	hwpt->nested_ops = &mock_nested_ops;
	hwpt->state = iotlb;
	return 0;
}

static bool serves(const struct iommu_kind *kind)
{
	return kind == &mock_kind;
}

const struct nested_driver mock_nested_driver = {.serves = serves, .alloc = mock_nested_alloc};

/* ---- MD_CHECK_IOTLB ---- */

static int check_iotlb(const struct hwpt_nested *hwpt, const struct iommu_test_cmd *cmd)
{
	const struct mock_iotlb *iotlb = hwpt->state;

	if (hwpt->nested_ops != &mock_nested_ops)
		return -ENOENT;
	if (cmd->md_check_iotlb.id >= MOCK_IOTLB_ENTRIES ||
	    iotlb->entries[cmd->md_check_iotlb.id] != cmd->md_check_iotlb.iotlb)
		return -EINVAL;
	return 0;
}

int mock_check_iotlb(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct hwpt_nested *hwpt =
		(struct hwpt_nested *)object_get(ucmd->ctx, cmd->id, OBJECT_HWPT_NESTED);
	int rc;

	if (!hwpt)
		return -ENOENT;
	rc = check_iotlb(hwpt, cmd);
	object_put(&hwpt->base.object);
	return rc;
}
