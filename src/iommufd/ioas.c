/* SPDX-License-Identifier: MIT */
/*
 * The IOAS object and the ranges of IOVA that it may use: reserved (by owner), allowed (by the user), and the
 * alignment that everything in it keeps (spec 10-ioas, 1 to 3).
 *
 * ioas->reserved is always the union of ioas->resv; no area and no allowed range ever intersects it.
 */
#include <string.h>

#include "base/alloc.h"
#include "iommu/iommu.h"
#include "iommufd/access.h"
#include "iommufd/hwpt.h"
#include "iommufd/ucmd.h"

static void ioas_destroy(struct iommufd_object *object)
{
	struct ioas *ioas = (struct ioas *)object;
	struct iommufd_ctx *ctx = object->ctx;
	uint64_t unmapped;

	pthread_mutex_lock(&ctx->lock);
	if (ctx->vfio_ioas == ioas)
		ctx->vfio_ioas = NULL;
	pthread_mutex_unlock(&ctx->lock);
	ioas_unmap_range(ioas, IOVA_RANGE_ALL, &unmapped);
	iova_map_destroy(&ioas->areas);
	iova_set_destroy(&ioas->reserved);
	iova_set_destroy(&ioas->allowed);
	alloc_free(ioas->resv);
	pthread_cond_destroy(&ioas->idle);
	pthread_mutex_destroy(&ioas->lock);
	pthread_mutex_destroy(&ioas->attach_lock);
	object_free(object);
}

int ioctl_ioas_alloc(struct ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;
	ioas = object_create(ucmd->ctx, sizeof(*ioas), OBJECT_IOAS, ioas_destroy);
	if (!ioas)
		return -ENOMEM;
	cmd->out_ioas_id = ioas->object.id;
	rc = ucmd_respond(ucmd);
	if (rc) {
		object_abort(&ioas->object);
		return rc;
	}
	pthread_mutex_init(&ioas->attach_lock, NULL);
	pthread_mutex_init(&ioas->lock, NULL);
	pthread_cond_init(&ioas->idle, NULL);
	iova_map_init(&ioas->areas);
	iova_set_init(&ioas->reserved);
	iova_set_init(&ioas->allowed);
	CDS_INIT_LIST_HEAD(&ioas->hwpts);
	CDS_INIT_LIST_HEAD(&ioas->accesses);
	ioas->alignment = 1;
	ioas->huge_pages = true;
	object_publish(&ioas->object);
	return 0;
}

void ioas_wait_idle(struct ioas *ioas)
{
	while (ioas->pinning)
		pthread_cond_wait(&ioas->idle, &ioas->lock);
}

struct ioas_walk {
	void (*visit)(struct ioas *ioas, void *arg);
	void *arg;
};

static void walk_ctx(struct iommufd_ctx *ctx, void *arg)
{
	const struct ioas_walk *walk = arg;
	struct ioas *ioas;

	for (uint32_t id = 1; (ioas = object_next(ctx, &id, OBJECT_IOAS)); id++) {
		pthread_mutex_lock(&ioas->lock);
		walk->visit(ioas, walk->arg);
		pthread_mutex_unlock(&ioas->lock);
		object_put(&ioas->object);
	}
}

void ioas_for_each(void (*visit)(struct ioas *ioas, void *arg), void *arg)
{
	struct ioas_walk walk = {.visit = visit, .arg = arg};

	ctx_for_each(walk_ctx, &walk);
}

static int resv_grow(struct ioas *ioas, size_t count)
{
	size_t capacity = ioas->resv_capacity ? ioas->resv_capacity * 2 : 8;
	struct ioas_resv *resv;

	if (ioas->resv_count + count <= ioas->resv_capacity)
		return 0;
	if (capacity < ioas->resv_count + count)
		capacity = ioas->resv_count + count;
	resv = alloc_resize(ioas->resv, capacity, sizeof(*resv));
	if (!resv)
		return -ENOMEM;
	ioas->resv = resv;
	ioas->resv_capacity = capacity;
	return 0;
}

int ioas_reserve(struct ioas *ioas, const struct iova_range *ranges, size_t count,
		 const void *owner)
{
	struct iova_set reserved;
	int rc;

	for (size_t i = 0; i < count; i++) {
		if (iova_map_intersects(&ioas->areas, ranges[i]) ||
		    iova_set_intersects(&ioas->allowed, ranges[i]))
			return -EADDRINUSE;
	}
	rc = resv_grow(ioas, count);
	if (rc)
		return rc;
	iova_set_init(&reserved);
	rc = iova_set_copy(&ioas->reserved, &reserved);
	/* Room for all of them apart, which is how ioas_unreserve() may find them. */
	if (!rc)
		rc = iova_set_reserve(&reserved, ioas->resv_count + count);
	for (size_t i = 0; i < count && !rc; i++)
		rc = iova_set_add(&reserved, ranges[i]);
	if (!rc) {
		iova_set_swap(&ioas->reserved, &reserved);
		for (size_t i = 0; i < count; i++)
			ioas->resv[ioas->resv_count++] =
				(struct ioas_resv){.range = ranges[i], .owner = owner};
	}
	iova_set_destroy(&reserved);
	return rc;
}

/*
 * Rebuilds the set in place from what remains: ioas_reserve() has made the room, even if none of it
 * merges, so nothing can fail.
 */
void ioas_unreserve(struct ioas *ioas, const void *owner)
{
	size_t kept = 0;

	for (size_t i = 0; i < ioas->resv_count; i++) {
		if (ioas->resv[i].owner != owner)
			ioas->resv[kept++] = ioas->resv[i];
	}
	ioas->resv_count = kept;
	ioas->reserved.count = 0;
	for (size_t i = 0; i < kept; i++)
		(void)iova_set_add(&ioas->reserved, ioas->resv[i].range);
}

/* An area conforms if its IOVA, its length and its place in the page are multiples of @alignment. */
static int area_check_alignment(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	const uint64_t *alignment = arg;

	if (is_aligned(area->range.start | area_len(area) | (area->start & PAGE_MASK), *alignment))
		return 0;
	return -EADDRINUSE;
}

int ioas_check_alignment(struct ioas *ioas, uint64_t alignment)
{
	if (alignment <= ioas->alignment)
		return 0;
	return iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, area_check_alignment, &alignment);
}

void ioas_update_alignment(struct ioas *ioas)
{
	uint64_t alignment = ioas->huge_pages ? 1 : PAGE_SIZE;
	struct access_link *link;
	struct hwpt *hwpt;

	cds_list_for_each_entry (link, &ioas->accesses, link)
		alignment = max_u64(alignment, access_alignment(link->access));
	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link)
		alignment = max_u64(alignment, lowest_bit(iommu_domain_pgsizes(hwpt->domain)));
	ioas->alignment = alignment;
}

/* The permitted ranges, and the alignment that goes with them. */
static int read_ranges(struct ioas *ioas, struct iova_set *permitted, uint64_t *alignment)
{
	int rc;

	pthread_mutex_lock(&ioas->lock);
	rc = iova_set_invert(&ioas->reserved, permitted);
	*alignment = ioas->alignment;
	pthread_mutex_unlock(&ioas->lock);
	return rc;
}

int ioctl_ioas_iova_ranges(struct ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	struct uiommufd_caller *caller = ucmd->caller;
	struct iova_set permitted;
	uint64_t alignment;
	struct ioas *ioas;
	size_t fit;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = object_get(ucmd->ctx, cmd->ioas_id, OBJECT_IOAS);
	if (!ioas)
		return -ENOENT;
	iova_set_init(&permitted);
	rc = read_ranges(ioas, &permitted, &alignment);
	object_put(&ioas->object);
	if (rc)
		return rc;
	fit = min_u64(cmd->num_iovas, permitted.count);
	/* struct iova_range is struct iommu_iova_range by another name. */
	if (fit && caller->ops->write(caller, cmd->allowed_iovas, permitted.ranges,
				      fit * sizeof(permitted.ranges[0])))
		rc = -EFAULT;
	cmd->num_iovas = (uint32_t)permitted.count;
	cmd->out_iova_alignment = alignment;
	if (!rc)
		rc = ucmd_respond(ucmd);
	if (!rc && fit < permitted.count)
		rc = -EMSGSIZE;
	iova_set_destroy(&permitted);
	return rc;
}

_Static_assert(sizeof(struct iova_range) == sizeof(struct iommu_iova_range), "copied as one array");

/* Reads the user's list into @allowed. */
static int read_allowed(struct ucmd *ucmd, struct iova_set *allowed)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct uiommufd_caller *caller = ucmd->caller;

	for (uint32_t i = 0; i < cmd->num_iovas; i++) {
		struct iova_range range;
		int rc;

		if (caller->ops->read(caller, &range, cmd->allowed_iovas + i * sizeof(range),
				      sizeof(range)))
			return -EFAULT;
		if (range.start >= range.last || iova_set_intersects(allowed, range))
			return -EINVAL;
		rc = iova_set_add(allowed, range);
		if (rc)
			return rc;
	}
	return 0;
}

static bool sets_intersect(const struct iova_set *a, const struct iova_set *b)
{
	for (size_t i = 0; i < a->count; i++) {
		if (iova_set_intersects(b, a->ranges[i]))
			return true;
	}
	return false;
}

int ioctl_ioas_allow_iovas(struct ucmd *ucmd)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct iova_set allowed;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return -EOPNOTSUPP;
	ioas = object_get(ucmd->ctx, cmd->ioas_id, OBJECT_IOAS);
	if (!ioas)
		return -ENOENT;
	iova_set_init(&allowed);
	rc = read_allowed(ucmd, &allowed);
	if (!rc) {
		pthread_mutex_lock(&ioas->lock);
		if (sets_intersect(&allowed, &ioas->reserved))
			rc = -EADDRINUSE;
		else
			iova_set_swap(&ioas->allowed, &allowed);
		pthread_mutex_unlock(&ioas->lock);
	}
	iova_set_destroy(&allowed);
	object_put(&ioas->object);
	return rc;
}
