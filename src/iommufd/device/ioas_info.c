/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_IOAS_GET_INFO [EXT-GET-INFO]: what an IOAS can do with the devices that are attached to its
 * HWPTs. A capability is reported if each of them has it.
 *
 * Locks: the devices are looked at one by one, each under the lock of its group, and then the
 * tables under that of the IOAS. An attachment meanwhile may be in one part of the answer only.
 *
 * Cost: linear in the devices of the context and their attachments.
 */
#include "iommufd/device/ioas_info.h"

#include "base/check.h"
#include "base/last_error.h"
#include "iommufd/device/group.h"
#include "iommufd/object/ucmd.h"

enum {
	ALWAYS = IOMMU_IOAS_INFO_MAP | IOMMU_IOAS_INFO_SW_NESTING,
};

struct attached {
	const struct ioas *ioas;
	const struct iommufd_device *device; /* that is looked at */
	uint64_t capabilities;		     /* of all so far */
	uint32_t count;
};

static uint64_t capabilities_of(const struct iommu_endpoint *endpoint)
{
	const enum iommu_nesting nesting = iommu_nesting_of(iommu_endpoint_iommu(endpoint));
	uint64_t capabilities = ALWAYS | IOMMU_IOAS_INFO_PGTABLE_BINDING |
				IOMMU_IOAS_INFO_PAGE_REQUESTS;

	if (nesting != IOMMU_NESTS_NOT)
		capabilities |= IOMMU_IOAS_INFO_HW_NESTING;
	if (nesting == IOMMU_NESTS_CONTEXTS)
		capabilities |= IOMMU_IOAS_INFO_PASID_TABLE_BINDING;
	if (iommu_endpoint_capabilities(endpoint) & IOMMU_HW_CAP_DIRTY_TRACKING)
		capabilities |= IOMMU_IOAS_INFO_DIRTY_TRACKING;
	if (iommu_endpoint_max_pasids(endpoint))
		capabilities |= IOMMU_IOAS_INFO_PASID;
	return capabilities;
}

static void visit_attachment(uint32_t pasid, const struct hwpt *hwpt, void *arg)
{
	struct attached *attached = arg;

	(void)pasid;
	if (hwpt->ioas != attached->ioas)
		return;
	attached->count++;
	attached->capabilities &= capabilities_of(attached->device->endpoint);
}

static struct attached find_attached(struct iommufd_ctx *ctx, const struct ioas *ioas)
{
	struct attached attached = {.ioas = ioas, .capabilities = UINT64_MAX};
	struct iommufd_device *device;

	for (uint32_t id = 1; (device = device_next(ctx, &id)); id++) {
		attached.device = device;
		group_for_each_attachment(device, visit_attachment, &attached);
		object_put(&device->object);
	}
	if (!attached.count)
		attached.capabilities = ALWAYS;
	return attached;
}

/* The sizes that every table of @ioas has. */
static uint64_t common_sizes(const struct ioas *ioas) REQUIRES(ioas->lock)
{
	const struct ioas_table *table;
	uint64_t sizes = ~(uint64_t)PAGE_MASK;

	lock_assert_held(&ioas->lock);
	if (ioas->table_count)
		sizes = UINT64_MAX;
	cds_list_for_each_entry (table, &ioas->tables, link)
		sizes &= iommu_domain_pgsizes(table->domain);
	return sizes;
}

static int describe(struct ioas *ioas, struct iommu_ioas_get_info *cmd)
{
	struct iova_set permitted;
	int rc;

	iova_set_init(&permitted);
	lock_acquire(&ioas->lock);
	rc = iova_set_invert(&ioas->reserved, &permitted);
	cmd->out_page_sizes = common_sizes(ioas);
	cmd->out_alignment = (uint32_t)ioas->alignment;
	cmd->out_num_tables = (uint32_t)ioas->table_count;
	lock_release(&ioas->lock);
	cmd->out_num_permitted = (uint32_t)permitted.count;
	iova_set_destroy(&permitted);
	return rc;
}

int ioctl_ioas_get_info(struct ucmd *ucmd)
{
	struct iommu_ioas_get_info *cmd = ucmd->cmd;
	struct attached attached;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0); /* [EXT-GET-INFO.1] */
	if (cmd->__reserved)
		return refuse_reserved_member();
	ioas = ioas_get(ucmd->ctx, cmd->ioas_id); /* [EXT-GET-INFO.2] */
	if (!ioas)
		return object_refuse(ucmd->ctx, "ioas_id", cmd->ioas_id, OBJECT_IOAS);
	attached = find_attached(ucmd->ctx, ioas);
	cmd->out_capabilities = attached.capabilities;
	cmd->out_num_devices = attached.count;
	rc = describe(ioas, cmd);
	object_put(&ioas->object);
	return rc ? rc : ucmd_respond(ucmd);
}
