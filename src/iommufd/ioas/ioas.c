/* SPDX-License-Identifier: MIT */
/*
 * The IOAS object and the ranges of IOVA that it may use: reserved ranges, each with its owner;
 * ranges that the user allows; and the alignment of mappings [IOAS-ALLOC], [IOAS-USABLE],
 * [IOAS-ALIGNMENT].
 *
 * Invariants, while ioas->lock is held (ioas_check() tests them):
 * - ioas->reserved is the union of ioas->resv;
 * - no area and no allowed range intersects ioas->reserved;
 * - ioas->alignment is what the tables, the accesses and the huge page option ask for.
 */
#include "iommufd/ioas/ioas.h"
#include "base/last_error.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/caller.h"
#include "iommu/iommu.h"
#include "iommufd/ioas/access.h"
#include "iommufd/ioas/area.h"
#include "iommufd/ioas/refusal.h"
#include "iommufd/object/ucmd.h"

enum {
	ALLOW_AT_ONCE = 1024, /* entries of a user's list that are read with one call */
};

static void ioas_destroy(struct iommufd_object *object)
{
	struct ioas *ioas = (struct ioas *)object;
	struct iommufd_ctx *ctx = object->ctx;
	uint64_t unmapped;

	lock_acquire(&ctx->lock);
	if (ctx->vfio_ioas == ioas)
		ctx->vfio_ioas = NULL;
	lock_release(&ctx->lock);
	ioas_unmap_range(ioas, IOVA_RANGE_ALL, &unmapped);
	iova_map_destroy(&ioas->areas);
	area_index_destroy(&ioas->index);
	iova_set_destroy(&ioas->reserved);
	iova_set_destroy(&ioas->allowed);
	history_destroy(ioas->history);
	reserved_destroy(&ioas->resv);
	lock_destroy(&ioas->lock);
	lock_destroy(&ioas->attach_lock);
	object_free(object);
}

/* Only the test ABI reserves ranges for the IOAS itself. */
static void explain_reserved(const struct iommufd_object *object, struct iova_range range,
			     char *text, size_t size)
{
	char r[RANGE_TEXT_SIZE];

	(void)object;
	snprintf(text, size, "%s is reserved by a test", range_text(range, r));
}

static const struct object_class ioas_class = {
	.type = OBJECT_IOAS,
	.size = sizeof(struct ioas),
	.destroy = ioas_destroy,
	.explain_reserved = explain_reserved,
};

struct ioas *ioas_create(struct iommufd_ctx *ctx)
{
	struct ioas *ioas = object_create(ctx, &ioas_class);

	if (!ioas)
		return NULL;
	lock_init(&ioas->attach_lock, LOCK_IOAS_ATTACH);
	lock_init(&ioas->lock, LOCK_IOAS);
	iova_map_init(&ioas->areas);
	iova_set_init(&ioas->reserved);
	reserved_init(&ioas->resv, &ioas->reserved);
	iova_set_init(&ioas->allowed);
	CDS_INIT_LIST_HEAD(&ioas->tables);
	CDS_INIT_LIST_HEAD(&ioas->accesses);
	CDS_INIT_LIST_HEAD(&ioas->listeners);
	ioas->alignment = 1;
	ioas->huge_pages = true;
	ioas->history = history_create();
	return ioas;
}

int ioctl_ioas_alloc(struct ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct ioas *ioas;
	int rc;

	if (cmd->flags)
		return refuse(-EOPNOTSUPP, "flags are not 0");
	ioas = ioas_create(ucmd->ctx);
	if (!ioas)
		return -ENOMEM;
	cmd->out_ioas_id = ioas->object.id;
	rc = ucmd_respond(ucmd);
	if (rc) {
		object_abort(&ioas->object);
		return rc;
	}
	object_publish(&ioas->object);
	return 0;
}

void ioas_wait_idle(struct ioas *ioas)
{
	lock_assert_held(&ioas->lock);
	ioas->waiting++;
	while (ioas->pinning)
		lock_wait(&ioas->lock, &ioas->idle);
	if (--ioas->waiting == 0)
		condition_broadcast(&ioas->idle);
}

struct ioas_walk {
	void (*visit)(struct ioas *ioas, void *arg);
	void *arg;
};

static void walk_ctx(struct iommufd_ctx *ctx, void *arg)
{
	const struct ioas_walk *walk = arg;
	struct ioas *ioas;

	for (uint32_t id = 1; (ioas = ioas_next(ctx, &id)); id++) {
		lock_acquire(&ioas->lock);
		walk->visit(ioas, walk->arg);
		lock_release(&ioas->lock);
		object_put(&ioas->object);
	}
}

void ioas_for_each(void (*visit)(struct ioas *ioas, void *arg), void *arg)
{
	struct ioas_walk walk = {.visit = visit, .arg = arg};

	ctx_for_each(walk_ctx, &walk);
}

/* 0 if no area and no allowed range intersects @ranges, or -EADDRINUSE. */
static int check_unused(const struct ioas *ioas, const struct iova_range *ranges, size_t count,
			const struct iommufd_object *owner) REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	for (size_t i = 0; i < count; i++) {
		struct iova_map_entry entry;
		struct iova_range window;

		if (iova_set_intersection(&ioas->allowed, ranges[i], &window)) {
			refuse_reserved_over_window(ioas, ranges[i], owner, window);
			return -EADDRINUSE;
		}
		if (iova_map_lower(&ioas->areas, ranges[i].start, &entry) &&
		    entry.range.start <= ranges[i].last) {
			refuse_reserved_over_area(ioas, ranges[i], owner, entry.value);
			return -EADDRINUSE;
		}
	}
	return 0;
}

int ioas_reserve(struct ioas *ioas, const struct iova_range *ranges, size_t count,
		 const struct iommufd_object *owner)
{
	int rc;

	lock_assert_held(&ioas->lock);
	rc = check_unused(ioas, ranges, count, owner);
	if (!rc)
		rc = reserved_add(&ioas->resv, ranges, count, owner);
	if (!rc)
		ioas->ranges_known = false;
	return rc;
}

void ioas_unreserve(struct ioas *ioas, const struct iommufd_object *owner)
{
	lock_assert_held(&ioas->lock);
	reserved_remove(&ioas->resv, owner);
}

struct alignment_check {
	const struct ioas *ioas;
	uint64_t alignment;
};

/*
 * An area conforms if its IOVA, its length and its offset in the page are multiples of the
 * alignment.
 */
static int area_check_alignment(const struct iova_map_entry *entry, void *arg)
{
	const struct alignment_check *check = arg;
	const struct area *area = entry->value;
	const struct ioas *ioas = check->ioas;

	lock_assert_held(&ioas->lock);
	if (is_aligned(area->iova | area_len(area) | (area_start(area) & PAGE_MASK),
		       check->alignment))
		return 0;
	refuse_misaligned_area(ioas, area, check->alignment);
	return -EADDRINUSE;
}

int ioas_check_alignment(struct ioas *ioas, uint64_t alignment)
{
	struct alignment_check check = {.ioas = ioas, .alignment = alignment};

	lock_assert_held(&ioas->lock);
	if (alignment <= ioas->alignment)
		return 0;
	return iova_map_for_each(&ioas->areas, IOVA_RANGE_ALL, area_check_alignment, &check);
}

void ioas_update_alignment(struct ioas *ioas)
{
	uint64_t alignment = ioas->huge_pages ? 1 : PAGE_SIZE;
	struct access_link *link;
	struct ioas_table *table;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (link, &ioas->accesses, link)
		alignment = max_u64(alignment, access_alignment(link->access));
	cds_list_for_each_entry (table, &ioas->tables, link)
		alignment = max_u64(alignment, lowest_bit(iommu_domain_pgsizes(table->domain)));
	ioas->alignment = alignment;
}

/* The permitted ranges and, read at the same moment, the alignment. */
static int read_ranges(struct ioas *ioas, struct iova_set *permitted, uint64_t *alignment)
{
	int rc;

	lock_acquire(&ioas->lock);
	rc = iova_set_invert(&ioas->reserved, permitted);
	*alignment = ioas->alignment;
	ioas->ranges_known = true;
	lock_release(&ioas->lock);
	return rc;
}

int ioctl_ioas_iova_ranges(struct ucmd *ucmd)
{
	struct iommu_ioas_iova_ranges *cmd = ucmd->cmd;
	struct iova_set permitted;
	uint64_t alignment;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return object_refuse(ucmd->ctx, "ioas_id", cmd->ioas_id, OBJECT_IOAS);
	iova_set_init(&permitted);
	rc = read_ranges(ioas, &permitted, &alignment);
	object_put(&ioas->object);
	cmd->out_iova_alignment = alignment;
	if (!rc)
		rc = ucmd_respond_ranges(ucmd, cmd->allowed_iovas, &cmd->num_iovas, &permitted);
	iova_set_destroy(&permitted);
	return rc;
}

/*
 * Reads entries [@first, @end) of the user's list to the same places of @allowed, which has the
 * capacity: at once, or as many as can be read. Returns how many, from @first on.
 */
static size_t read_entries(struct ucmd *ucmd, struct iova_set *allowed, size_t first, size_t end)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	const size_t size = sizeof(allowed->ranges[0]);
	struct uiommufd_caller *caller = ucmd->caller;
	size_t i = first;

	if (!caller_read(caller, &allowed->ranges[first], cmd->allowed_iovas + first * size,
			 (end - first) * size))
		return end - first;
	while (i < end &&
	       !caller_read(caller, &allowed->ranges[i], cmd->allowed_iovas + i * size, size))
		i++;
	return i - first;
}

/* What is wrong with entry @i of the user's list, which was read. */
static int check_entry(const struct iova_range *range, size_t i)
{
	return range->start < range->last ? 0
					  : refuse(-EINVAL,
						   "allowed_iovas[%zu] is 0x%" PRIx64 "-0x%" PRIx64
						   ": its last byte must be above its first",
						   i, range->start, range->last);
}

/*
 * Reads the next entries after @*count of the user's list, some at a time, so that a number that is
 * too large costs no memory; adds to @*count those before the first bad one.
 */
static int read_some(struct ucmd *ucmd, struct iova_set *allowed, size_t *count)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	const size_t end = min_u64(cmd->num_iovas, *count + ALLOW_AT_ONCE);
	size_t got;
	int rc = 0;

	if (iova_set_reserve(allowed, end))
		return -ENOMEM;
	got = *count + read_entries(ucmd, allowed, *count, end);
	while (*count < got && !rc) {
		rc = check_entry(&allowed->ranges[*count], *count);
		*count += !rc;
	}
	if (rc || got == end)
		return rc;
	return refuse_memory("allowed_iovas", cmd->allowed_iovas,
			     cmd->num_iovas * sizeof(allowed->ranges[0]));
}

/*
 * Reads the user's list into @allowed. The first bad entry ends the reading; an overlap among the
 * entries before it, looked for once at the end, is -EINVAL and precedes the entry's own error.
 */
static int read_allowed(struct ucmd *ucmd, struct iova_set *allowed)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	size_t count = 0;
	int rc = 0;

	while (!rc && count < cmd->num_iovas)
		rc = read_some(ucmd, allowed, &count);
	if (!iova_set_adopt(allowed, count))
		return refuse(-EINVAL, "two of the first %zu ranges of allowed_iovas overlap",
			      count);
	return rc;
}

struct allowed_check {
	const struct ioas *ioas;
	const struct iova_set *allowed;
};

static int check_one_reserved(struct iova_range range, const struct iommufd_object *owner,
			      void *arg)
{
	const struct allowed_check *check = arg;
	const struct ioas *ioas = check->ioas;
	struct iova_range window;

	lock_assert_held(&ioas->lock);
	if (!iova_set_intersection(check->allowed, range, &window))
		return 0;
	refuse_reserved_over_window(ioas, range, owner, window);
	return -EADDRINUSE;
}

/* 0 if nothing of @allowed is reserved, or -EADDRINUSE. */
static int check_reserved(const struct ioas *ioas, const struct iova_set *allowed)
	REQUIRES(ioas->lock)
{
	struct allowed_check check = {.ioas = ioas, .allowed = allowed};

	lock_assert_held(&ioas->lock);
	if (!iova_set_meets(allowed, &ioas->reserved))
		return 0;
	return reserved_for_each(&ioas->resv, check_one_reserved, &check);
}

int ioctl_ioas_allow_iovas(struct ucmd *ucmd)
{
	const struct iommu_ioas_allow_iovas *cmd = ucmd->cmd;
	struct iova_set allowed;
	struct ioas *ioas;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
	if (!ioas)
		return object_refuse(ucmd->ctx, "ioas_id", cmd->ioas_id, OBJECT_IOAS);
	iova_set_init(&allowed);
	rc = read_allowed(ucmd, &allowed);
	if (rc)
		goto out_destroy;
	lock_acquire(&ioas->lock);
	rc = check_reserved(ioas, &allowed);
	if (!rc)
		iova_set_swap(&ioas->allowed, &allowed);
	lock_release(&ioas->lock);
out_destroy:
	iova_set_destroy(&allowed);
	object_put(&ioas->object);
	return rc;
}
