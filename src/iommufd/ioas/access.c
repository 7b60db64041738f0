/* SPDX-License-Identifier: MIT */
/*
 * Accesses.
 *
 * Invariants:
 * - an access is on the list of the IOAS that it is attached to, by its current link, and has a
 *   user of that IOAS;
 * - the list of an IOAS is in the order of attachment (ioas_check() tests it).
 *
 * access->lock serialises changes of the attachment; ioas->lock guards the list and the pins of
 * areas. Pins and copies read access->ioas without a lock: the owner does not detach meanwhile.
 *
 * Cost: pins and copies walk the areas of their range, with ioas->lock held.
 */
#include "iommufd/ioas/access.h"

#include "base/alloc.h"
#include "iommufd/ioas/area.h"

uint64_t access_alignment(const struct iommufd_access *access)
{
	return access->ops->needs_pin_pages ? PAGE_SIZE : 1;
}

/*
 * An internal access belongs to another object of the context and is destroyed with it. So it does
 * not keep the context.
 */
static bool is_internal(const struct iommufd_access *access)
{
	return !access->ops->unmap;
}

static const struct object_class access_class = {
	.type = OBJECT_ACCESS,
	.size = sizeof(struct iommufd_access),
};

int iommufd_access_create(struct iommufd_ctx *ctx, const struct iommufd_access_ops *ops, void *data,
			  struct iommufd_access **out)
{
	struct iommufd_access *access = object_create(ctx, &access_class);

	if (!access)
		return -ENOMEM;
	access->ops = ops;
	access->data = data;
	lock_init(&access->lock, LOCK_ACCESS);
	/* The owner's user: IOMMU_DESTROY answers -EBUSY. */
	object_hold(&access->object);
	if (!is_internal(access))
		file_get(&ctx->file);
	object_publish(&access->object);
	*out = access;
	return 0;
}

void iommufd_access_destroy(struct iommufd_access *access)
{
	struct iommufd_ctx *ctx = access->object.ctx;
	const bool internal = is_internal(access);

	iommufd_access_detach(access);
	object_retire(&access->object);
	lock_destroy(&access->lock);
	object_free(&access->object);
	if (!internal)
		file_put(&ctx->file);
}

/* ---- attachment ---- */

/* Puts @access on the list of @ioas by the link that is not in use. */
static int join(struct ioas *ioas, struct iommufd_access *access) REQUIRES(access->lock)
{
	struct access_link *link = &access->links[!access->current];
	int rc;

	lock_assert_held(&access->lock);
	lock_acquire(&ioas->lock);
	rc = ioas_check_alignment(ioas, access_alignment(access));
	if (rc)
		goto out_unlock;
	link->access = access;
	link->sequence = ++ioas->access_sequence;
	cds_list_add_tail(&link->link, &ioas->accesses);
	ioas_update_alignment(ioas);
out_unlock:
	lock_release(&ioas->lock);
	return rc;
}

/* Takes @link off the list of @ioas, and drops the user of @ioas. */
static void leave(struct ioas *ioas, struct access_link *link)
{
	lock_acquire(&ioas->lock);
	cds_list_del(&link->link);
	ioas_update_alignment(ioas);
	lock_release(&ioas->lock);
	object_put(&ioas->object);
}

/* Makes the owner unpin everything. */
static void drop_pins(struct iommufd_access *access)
{
	if (access->ops->unmap)
		access->ops->unmap(access->data, 0, UINT64_MAX);
}

/* Leaves the IOAS that @access is attached to, if any. */
static void leave_current(struct iommufd_access *access) REQUIRES(access->lock)
{
	struct access_link *link = &access->links[access->current];

	lock_assert_held(&access->lock);
	if (!access->ioas)
		return;
	assert(link->access == access);
	drop_pins(access);
	leave(access->ioas, link);
}

/* Moves @access from the IOAS that it is attached to, if any, to IOAS @ioas_id. */
static int move_to(struct iommufd_access *access, uint32_t ioas_id) REQUIRES(access->lock)
{
	struct ioas *ioas;
	int rc = 0;

	lock_assert_held(&access->lock);
	ioas = ioas_get(access->object.ctx, ioas_id);
	if (!ioas)
		return -ENOENT;
	if (ioas == access->ioas)
		goto out_put;
	rc = join(ioas, access);
	if (rc)
		goto out_put;
	leave_current(access);
	access->current = !access->current;
	access->ioas = ioas; /* takes the user */
	return 0;

out_put:
	object_put(&ioas->object);
	return rc;
}

int iommufd_access_attach(struct iommufd_access *access, uint32_t ioas_id)
{
	int rc = -EINVAL;

	lock_acquire(&access->lock);
	if (!access->ioas)
		rc = move_to(access, ioas_id);
	lock_release(&access->lock);
	return rc;
}

int iommufd_access_replace(struct iommufd_access *access, uint32_t ioas_id)
{
	int rc = -ENOENT;

	lock_acquire(&access->lock);
	if (access->ioas)
		rc = move_to(access, ioas_id);
	lock_release(&access->lock);
	return rc;
}

void iommufd_access_detach(struct iommufd_access *access)
{
	lock_acquire(&access->lock);
	leave_current(access);
	access->ioas = NULL;
	lock_release(&access->lock);
}

/* The first access of @ioas that was attached after @sequence, with a user, or NULL. */
static struct iommufd_access *next_access(struct ioas *ioas, uint64_t *sequence)
	REQUIRES(ioas->lock)
{
	struct access_link *link;

	lock_assert_held(&ioas->lock);
	cds_list_for_each_entry (link, &ioas->accesses, link) {
		if (link->sequence > *sequence) {
			*sequence = link->sequence;
			object_hold(&link->access->object);
			return link->access;
		}
	}
	return NULL;
}

void ioas_notify_accesses(struct ioas *ioas, struct iova_range range)
{
	struct iommufd_access *access;
	uint64_t sequence = 0;

	lock_assert_held(&ioas->lock);
	while ((access = next_access(ioas, &sequence))) {
		lock_release(&ioas->lock);
		if (access->ops->unmap)
			access->ops->unmap(access->data, range.start, iova_range_len(range));
		object_put(&access->object);
		lock_acquire(&ioas->lock);
	}
}

/* ---- pins ---- */

/* One pin, unpin or copy of a range: a walk over its areas. */
struct span {
	struct iova_range range;
	uint64_t next; /* the first IOVA not done yet */
	bool write;
	bool internal;
	uint64_t *pages;
	struct uiommufd_caller *caller;
	char *buf;
	bool slow;
};

/* The part of @entry in the span; -ENOENT: a hole comes before it. */
static int span_part(const struct span *span, const struct iova_map_entry *entry, uint64_t *byte,
		     uint64_t *len)
{
	const struct area *area = entry->value;
	uint64_t last = min_u64(entry->range.last, span->range.last);

	if (area->busy || entry->range.start > span->next)
		return -ENOENT;
	*byte = area_start(area) + (span->next - entry->range.start);
	*len = last - span->next + 1;
	return 0;
}

/* @len more bytes are done. Returns 1, which ends the walk, after the last byte of the span. */
static int span_advance(struct span *span, uint64_t len)
{
	span->next += len;
	return span->next > span->range.last || !span->next;
}

/* Visits the areas of @span in order. -ENOENT: they do not cover it; or the error of a visit. */
static int span_walk(struct ioas *ioas, struct span *span,
		     int (*visit)(const struct iova_map_entry *entry, void *span))
	REQUIRES(ioas->lock)
{
	int rc;

	lock_assert_held(&ioas->lock);
	rc = iova_map_for_each(&ioas->areas, span->range, visit, span);
	if (rc < 0)
		return rc;
	return rc ? 0 : -ENOENT;
}

static int check_rights(const struct area *area, bool write)
{
	if (!(area->prot & (write ? IOPT_WRITE : IOPT_READ)))
		return -EPERM;
	if (write && !mem_source_writable(area_source(area)))
		return -EPERM;
	return 0;
}

static struct mem_pages pages_of(uint64_t byte, uint64_t len)
{
	uint64_t first = byte >> PAGE_SHIFT;

	return (struct mem_pages){.first = first,
				  .count = ((byte + len - 1) >> PAGE_SHIFT) - first + 1};
}

/*
 * Pages can be handed out only where the part begins and ends at the border of a page. The last
 * part of the span may end inside one.
 */
static int check_pages(const struct span *span, const struct iova_map_entry *entry, uint64_t byte,
		       uint64_t len)
{
	const struct area *area = entry->value;
	int rc;

	if (area->prevented || !is_aligned(byte, PAGE_SIZE))
		return -EINVAL;
	if (entry->range.last < span->range.last && !is_aligned(byte + len, PAGE_SIZE))
		return -EINVAL;
	rc = check_rights(area, span->write);
	if (rc)
		return rc;
	return mem_source_kind(area_source(area)) == MEM_KIND_DMABUF ? -EINVAL : 0;
}

static void list_pages(struct span *span, struct mem_source *source, struct mem_pages pages)
{
	for (uint64_t i = 0; i < pages.count; i++) {
		uint64_t extent;

		mem_source_extent(source, (pages.first + i) << PAGE_SHIFT, PAGE_SIZE, span->pages++,
				  &extent);
	}
}

static int pin_visit(const struct iova_map_entry *entry, void *arg)
{
	struct area *area = entry->value;
	struct span *span = arg;
	struct mem_pages pages;
	uint64_t byte, len;
	int rc;

	rc = span_part(span, entry, &byte, &len);
	if (rc)
		return rc;
	rc = check_pages(span, entry, byte, len);
	if (rc)
		return rc;
	if (span->internal && area->locks == AREA_LOCKS_MAX)
		return -ENOSPC;
	pages = pages_of(byte, len);
	rc = mem_source_pin(area_source(area), pages);
	if (rc)
		return rc;
	area->pins++;
	area->locks = (uint16_t)(area->locks + span->internal);
	list_pages(span, area_source(area), pages);
	return span_advance(span, len);
}

static int unpin_visit(const struct iova_map_entry *entry, void *arg)
{
	struct area *area = entry->value;
	struct span *span = arg;
	uint64_t byte, len;

	/* A pin keeps UNMAP away, so there is no hole. */
	if (span_part(span, entry, &byte, &len))
		return -ENOENT;
	assert(area->pins && (!span->internal || area->locks));
	mem_source_unpin(area_source(area), pages_of(byte, len));
	area->pins--;
	area->locks = (uint16_t)(area->locks - span->internal);
	span->next += len;
	return 0;
}

/* Undoes the pins that @access has of [@start, @end). */
static void unpin_part(struct ioas *ioas, const struct iommufd_access *access, uint64_t start,
		       uint64_t end) REQUIRES(ioas->lock)
{
	struct span span = {
		.range = {start, end - 1},
		.next = start,
		.internal = is_internal(access),
	};

	lock_assert_held(&ioas->lock);
	if (start != end)
		(void)iova_map_for_each(&ioas->areas, span.range, unpin_visit, &span);
}

/* The checks that do not depend on areas. */
static int check_span(const struct iommufd_access *access, struct span *span, uint64_t len)
{
	if (!len)
		return -EINVAL;
	if (check_last(span->range.start, len, &span->range.last))
		return -EOVERFLOW;
	return access->ioas ? 0 : -ENOENT;
}

int iommufd_access_pin(struct iommufd_access *access, uint64_t iova, uint64_t len, bool write,
		       uint64_t *pages)
{
	struct ioas *ioas = access->ioas;
	struct span span = {
		.range.start = iova,
		.next = iova,
		.write = write,
		.internal = is_internal(access),
		.pages = pages,
	};
	int rc;

	rc = check_span(access, &span, len);
	if (rc)
		return rc;
	lock_acquire(&ioas->lock);
	rc = span_walk(ioas, &span, pin_visit);
	if (rc)
		unpin_part(ioas, access, iova, span.next);
	lock_release(&ioas->lock);
	return rc;
}

void iommufd_access_unpin(struct iommufd_access *access, uint64_t iova, uint64_t len)
{
	struct ioas *ioas = access->ioas;

	lock_acquire(&ioas->lock);
	unpin_part(ioas, access, iova, iova + len);
	lock_release(&ioas->lock);
}

/* ---- copies ---- */

static int rw_visit(const struct iova_map_entry *entry, void *arg)
{
	const struct area *area = entry->value;
	struct span *span = arg;
	uint64_t byte, len;
	int rc;

	rc = span_part(span, entry, &byte, &len);
	if (rc)
		return rc;
	if (area->prevented)
		return -EINVAL;
	rc = check_rights(area, span->write);
	if (rc)
		return rc;
	if (mem_source_kind(area_source(area)) == MEM_KIND_DMABUF)
		return -EINVAL;
	rc = mem_source_rw(area_source(area), span->caller, byte, span->buf, len, span->write,
			   span->slow);
	if (rc)
		return rc;
	span->buf += len;
	return span_advance(span, len);
}

int iommufd_access_rw(struct iommufd_access *access, struct uiommufd_caller *caller, uint64_t iova,
		      void *buf, uint64_t len, bool write, bool slow)
{
	struct ioas *ioas = access->ioas;
	struct span span = {
		.range.start = iova,
		.next = iova,
		.write = write,
		.caller = caller,
		.buf = buf,
		.slow = slow,
	};
	int rc;

	rc = check_span(access, &span, len);
	if (rc)
		return rc;
	lock_acquire(&ioas->lock);
	rc = span_walk(ioas, &span, rw_visit);
	lock_release(&ioas->lock);
	return rc;
}
