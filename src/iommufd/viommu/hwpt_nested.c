/* SPDX-License-Identifier: MIT */
/*
 * Nested HWPTs: the generic part of HWPT_ALLOC on a nesting parent or a vIOMMU [HWPT-ALLOC], and of
 * HWPT_INVALIDATE [HWPT-INVALIDATE]. The rest is in the drivers of the kinds of IOMMU.
 *
 * A nested HWPT never changes once it is published; what its driver keeps in its state is guarded
 * by the driver.
 */
#include "iommufd/viommu/hwpt_nested.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "base/check.h"
#include "base/last_error.h"
#include "iommu/nested_domain.h"
#include "iommufd/device/group.h"
#include "iommufd/object/drivers.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/queue/fault_queue.h"
#include "iommufd/viommu/hwpt_soft.h"
#include "iommufd/viommu/hwpt_vtd.h"
#include "iommufd/viommu/vdevice.h"

enum {
	NESTED_FLAGS = IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID,
	MAX_ENTRIES = 524288, /* of an invalidation */
};

static struct registry drivers = REGISTRY_INIT;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static void register_builtin(void)
{
	registry_add(&drivers, &nested_vtd_driver);
}

void nested_register_driver(const struct nested_driver *driver)
{
	registry_add(&drivers, driver);
}

static const struct nested_driver *find_driver(const struct iommu_kind *kind)
{
	const struct nested_driver *driver;

	(void)pthread_once(&builtin_once, register_builtin);
	for (unsigned int i = 0; (driver = registry_at(&drivers, i)); i++) {
		if (driver->serves(kind))
			return driver;
	}
	return NULL;
}

/* ---- creation ---- */

static void release(struct hwpt_nested *hwpt)
{
	hwpt_drop_fault(&hwpt->base);
	iommu_domain_destroy(hwpt->base.domain);
	if (hwpt->nested_ops && hwpt->nested_ops->release)
		hwpt->nested_ops->release(hwpt);
	if (hwpt->viommu)
		object_put(&hwpt->viommu->object);
	else
		object_put(&hwpt->parent->base.object);
}

static void nested_destroy(struct iommufd_object *object)
{
	release((struct hwpt_nested *)object);
	object_free(object);
}

static const struct object_class nested_class = {
	.type = OBJECT_HWPT_NESTED,
	.size = sizeof(struct hwpt_nested),
	.destroy = nested_destroy,
};

/* ---- operations of those on a vIOMMU, by its driver ---- */

static int nested_check_attach(const struct hwpt *hwpt, struct iommufd_device *device,
			       uint32_t pasid) REQUIRES(device->group->lock)
{
	const struct hwpt_nested *nested = (const struct hwpt_nested *)hwpt;
	const struct viommu_driver *driver = nested->viommu->driver;

	lock_assert_held(&device->group->lock);
	if (!driver->check_attach)
		return 0;
	return driver->check_attach(nested, device, pasid);
}

static bool nested_report_fault(const struct hwpt *hwpt, const struct iommufd_device *device,
				const struct dma_fault *fault) REQUIRES(device->group->lock)
{
	struct viommu *viommu = ((const struct hwpt_nested *)hwpt)->viommu;
	const struct vdevice *vdevice = device->vdevice;

	lock_assert_held(&device->group->lock);
	if (!viommu->driver->report_fault || !vdevice || vdevice->viommu != viommu)
		return false;
	return viommu->driver->report_fault(viommu, vdevice, fault);
}

static const struct hwpt_ops viommu_nested_ops = {
	.check_attach = nested_check_attach,
	.report_fault = nested_report_fault,
};

/* Whether the command asks for software nesting; without extensions, the type is an unknown one. */
static bool is_soft(const struct ucmd *ucmd)
{
	const struct iommu_hwpt_alloc *cmd = ucmd->cmd;

	return cmd->data_type == IOMMU_HWPT_DATA_SOFT_S1 && !ucmd->ctx->options.no_extensions;
}

static int create(struct ucmd *ucmd, struct hwpt_paging *parent, struct viommu *viommu,
		  nested_alloc_fn alloc)
{
	const struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	const struct user_data data = {
		.caller = ucmd->caller,
		.type = cmd->data_type,
		.len = cmd->data_len,
		.uptr = cmd->data_uptr,
	};
	struct hwpt_nested *hwpt = object_create(ucmd->ctx, &nested_class);
	int rc;

	if (!hwpt)
		return -ENOMEM;
	hwpt->base.ops = viommu ? &viommu_nested_ops : NULL;
	hwpt->base.ioas = parent->base.ioas;
	hwpt->parent = parent;
	hwpt->viommu = viommu;
	hwpt->base.pasid = cmd->flags & IOMMU_HWPT_ALLOC_PASID;
	rc = alloc(hwpt, cmd->flags & ~(uint32_t)IOMMU_HWPT_FAULT_ID_VALID, &data);
	if (rc)
		goto out_abort;
	object_hold(viommu ? &viommu->object : &parent->base.object);
	rc = hwpt_finish(ucmd, &hwpt->base);
	if (rc)
		goto out_release;
	return 0;

out_release:
	release(hwpt);
out_abort:
	object_abort(&hwpt->base.object);
	return rc;
}

int nested_alloc_on_parent(struct ucmd *ucmd, struct iommufd_device *device,
			   struct hwpt_paging *parent)
{
	const struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	struct iommu *iommu = iommu_endpoint_iommu(device->endpoint);
	const struct nested_driver *driver = find_driver(iommu_kind_of(iommu));
	const bool soft = is_soft(ucmd);

	if (cmd->flags & ~(uint32_t)NESTED_FLAGS)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, NESTED_FLAGS);
	if (!cmd->data_len || !(driver || soft))
		return refuse(-EOPNOTSUPP,
			      driver ? "data_len is 0: a nested HWPT needs data, as pt_id is a HWPT"
				     : "the device's IOMMU has no nested HWPTs on a HWPT");
	if (hwpt_is_automatic(&parent->base) ||
	    (!(iommu_domain_flags(parent->base.domain) & DOMAIN_NEST_PARENT) && !soft) ||
	    iommu_kind_of(iommu_domain_iommu(parent->base.domain)) != iommu_kind_of(iommu))
		return refuse_mistake(
			-EINVAL,
			"pt_id %" PRIu32
			" is no nesting parent for this device: create it for an IOMMU of "
			"the same kind with IOMMU_HWPT_ALLOC_NEST_PARENT",
			cmd->pt_id);
	return create(ucmd, parent, NULL, soft ? nested_soft_alloc : driver->alloc);
}

int nested_alloc_on_viommu(struct ucmd *ucmd, struct iommufd_device *device, struct viommu *viommu)
{
	const struct iommu_hwpt_alloc *cmd = ucmd->cmd;
	const nested_alloc_fn alloc = is_soft(ucmd) ? nested_soft_alloc : viommu->driver->nested;

	if (iommu_endpoint_iommu(device->endpoint) != viommu->iommu)
		return refuse_mistake(-EINVAL, "the device is behind %s, and the vIOMMU on %s",
				      iommu_name(iommu_endpoint_iommu(device->endpoint)),
				      iommu_name(viommu->iommu));
	if (cmd->flags & ~(uint32_t)NESTED_FLAGS)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, NESTED_FLAGS);
	if (!cmd->data_len || !alloc)
		return refuse(-EOPNOTSUPP, alloc ? "data_len is 0: a nested HWPT needs data"
						 : "the vIOMMU has no nested HWPTs");
	return create(ucmd, viommu->parent, viommu, alloc);
}

/* ---- invalidation ---- */

int invalidation_read(const struct invalidation *invalidation, uint32_t index, void *entry,
		      size_t size)
{
	struct uiommufd_caller *caller = invalidation->caller;
	const uint32_t len = invalidation->entry_len;
	uint64_t at = invalidation->uptr + (uint64_t)index * len;
	int rc = len > size ? caller_check_zero(caller, at + size, len - size) : 0;

	assert(index < invalidation->entries);
	if (rc)
		return rc;
	memset(entry, 0, size);
	return caller_read(caller, entry, at, min_u64(len, size))
		       ? refuse_memory("an entry of data_uptr", at, len)
		       : 0;
}

int invalidation_run(struct hwpt_nested *hwpt, struct invalidation *invalidation, size_t size,
		     invalidation_entry_fn carry_out)
{
	uint64_t entry[INVALIDATION_ENTRY_MAX / sizeof(uint64_t)];

	assert(size <= sizeof(entry));
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		int rc;

		if (invalidation->entry_len != size)
			return refuse_mistake(-EINVAL, "entry_len is %" PRIu32 ", and must be %zu",
					      invalidation->entry_len, size);
		rc = invalidation_read(invalidation, i, entry, size);
		if (rc)
			return rc;
		rc = carry_out(hwpt, entry);
		if (rc)
			return rc;
		invalidation->handled++;
	}
	return 0;
}

int invalidation_match_pages(uint64_t addr, uint64_t npages, struct tlb_match *match)
{
	uint64_t len;

	if (!is_aligned(addr, PAGE_SIZE) || (npages == UINT64_MAX && addr))
		return refuse_mistake(
			-EINVAL,
			"entry: 0x%" PRIx64
			" is not the address of a page, or not 0 where npages means all",
			addr);
	if (npages == UINT64_MAX)
		return 0;
	match->by_range = true;
	match->range.start = addr;
	if (!npages)
		match->range.last = addr;
	else if (__builtin_mul_overflow(npages, PAGE_SIZE, &len) ||
		 check_last(addr, len, &match->range.last))
		match->range.last = UINT64_MAX;
	return 0;
}

static int invalidate_hwpt(struct hwpt_nested *hwpt, struct invalidation *invalidation)
{
	if (!hwpt->nested_ops || !hwpt->nested_ops->invalidate)
		return refuse(-EOPNOTSUPP,
			      "HWPT %" PRIu32
			      " has no invalidation of its own: its vIOMMU has, or its IOMMU none",
			      hwpt->base.object.id);
	return hwpt->nested_ops->invalidate(hwpt, invalidation);
}

static int invalidate_viommu(struct viommu *viommu, struct invalidation *invalidation)
{
	if (!viommu->driver->invalidate)
		return refuse(-EOPNOTSUPP, "vIOMMU %" PRIu32 " has no invalidation",
			      viommu->object.id);
	return viommu->driver->invalidate(viommu, invalidation);
}

static int invalidate_object(struct iommufd_object *object, struct invalidation *invalidation)
{
	switch (object_type(object)) {
	case OBJECT_HWPT_NESTED:
		return invalidate_hwpt((struct hwpt_nested *)object, invalidation);
	case OBJECT_VIOMMU:
		return invalidate_viommu((struct viommu *)object, invalidation);
	default:
		return refuse_mistake(-EINVAL,
				      "hwpt_id %" PRIu32 " is neither a nested HWPT nor a vIOMMU",
				      object->id);
	}
}

static int invalidate(struct ucmd *ucmd, const struct iommu_hwpt_invalidate *cmd, uint32_t *handled)
{
	struct invalidation invalidation = {
		.caller = ucmd->caller,
		.uptr = cmd->data_uptr,
		.type = cmd->data_type,
		.entry_len = cmd->entry_len,
		.entries = cmd->entry_num,
	};
	struct iommufd_object *object;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	if (cmd->entry_num && (!cmd->data_uptr || !cmd->entry_len || cmd->entry_len > PAGE_SIZE ||
			       cmd->entry_num > MAX_ENTRIES))
		return refuse_mistake(-EINVAL,
				      "entry_num %" PRIu32 ", entry_len %" PRIu32
				      ": at most %u entries, of 1 to %u bytes, at data_uptr",
				      cmd->entry_num, cmd->entry_len, (unsigned int)MAX_ENTRIES,
				      (unsigned int)PAGE_SIZE);
	object = object_get(ucmd->ctx, cmd->hwpt_id, OBJECT_ANY);
	if (!object)
		return object_refuse(ucmd->ctx, "hwpt_id", cmd->hwpt_id, OBJECT_HWPT_NESTED);
	rc = invalidate_object(object, &invalidation);
	object_put(object);
	*handled = invalidation.handled;
	return rc;
}

int ioctl_hwpt_invalidate(struct ucmd *ucmd)
{
	struct iommu_hwpt_invalidate *cmd = ucmd->cmd;
	uint32_t handled = 0;
	int rc;

	rc = invalidate(ucmd, cmd, &handled);
	/* The number of entries that were handled is written back after a failure, too. */
	cmd->entry_num = handled;
	if (ucmd_respond(ucmd))
		return -EFAULT;
	return rc;
}
