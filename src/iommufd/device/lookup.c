/* SPDX-License-Identifier: MIT */
/*
 * IOMMU_IOVA_LOOKUP [EXT-LOOKUP]: reads an area or a leaf. It changes nothing, not even accessed
 * and dirty bits.
 */
#include "iommufd/device/lookup.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/last_error.h"
#include "iommu/nested_domain.h"
#include "iommufd/object/ucmd.h"
#include "mem/dmabuf.h"

uint64_t area_origin(const struct area *area)
{
	/* area_start(area) counts from the start of the source's first page, not of the source. */
	return mem_source_start(area_source(area)) - mem_source_offset(area_source(area)) +
	       area_start(area);
}

uint32_t area_lookup_kind(const struct area *area)
{
	static const uint32_t kinds[] = {
		[MEM_KIND_VA] = IOMMU_IOVA_LOOKUP_KIND_USER_VA,
		[MEM_KIND_FILE] = IOMMU_IOVA_LOOKUP_KIND_FILE,
		[MEM_KIND_DMABUF] = IOMMU_IOVA_LOOKUP_KIND_DMABUF,
	};

	return kinds[mem_source_kind(area_source(area))];
}

uint32_t area_lookup_pid(const struct area *area)
{
	if (mem_source_kind(area_source(area)) == MEM_KIND_DMABUF)
		return 0;
	return (uint32_t)mem_source_caller(area_source(area))->pid;
}

bool area_pinned_at(const struct area *area, uint64_t iova)
{
	const struct mem_pages page = {
		.first = (area_start(area) + (iova - area->iova)) >> PAGE_SHIFT,
		.count = 1,
	};

	assert(!area->busy && iova >= area->iova && iova <= area_last(area));
	return mem_source_pinned(area_source(area), page);
}

struct area *ioas_find_area(const struct ioas *ioas, uint64_t iova)
{
	struct area *area;

	lock_assert_held(&ioas->lock);
	area = iova_map_find(&ioas->areas, iova);
	return area && !area->busy ? area : NULL;
}

bool ioas_find_leaf(const struct ioas *ioas, const struct ioas_table *mirror, uint64_t iova,
		    struct iopt_leaf *leaf)
{
	const struct iopt *table = iommu_domain_table(mirror->domain);
	const struct area *area;
	bool found;

	lock_assert_held(&ioas->lock);
	area = iova_map_find(&ioas->areas, iova);
	if (area && area->busy)
		return false;
	/* The walk ignores the bits of an IOVA that the format has no entries for. */
	if (iova < iopt_aperture(table).start || iova > iopt_aperture(table).last)
		return false;
	rcu_read_lock();
	found = iopt_translate(table, iova, leaf);
	rcu_read_unlock();
	return found;
}

static uint32_t lookup_perm(unsigned int prot)
{
	return (prot & IOPT_READ ? (uint32_t)IOMMU_IOVA_LOOKUP_PERM_READ : 0) |
	       (prot & IOPT_WRITE ? (uint32_t)IOMMU_IOVA_LOOKUP_PERM_WRITE : 0);
}

static int refuse_nothing(uint64_t iova)
{
	return refuse(-ENOENT, "nothing is mapped at 0x%" PRIx64, iova);
}

static int lookup_ioas(struct ioas *ioas, struct iommu_iova_lookup *cmd)
{
	const struct area *area;

	lock_acquire(&ioas->lock);
	area = ioas_find_area(ioas, cmd->iova);
	if (area) {
		cmd->out_start = area->iova;
		cmd->out_length = area_len(area);
		cmd->out_addr = area_origin(area) + (cmd->iova - area->iova);
		cmd->out_perm = lookup_perm(area->prot);
		cmd->out_kind = area_lookup_kind(area);
		cmd->out_pid = area_lookup_pid(area);
		cmd->out_flags = 0;
		if (area_pinned_at(area, cmd->iova))
			cmd->out_flags |= IOMMU_IOVA_LOOKUP_FLAG_PINNED;
		if (mem_source_revoked(area_source(area)))
			cmd->out_flags |= IOMMU_IOVA_LOOKUP_FLAG_REVOKED;
	}
	lock_release(&ioas->lock);
	return area ? 0 : refuse_nothing(cmd->iova);
}

static int lookup_paging(struct hwpt_paging *hwpt, struct iommu_iova_lookup *cmd)
{
	const bool tracks = iommu_domain_flags(hwpt->base.domain) & DOMAIN_DIRTY;
	struct ioas *ioas = hwpt->base.ioas;
	const struct area *area;
	struct iopt_leaf leaf;
	bool found;

	lock_acquire(&ioas->lock);
	found = ioas_find_leaf(ioas, &hwpt->table, cmd->iova, &leaf);
	if (found) {
		area = ioas_find_area(ioas, cmd->iova);
		cmd->out_start = leaf.start;
		cmd->out_length = leaf.len;
		cmd->out_addr = leaf.oa;
		cmd->out_perm = lookup_perm(leaf.prot);
		cmd->out_kind = IOMMU_IOVA_LOOKUP_KIND_PHYS;
		cmd->out_pid = 0;
		cmd->out_flags = tracks && leaf.dirty ? IOMMU_IOVA_LOOKUP_FLAG_DIRTY : 0;
		if (area && area_pinned_at(area, cmd->iova))
			cmd->out_flags |= IOMMU_IOVA_LOOKUP_FLAG_PINNED;
	}
	lock_release(&ioas->lock);
	return found ? 0 : refuse_nothing(cmd->iova);
}

static int lookup_nested(struct hwpt *hwpt, struct iommu_iova_lookup *cmd)
{
	struct nested_look look;
	int rc = iommu_nested_look(hwpt->domain, NO_PASID, cmd->iova, &look);

	if (rc)
		return refuse(rc, "stage 1 refuses it: %s",
			      look.fault.text ? look.fault.text : "no memory");
	cmd->out_start = look.leaf.start;
	cmd->out_length = iova_range_len(look.leaf);
	cmd->out_addr = look.ipa;
	cmd->out_perm = lookup_perm(look.prot);
	cmd->out_kind = IOMMU_IOVA_LOOKUP_KIND_GUEST;
	cmd->out_pid = 0;
	cmd->out_flags = 0;
	return 0;
}

static int lookup_object(struct iommufd_object *object, struct iommu_iova_lookup *cmd)
{
	switch (object_type(object)) {
	case OBJECT_IOAS:
		return lookup_ioas((struct ioas *)object, cmd);
	case OBJECT_HWPT:
		return lookup_paging((struct hwpt_paging *)object, cmd);
	case OBJECT_HWPT_NESTED:
		return lookup_nested((struct hwpt *)object, cmd);
	default:
		return refuse_mistake(-EINVAL, "pt_id %" PRIu32 " is neither an IOAS nor a HWPT",
				      object->id);
	}
}

int ioctl_iova_lookup(struct ucmd *ucmd)
{
	struct iommu_iova_lookup *cmd = ucmd->cmd;
	struct iommufd_object *object;
	int rc;

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0);
	if (cmd->__reserved)
		return refuse_reserved_member();
	object = object_get(ucmd->ctx, cmd->pt_id, OBJECT_ANY);
	if (!object)
		return object_refuse(ucmd->ctx, "pt_id", cmd->pt_id, OBJECT_IOAS);
	rc = lookup_object(object, cmd);
	object_put(object);
	if (rc)
		return rc;
	return ucmd_respond(ucmd);
}
