/* SPDX-License-Identifier: MIT */
/*
 * AMD: nested HWPTs from a guest's device table entry [NESTED-DATA]. The user API has no type of
 * vIOMMU for AMD yet; the driver serves every type.
 */
#include "iommufd/viommu/viommu_amd.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/last_error.h"
#include "iommu/amd_tables.h"
#include "iommu/nested_domain.h"

enum {
	GLX_RESERVED = 3
};

static bool amd_serves(const struct iommu_kind *kind, uint32_t type)
{
	return type && !strcmp(iommu_kind_name(kind), "amd");
}

static bool gcr3_is_zero(const uint64_t *dte)
{
	return !bits_get(dte[0], DTE0_GCR3_14_12) && !bits_get(dte[1], DTE1_GCR3_30_15) &&
	       !bits_get(dte[1], DTE1_GCR3_51_31);
}

static int refuse_dte(const char *what)
{
	return refuse_mistake(-EINVAL, "the DTE %s", what);
}

static int check_dte(const uint64_t *dte)
{
	const uint64_t paging = bits_get(dte[2], DTE2_GUEST_PAGING);

	if (bits_get(dte[0], DTE0_MODE) || bits_get(dte[0], DTE0_HOST_TRP))
		return refuse_dte("sets fields that are the host's");
	if ((dte[0] & DTE0_V) && (dte[0] & DTE0_GV) && gcr3_is_zero(dte))
		return refuse_dte("is valid for guests, and its GCR3 table is at 0");
	if (paging != GUEST_PAGING_4_LEVEL && paging != GUEST_PAGING_5_LEVEL)
		return refuse_dte("has a reserved GuestPagingMode");
	if (bits_get(dte[0], DTE0_GLX) == GLX_RESERVED)
		return refuse_dte("has a reserved GLX");
	/* EFR.GATS announces four levels for guests. */
	if (paging == GUEST_PAGING_5_LEVEL)
		return refuse(-EOPNOTSUPP,
			      "the DTE asks for five levels, and the IOMMU has four for guests");
	return 0;
}

static const struct nested_ops amd_ops = {.invalidate = NULL};

static int amd_nested(struct hwpt_nested *hwpt, uint32_t flags, const struct user_data *data)
{
	struct nested_config config = {.format = NESTED_AMD};
	struct iommu_hwpt_amd_guest guest;
	int rc;

	(void)flags;
	if (data->type != IOMMU_HWPT_DATA_AMD_GUEST)
		return refuse(-EOPNOTSUPP,
			      "data_type %" PRIu32 ", and must be IOMMU_HWPT_DATA_AMD_GUEST",
			      data->type);
	rc = user_data_read(data, data->type, &guest, sizeof(guest), sizeof(guest));
	if (rc)
		return rc;
	rc = check_dte((const uint64_t *)guest.dte);
	if (rc)
		return rc;
	memcpy(config.dte, guest.dte, sizeof(config.dte));
	hwpt->nested_ops = &amd_ops;
	return iommu_nested_create(hwpt->parent->base.domain, &config, &hwpt->base.domain);
}

const struct viommu_driver viommu_amd_driver = {.serves = amd_serves, .nested = amd_nested};
