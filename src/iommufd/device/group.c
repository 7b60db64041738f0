/* SPDX-License-Identifier: MIT */
/*
 * IOMMU groups: devices that share one attachment per PASID [GROUP], [ATTACH], [REPLACE].
 *
 * Invariants, while group->lock is held:
 * - there is one attachment for each PASID that at least one device of the group is attached for;
 * - each member of an attachment is a device of the group and has a user of the HWPT;
 * - the reserved regions of a device are in the IOAS exactly while its RID is attached;
 * - only bound devices are attached.
 *
 * group->lock guards all of it. Cost: linear in the devices of the group, which are few.
 */
#include "iommufd/device/group.h"
#include "base/last_error.h"

#include <assert.h>

#include "base/alloc.h"
#include "iommufd/device/group_internal.h"
#include "iommufd/ioas/listener.h"

int iommufd_group_create(unsigned int number, struct iommufd_group **out)
{
	struct iommufd_group *group = alloc_zeroed(sizeof(*group));

	if (!group)
		return -ENOMEM;
	group->number = number;
	ref_init(&group->refs);
	lock_init(&group->lock, LOCK_GROUP);
	CDS_INIT_LIST_HEAD(&group->attachments);
	*out = group;
	return 0;
}

struct iommufd_group *group_get(struct iommufd_group *group)
{
	ref_get(&group->refs);
	return group;
}

void iommufd_group_destroy(struct iommufd_group *group)
{
	if (!ref_put(&group->refs))
		return;
	pasids_destroy(group->by_pasid);
	lock_destroy(&group->lock);
	alloc_free(group);
}

unsigned int iommufd_group_number(const struct iommufd_group *group)
{
	return group->number;
}

const struct iommufd_ctx *iommufd_group_owner(struct iommufd_group *group)
{
	const struct iommufd_ctx *owner;

	lock_acquire(&group->lock);
	owner = group->owner;
	lock_release(&group->lock);
	return owner;
}

int group_claim(struct iommufd_group *group, struct iommufd_ctx *ctx)
{
	int rc = 0;

	lock_acquire(&group->lock);
	if (group->bound && group->owner != ctx) {
		rc = refuse(-EPERM, "a device of the same group is bound to another /dev/iommu");
		goto out_unlock;
	}
	group->owner = ctx;
	group->bound++;
out_unlock:
	lock_release(&group->lock);
	return rc;
}

void group_release(struct iommufd_group *group)
{
	lock_acquire(&group->lock);
	assert(group->bound);
	if (--group->bound == 0)
		group->owner = NULL;
	lock_release(&group->lock);
}

struct attachment *group_find_attachment(struct iommufd_group *group, uint32_t pasid)
{
	lock_assert_held(&group->lock);
	return pasid == NO_PASID ? group->rid : pasids_find(group->by_pasid, pasid);
}

struct member *group_find_member(struct attachment *attachment, const struct iommufd_device *device)
{
	struct member *member;

	lock_assert_held(&device->group->lock);
	if (!attachment)
		return NULL;
	cds_list_for_each_entry (member, &attachment->members, link) {
		if (member->device == device)
			return member;
	}
	return NULL;
}

/* ---- reserved regions ---- */

/* A device has at most one software-managed MSI window, and no hardware one beside it. */
static int check_msi(const struct resv_region *regions, size_t count)
{
	unsigned int hardware = 0, software = 0;

	for (size_t i = 0; i < count; i++) {
		hardware += regions[i].type == RESV_MSI;
		software += regions[i].type == RESV_SW_MSI;
	}
	if (software > 1 || (software && hardware))
		return -EINVAL;
	return 0;
}

/* Reserves the regions of @device in @ioas, all or none. */
static int reserve_regions(struct ioas *ioas, const struct iommufd_device *device)
{
	size_t count;
	const struct resv_region *regions = iommu_endpoint_reserved(device->endpoint, &count);
	int rc;

	rc = check_msi(regions, count);
	if (rc)
		return rc;
	lock_acquire(&ioas->lock);
	for (size_t i = 0; i < count; i++) {
		if (regions[i].type == RESV_DIRECT_RELAXABLE)
			continue;
		rc = ioas_reserve(ioas, &regions[i].range, 1, &device->object);
		if (rc) {
			ioas_unreserve(ioas, &device->object);
			break;
		}
	}
	lock_release(&ioas->lock);
	return rc;
}

static void unreserve_regions(struct ioas *ioas, const struct iommufd_device *device)
{
	lock_acquire(&ioas->lock);
	ioas_unreserve(ioas, &device->object);
	lock_release(&ioas->lock);
}

/* ---- PASIDs ---- */

static bool pasid_compatible(const struct hwpt *hwpt)
{
	return hwpt->pasid;
}

bool group_has_pasids(struct iommufd_group *group)
{
	struct attachment *attachment;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (attachment, &group->attachments, link) {
		if (attachment->pasid != NO_PASID)
			return true;
	}
	return false;
}

/*
 * The RID and the PASIDs of a device share hardware structures, which only some tables can be part
 * of [PASID].
 */
static int check_pasid(struct iommufd_group *group, uint32_t pasid, const struct hwpt *hwpt)
	REQUIRES(group->lock)
{
	const struct attachment *rid;

	lock_assert_held(&group->lock);
	if (pasid == NO_PASID) {
		if (!pasid_compatible(hwpt) && group_has_pasids(group))
			return refuse(-EINVAL,
				      "PASIDs are attached, and HWPT %u was not made with "
				      "IOMMU_HWPT_ALLOC_PASID",
				      hwpt->object.id);
		return 0;
	}
	if (!pasid_compatible(hwpt))
		return refuse(
			-EINVAL,
			"HWPT %u was not made with IOMMU_HWPT_ALLOC_PASID: no PASID can use it",
			hwpt->object.id);
	rid = group_find_attachment(group, NO_PASID);
	if (rid && !pasid_compatible(rid->hwpt))
		return refuse(-EINVAL,
			      "the device itself is attached to HWPT %u, which was not made with "
			      "IOMMU_HWPT_ALLOC_PASID",
			      rid->hwpt->object.id);
	return 0;
}

static int check_pasid_width(const struct iommufd_device *device, uint32_t pasid)
{
	const uint32_t max = iommu_endpoint_max_pasids(device->endpoint);

	if (max && pasid >= max)
		return refuse_mistake(
			-EINVAL, "PASID %u is not below %u, as many as the device has", pasid, max);
	return 0;
}

/* ---- attach ---- */

/* 0 if the hardware allows @device on @hwpt for @pasid. */
static int check_hardware(struct iommufd_device *device, uint32_t pasid, const struct hwpt *hwpt)
	REQUIRES(device->group->lock)
{
	lock_assert_held(&device->group->lock);
	if (!iommu_domain_accepts(hwpt->domain, device->endpoint))
		return refuse(-EINVAL,
			      "HWPT %u was made for IOMMU %s, and the device is behind %s, which "
			      "differs or lacks what the HWPT needs",
			      hwpt->object.id, iommu_name(iommu_domain_iommu(hwpt->domain)),
			      iommu_name(iommu_endpoint_iommu(device->endpoint)));
	if (!hwpt->ops || !hwpt->ops->check_attach)
		return 0;
	return hwpt->ops->check_attach(hwpt, device, pasid);
}

/* @pasid has @attachment from now on (NULL: none). Context: its place is reserved. */
static void set_attachment(struct iommufd_group *group, uint32_t pasid,
			   struct attachment *attachment) REQUIRES(group->lock)
{
	lock_assert_held(&group->lock);
	if (pasid == NO_PASID)
		group->rid = attachment;
	else
		pasids_set(group->by_pasid, pasid, attachment);
}

/* Finds the attachment for @pasid, or creates one to @hwpt without members. NULL: no memory. */
static struct attachment *get_attachment(struct iommufd_group *group, uint32_t pasid,
					 struct hwpt *hwpt) REQUIRES(group->lock)
{
	struct attachment *attachment;

	lock_assert_held(&group->lock);
	attachment = group_find_attachment(group, pasid);
	if (attachment)
		return attachment;
	if (pasid != NO_PASID && pasids_reserve(&group->by_pasid, pasid))
		return NULL;
	attachment = alloc_zeroed(sizeof(*attachment));
	if (!attachment)
		return NULL;
	attachment->pasid = pasid;
	attachment->hwpt = hwpt;
	CDS_INIT_LIST_HEAD(&attachment->members);
	cds_list_add_tail(&attachment->link, &group->attachments);
	set_attachment(group, pasid, attachment);
	return attachment;
}

/* Destroys @attachment if it has no members. */
static void put_attachment(struct iommufd_group *group, struct attachment *attachment)
	REQUIRES(group->lock)
{
	lock_assert_held(&group->lock);
	if (!cds_list_empty(&attachment->members))
		return;
	set_attachment(group, attachment->pasid, NULL);
	cds_list_del(&attachment->link);
	alloc_free(attachment);
}

/*
 * Tells the listener of @device, if it has one, that its RID goes through @hwpt now (NULL: through
 * nothing).
 */
static void tell_listener(struct iommufd_device *device, uint32_t pasid, const struct hwpt *hwpt)
	REQUIRES(device->group->lock)
{
	struct ioas_listener *listener = device->listener;

	lock_assert_held(&device->group->lock);
	if (!listener || pasid != NO_PASID)
		return;
	ioas_unlisten(listener);
	listener->ops->nested(listener, hwpt && object_type(&hwpt->object) == OBJECT_HWPT_NESTED);
	if (hwpt && object_type(&hwpt->object) == OBJECT_HWPT)
		ioas_listen(hwpt->ioas, listener, hwpt->domain);
}

/* Makes @device a member. From here on its DMA goes through the HWPT. */
static int join(struct attachment *attachment, struct iommufd_device *device)
	REQUIRES(device->group->lock)
{
	struct member *member;
	int rc;

	lock_assert_held(&device->group->lock);
	assert(device->group->bound && !group_find_member(attachment, device));
	member = alloc_zeroed(sizeof(*member));
	if (!member)
		return -ENOMEM;
	rc = check_hardware(device, attachment->pasid, attachment->hwpt);
	if (rc)
		goto out_free;
	rc = iommu_endpoint_set_domain(device->endpoint, attachment->pasid,
				       attachment->hwpt->domain);
	if (rc)
		goto out_free;
	member->device = device;
	cds_list_add_tail(&member->link, &attachment->members);
	object_hold(&attachment->hwpt->object);
	tell_listener(device, attachment->pasid, attachment->hwpt);
	return 0;

out_free:
	alloc_free(member);
	return rc;
}

/* The part of an attach that comes after the reservation of the device's regions. */
static int attach_reserved(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt)
	REQUIRES(device->group->lock)
{
	struct iommufd_group *group = device->group;
	struct attachment *attachment;
	int rc;

	lock_assert_held(&group->lock);
	if (!group_find_attachment(group, pasid)) {
		rc = check_pasid(group, pasid, hwpt);
		if (rc)
			return rc;
	}
	rc = check_pasid_width(device, pasid);
	if (rc)
		return rc;
	attachment = get_attachment(group, pasid, hwpt);
	if (!attachment)
		return -ENOMEM;
	rc = join(attachment, device);
	put_attachment(group, attachment);
	return rc;
}

static int attach_locked(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt)
	REQUIRES(device->group->lock)
{
	struct attachment *attachment;
	int rc;

	lock_assert_held(&device->group->lock);
	attachment = group_find_attachment(device->group, pasid);
	if (group_find_member(attachment, device))
		return refuse(-EBUSY, "the device is attached to HWPT %u already",
			      attachment->hwpt->object.id);
	if (attachment && attachment->hwpt != hwpt)
		return refuse(-EINVAL,
			      "another device of the IOMMU group is attached to HWPT %u, and the "
			      "group shares its attachments",
			      attachment->hwpt->object.id);
	if (pasid != NO_PASID)
		return attach_reserved(device, pasid, hwpt);
	rc = reserve_regions(hwpt->ioas, device);
	if (rc)
		return rc;
	rc = attach_reserved(device, pasid, hwpt);
	if (rc)
		unreserve_regions(hwpt->ioas, device);
	return rc;
}

int group_attach(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt)
{
	int rc;

	lock_acquire(&device->group->lock);
	rc = attach_locked(device, pasid, hwpt);
	lock_release(&device->group->lock);
	return rc;
}

struct hwpt *group_detach(struct iommufd_device *device, uint32_t pasid)
{
	struct attachment *attachment;
	struct hwpt *hwpt = NULL;
	struct member *member;

	lock_acquire(&device->group->lock);
	attachment = group_find_attachment(device->group, pasid);
	member = group_find_member(attachment, device);
	if (!member)
		goto out_unlock;
	hwpt = attachment->hwpt;
	tell_listener(device, pasid, NULL);
	(void)iommu_endpoint_set_domain(device->endpoint, pasid, NULL);
	group_flush_faults(device, pasid, hwpt);
	if (pasid == NO_PASID)
		unreserve_regions(hwpt->ioas, device);
	cds_list_del(&member->link);
	alloc_free(member);
	put_attachment(device->group, attachment);
out_unlock:
	lock_release(&device->group->lock);
	return hwpt;
}

/* ---- replace ---- */

/* Reserves the regions of all members in @ioas, all or none. */
static int reserve_members(struct iommufd_group *group, struct attachment *attachment,
			   struct ioas *ioas) REQUIRES(group->lock)
{
	struct member *member, *done;
	int rc;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (member, &attachment->members, link) {
		rc = reserve_regions(ioas, member->device);
		if (!rc)
			continue;
		cds_list_for_each_entry (done, &attachment->members, link) {
			if (done == member)
				break;
			unreserve_regions(ioas, done->device);
		}
		return rc;
	}
	return 0;
}

static void unreserve_members(struct iommufd_group *group, struct attachment *attachment,
			      struct ioas *ioas) REQUIRES(group->lock)
{
	struct member *member;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (member, &attachment->members, link)
		unreserve_regions(ioas, member->device);
}

/* 0 if the hardware allows every member on @hwpt. */
static int check_members(struct iommufd_group *group, struct attachment *attachment,
			 const struct hwpt *hwpt) REQUIRES(group->lock)
{
	struct member *member;
	int rc;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (member, &attachment->members, link) {
		struct iommufd_device *device = member->device;

		assert(device->group == group);
		lock_assert_held(&device->group->lock);
		rc = check_hardware(device, attachment->pasid, hwpt);
		if (rc)
			return rc;
	}
	return 0;
}

/*
 * Points all members at @hwpt, or none. Each switches atomically: its DMA goes through the old
 * table or the new one.
 */
static int switch_members(struct iommufd_group *group, struct attachment *attachment,
			  struct hwpt *hwpt) REQUIRES(group->lock)
{
	struct member *member, *done;
	int rc;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (member, &attachment->members, link) {
		rc = iommu_endpoint_set_domain(member->device->endpoint, attachment->pasid,
					       hwpt->domain);
		if (!rc)
			continue;
		cds_list_for_each_entry (done, &attachment->members, link) {
			if (done == member)
				break;
			(void)iommu_endpoint_set_domain(done->device->endpoint, attachment->pasid,
							attachment->hwpt->domain);
		}
		return rc;
	}
	return 0;
}

/*
 * Makes @attachment one to @hwpt, on which each member takes a user. Returns how many users of the
 * old HWPT the caller has to drop.
 */
static unsigned int move_users(struct iommufd_group *group, struct attachment *attachment,
			       struct hwpt *hwpt) REQUIRES(group->lock)
{
	unsigned int moved = 0;
	struct member *member;

	lock_assert_held(&group->lock);
	cds_list_for_each_entry (member, &attachment->members, link) {
		struct iommufd_device *device = member->device;

		lock_assert_held(&device->group->lock);
		group_flush_faults(device, attachment->pasid, attachment->hwpt);
		tell_listener(device, attachment->pasid, hwpt);
		object_hold(&hwpt->object);
		moved++;
	}
	attachment->hwpt = hwpt;
	return moved;
}

static int replace_locked(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt,
			  struct hwpt **old, unsigned int *lost) REQUIRES(device->group->lock)
{
	struct iommufd_group *group = device->group;
	struct attachment *attachment;
	bool move_regions;
	int rc;

	lock_assert_held(&group->lock);
	attachment = group_find_attachment(group, pasid);
	if (!group_find_member(attachment, device))
		return refuse(-EINVAL, "the device is not attached: there is nothing to replace");
	if (attachment->hwpt == hwpt)
		return 0;
	move_regions = pasid == NO_PASID && attachment->hwpt->ioas != hwpt->ioas;
	if (move_regions) {
		rc = reserve_members(group, attachment, hwpt->ioas);
		if (rc)
			return rc;
	}
	rc = check_pasid(group, pasid, hwpt);
	if (rc)
		goto out_unreserve;
	rc = check_members(group, attachment, hwpt);
	if (rc)
		goto out_unreserve;
	rc = switch_members(group, attachment, hwpt);
	if (rc)
		goto out_unreserve;
	*old = attachment->hwpt;
	*lost = move_users(group, attachment, hwpt);
	if (move_regions)
		unreserve_members(group, attachment, (*old)->ioas);
	return 0;

out_unreserve:
	if (move_regions)
		unreserve_members(group, attachment, hwpt->ioas);
	return rc;
}

int group_replace(struct iommufd_device *device, uint32_t pasid, struct hwpt *hwpt,
		  struct hwpt **old, unsigned int *lost)
{
	int rc;

	*old = NULL;
	*lost = 0;
	lock_acquire(&device->group->lock);
	rc = replace_locked(device, pasid, hwpt, old, lost);
	lock_release(&device->group->lock);
	return rc;
}

/* ---- what is attached ---- */

bool group_attached(struct iommufd_device *device, uint32_t pasid)
{
	bool attached;

	lock_acquire(&device->group->lock);
	attached = group_find_member(group_find_attachment(device->group, pasid), device);
	lock_release(&device->group->lock);
	return attached;
}

bool group_attached_to(struct iommufd_device *device, uint32_t pasid, const struct hwpt *hwpt)
{
	struct attachment *attachment;
	bool attached;

	lock_acquire(&device->group->lock);
	attachment = group_find_attachment(device->group, pasid);
	attached = group_find_member(attachment, device) && attachment->hwpt == hwpt;
	lock_release(&device->group->lock);
	return attached;
}

const struct hwpt *group_find_rid_hwpt(const struct iommufd_device *device)
{
	struct attachment *attachment;

	lock_assert_held(&device->group->lock);
	attachment = group_find_attachment(device->group, NO_PASID);
	return group_find_member(attachment, device) ? attachment->hwpt : NULL;
}

void group_for_each_attachment(struct iommufd_device *device,
			       void (*visit)(uint32_t pasid, const struct hwpt *hwpt, void *arg),
			       void *arg)
{
	struct attachment *attachment;

	lock_acquire(&device->group->lock);
	cds_list_for_each_entry (attachment, &device->group->attachments, link) {
		if (group_find_member(attachment, device))
			visit(attachment->pasid, attachment->hwpt, arg);
	}
	lock_release(&device->group->lock);
}

bool group_any_pasid(struct iommufd_device *device, uint32_t *pasid)
{
	struct attachment *attachment;
	bool found = false;

	lock_acquire(&device->group->lock);
	cds_list_for_each_entry (attachment, &device->group->attachments, link) {
		if (group_find_member(attachment, device)) {
			*pasid = attachment->pasid;
			found = true;
			break;
		}
	}
	lock_release(&device->group->lock);
	return found;
}
