/* SPDX-License-Identifier: MIT */
/*
 * Devices: binding them to a context, and attaching them to what the user names [BIND], [ATTACH],
 * [REPLACE]: a HWPT, or an IOAS, for which an automatic HWPT is found or made.
 */
#include <stdio.h>

#include "base/last_error.h"
#include "iommufd/device/group_fault.h"
#include "iommufd/device/page_request.h"
#include "iommufd/ioas/refusal.h"

/*
 * DMA of the device has failed. A fault queue is asked for the page; without one, a fault of a
 * guest's own tables is reported to the guest, and any other is logged.
 */
static enum dma_fault_action device_fault(struct iommu_endpoint *endpoint,
					  const struct dma_fault *fault, void *arg)
{
	struct iommufd_device *device = arg;
	enum page_outcome outcome = PAGE_NOT_ASKED;

	if (fault->cause == DMA_FAULT_NOT_MAPPED || fault->cause == DMA_FAULT_PERMISSION)
		outcome = device_request_page(device, fault);
	if (outcome == PAGE_GRANTED)
		return DMA_FAULT_RETRY;
	if (outcome == PAGE_NOT_ASKED && !(fault->stage == 1 && group_report_event(device, fault)))
		iommu_fault_report(endpoint, fault);
	return DMA_FAULT_FAIL;
}

/* The word for the type of the reserved region @range of @device. */
static const char *region_word(const struct iommufd_device *device, struct iova_range range)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);

	for (size_t i = 0; i < count; i++) {
		if (regions[i].range.start == range.start && regions[i].range.last == range.last)
			return iommu_resv_word(regions[i].type);
	}
	return "reserved";
}

static void explain_reserved(const struct iommufd_object *object, struct iova_range range,
			     char *text, size_t size)
{
	const struct iommufd_device *device = (const struct iommufd_device *)object;
	char r[RANGE_TEXT_SIZE];

	snprintf(text, size, "%s is reserved (%s) for device %s", range_text(range, r),
		 region_word(device, range), iommu_endpoint_name(device->endpoint));
}

static const struct object_class device_class = {
	.type = OBJECT_DEVICE,
	.size = sizeof(struct iommufd_device),
	.explain_reserved = explain_reserved,
};

int iommufd_device_bind(struct iommufd_ctx *ctx, const struct iommufd_device_info *info,
			struct iommufd_device **out, uint32_t *id)
{
	struct iommufd_device *device = object_create(ctx, &device_class);
	int rc;

	if (!device)
		return -ENOMEM;
	rc = group_claim(info->group, ctx);
	if (rc) {
		object_abort(&device->object);
		return rc;
	}
	device->group = info->group;
	device->endpoint = info->endpoint;
	device->listener = info->listener;
	lock_init(&device->fault_lock, LOCK_DEVICE_FAULT);
	CDS_INIT_LIST_HEAD(&device->partial_faults);
	/* The driver's user: IOMMU_DESTROY answers -EBUSY. */
	object_hold(&device->object);
	device->weak = info->weak;
	if (!device->weak)
		file_get(&ctx->file);
	iommu_endpoint_set_fault_handler(device->endpoint, device_fault, device);
	*id = device->object.id;
	*out = device;
	object_publish(&device->object);
	return 0;
}

uint32_t iommufd_device_id(const struct iommufd_device *device)
{
	return device->object.id;
}

struct iommufd_ctx *iommufd_device_ctx(const struct iommufd_device *device)
{
	return device->object.ctx;
}

/* From now on the device gets no vDEVICE, and an existing one becomes a tombstone. */
static void begin_unbind(struct iommufd_device *device)
{
	void (*bury)(struct iommufd_device * device);

	lock_acquire(&device->group->lock);
	device->unbinding = true;
	bury = device->vdevice ? device->bury_vdevice : NULL;
	lock_release(&device->group->lock);
	if (bury)
		bury(device);
}

void iommufd_device_unbind(struct iommufd_device *device)
{
	struct iommufd_ctx *ctx = device->object.ctx;
	const bool weak = device->weak;
	uint32_t pasid;

	begin_unbind(device);
	while (group_any_pasid(device, &pasid))
		iommufd_device_detach(device, pasid);
	iommu_endpoint_set_fault_handler(device->endpoint, NULL, NULL);
	device_drop_partial_faults(device);
	group_release(device->group);
	object_retire(&device->object);
	object_free(&device->object);
	if (!weak)
		file_put(&ctx->file);
}

/* ---- what to attach to ---- */

/* One attach or replace. The users of what it leaves are dropped at the end, without locks. */
struct attach {
	struct iommufd_device *device;
	uint32_t pasid;
	bool replace;
	struct hwpt *old;
	unsigned int lost; /* users of @old to drop */
};

static int try_hwpt(struct attach *attach, struct hwpt *hwpt)
{
	if (attach->replace)
		return group_replace(attach->device, attach->pasid, hwpt, &attach->old,
				     &attach->lost);
	return group_attach(attach->device, attach->pasid, hwpt);
}

/*
 * The automatic HWPT of @ioas after @previous (NULL: the first), with a user; drops the user of
 * @previous. Skips those that are being destroyed.
 */
static struct hwpt_paging *next_automatic(struct ioas *ioas, struct hwpt_paging *previous)
	REQUIRES(ioas->attach_lock)
{
	struct cds_list_head *link;
	struct hwpt_paging *found = NULL;

	lock_assert_held(&ioas->attach_lock);
	lock_acquire(&ioas->lock);
	link = previous ? previous->table.link.next : ioas->tables.next;
	for (; link != &ioas->tables && !found; link = link->next) {
		struct hwpt_paging *hwpt = cds_list_entry(link, struct hwpt_paging, table.link);

		if (hwpt_is_automatic(&hwpt->base) && object_hold_live(&hwpt->base.object))
			found = hwpt;
	}
	lock_release(&ioas->lock);
	if (previous)
		object_put(&previous->base.object);
	return found;
}

/* An attach precedes the filling of the table. A replace follows it, because DMA goes on. */
static int add_and_try(struct attach *attach, struct hwpt_paging *hwpt)
{
	int rc;

	if (attach->replace) {
		rc = hwpt_add(hwpt);
		if (rc)
			return rc;
		return try_hwpt(attach, &hwpt->base);
	}
	rc = try_hwpt(attach, &hwpt->base);
	if (rc)
		return rc;
	rc = hwpt_add(hwpt);
	if (rc)
		(void)group_detach(attach->device, attach->pasid);
	return rc;
}

/* Creates an automatic HWPT of @ioas for the device. */
static int try_new(struct attach *attach, struct ioas *ioas, uint32_t *hwpt_id)
	REQUIRES(ioas->attach_lock)
{
	struct hwpt_paging *hwpt;
	int rc;

	lock_assert_held(&ioas->attach_lock);
	rc = hwpt_create(ioas, iommu_endpoint_iommu(attach->device->endpoint), 0, NULL, &hwpt);
	if (rc)
		return rc;
	object_set_transient(&hwpt->base.object, true);
	/* Another thread may detach its last device before this call is over. */
	object_hold(&hwpt->base.object);
	rc = add_and_try(attach, hwpt);
	if (rc) {
		hwpt_remove(hwpt);
		return rc;
	}
	*hwpt_id = hwpt->base.object.id;
	object_publish(&hwpt->base.object);
	object_put(&hwpt->base.object);
	return 0;
}

/* Tries the automatic HWPTs of @ioas, and a new one if none of them is right (-EINVAL). */
static int try_ioas(struct attach *attach, struct ioas *ioas, uint32_t *hwpt_id)
{
	struct hwpt_paging *hwpt = NULL;
	int rc = -EINVAL;

	lock_acquire(&ioas->attach_lock);
	while (rc == -EINVAL && (hwpt = next_automatic(ioas, hwpt))) {
		rc = try_hwpt(attach, &hwpt->base);
		*hwpt_id = hwpt->base.object.id;
	}
	if (hwpt)
		object_put(&hwpt->base.object);
	else
		rc = try_new(attach, ioas, hwpt_id);
	lock_release(&ioas->attach_lock);
	return rc;
}

static int try_object(struct attach *attach, struct iommufd_object *object, uint32_t *hwpt_id)
{
	*hwpt_id = object->id;
	switch (object_type(object)) {
	case OBJECT_IOAS:
		return try_ioas(attach, (struct ioas *)object, hwpt_id);
	case OBJECT_HWPT:
	case OBJECT_HWPT_NESTED:
		return try_hwpt(attach, (struct hwpt *)object);
	default:
		return refuse_mistake(-EINVAL, "object %u is neither an IOAS nor a HWPT",
				      object->id);
	}
}

static int attach_to(struct iommufd_device *device, uint32_t pasid, bool replace, uint32_t *pt_id)
{
	struct attach attach = {.device = device, .pasid = pasid, .replace = replace};
	struct iommufd_object *object = object_get(device->object.ctx, *pt_id, OBJECT_ANY);
	uint32_t hwpt_id;
	int rc;

	if (!object)
		return refuse_mistake(-ENOENT,
				      "pt_id %u: no object of the iommufd that the device is bound "
				      "to has this ID",
				      *pt_id);
	last_error_clear();
	last_error_about(iommu_endpoint_name(device->endpoint));
	rc = try_object(&attach, object, &hwpt_id);
	last_error_about(NULL);
	object_put(object);
	for (; attach.lost; attach.lost--)
		object_put(&attach.old->object);
	if (rc)
		return rc;
	last_error_clear(); /* of HWPTs that were tried before */
	*pt_id = hwpt_id;
	return 0;
}

int iommufd_device_attach(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id)
{
	return attach_to(device, pasid, false, pt_id);
}

int iommufd_device_replace(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id)
{
	return attach_to(device, pasid, true, pt_id);
}

int iommufd_device_attach_or_replace(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id)
{
	return attach_to(device, pasid, group_attached(device, pasid), pt_id);
}

void iommufd_device_detach(struct iommufd_device *device, uint32_t pasid)
{
	struct hwpt *hwpt = group_detach(device, pasid);

	if (hwpt)
		object_put(&hwpt->object);
}

bool iommufd_device_attached(struct iommufd_device *device, uint32_t pasid)
{
	return group_attached(device, pasid);
}
