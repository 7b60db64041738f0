/* SPDX-License-Identifier: MIT */
/*
 * Accesses. access->lock serialises changes of the attachment and is taken before ioas->lock;
 * whoever pins or copies relies on its owner not to detach at the same time, and holds ioas->lock
 * while it looks at areas.
 */
#include "iommufd/access.h"

#include "base/alloc.h"

uint64_t access_alignment(const struct iommufd_access *access)
{
	return access->ops->needs_pin_pages ? PAGE_SIZE : 1;
}

/*
 * An internal one ends with another object of the context, at the latest when that goes; so it does
 * not keep it.
 */
static bool is_internal(const struct iommufd_access *access)
{
	return !access->ops->unmap;
}

int iommufd_access_create(struct iommufd_ctx *ctx, const struct iommufd_access_ops *ops, void *data,
			  struct iommufd_access **out)
{
	struct iommufd_access *access = object_create(ctx, sizeof(*access), OBJECT_ACCESS, NULL);

	if (!access)
		return -ENOMEM;
	access->ops = ops;
	access->data = data;
	pthread_mutex_init(&access->lock, NULL);
	/* The owner's own user, which keeps IOMMU_DESTROY away. */
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
	pthread_mutex_destroy(&access->lock);
	object_free(&access->object);
	if (!internal)
		file_put(&ctx->file);
}

/* ---- attachment ---- */

/* Puts @access on the list of @ioas by its link that is not in use (takes the user on success). */
static int join(struct ioas *ioas, struct iommufd_access *access)
{
	struct access_link *link = &access->links[!access->current];
	int rc;

	pthread_mutex_lock(&ioas->lock);
	rc = ioas_check_alignment(ioas, access_alignment(access));
	if (!rc) {
		link->access = access;
		link->sequence = ++ioas->access_sequence;
		cds_list_add_tail(&link->link, &ioas->accesses);
		ioas_update_alignment(ioas);
	}
	pthread_mutex_unlock(&ioas->lock);
	return rc;
}

/* Takes @link off the list of @ioas, and gives up the user of it. */
static void leave(struct ioas *ioas, struct access_link *link)
{
	pthread_mutex_lock(&ioas->lock);
	cds_list_del(&link->link);
	ioas_update_alignment(ioas);
	pthread_mutex_unlock(&ioas->lock);
	object_put(&ioas->object);
}

/* Has the owner let go of everything. */
static void drop_pins(struct iommufd_access *access)
{
	if (access->ops->unmap)
		access->ops->unmap(access->data, 0, UINT64_MAX);
}

/*
 * Leaves the IOAS that it is attached to, if any, for @ioas (NULL: for none). Caller holds
 * access->lock.
 */
static int move_locked(struct iommufd_access *access, struct ioas *ioas)
{
	struct ioas *old = access->ioas;
	int rc = ioas ? join(ioas, access) : 0;

	if (rc)
		return rc;
	if (old) {
		drop_pins(access);
		leave(old, &access->links[access->current]);
	}
	access->current = !access->current;
	access->ioas = ioas;
	return 0;
}

static int move_to(struct iommufd_access *access, uint32_t ioas_id)
{
	struct ioas *ioas = object_get(access->object.ctx, ioas_id, OBJECT_IOAS);
	bool stays;
	int rc = 0;

	if (!ioas)
		return -ENOENT;
	stays = ioas == access->ioas;
	if (!stays)
		rc = move_locked(access, ioas);
	/* Else the user has become the attachment's. */
	if (rc || stays)
		object_put(&ioas->object);
	return rc;
}

int iommufd_access_attach(struct iommufd_access *access, uint32_t ioas_id)
{
	int rc;

	pthread_mutex_lock(&access->lock);
	rc = access->ioas ? -EINVAL : move_to(access, ioas_id);
	pthread_mutex_unlock(&access->lock);
	return rc;
}

int iommufd_access_replace(struct iommufd_access *access, uint32_t ioas_id)
{
	int rc;

	pthread_mutex_lock(&access->lock);
	rc = access->ioas ? move_to(access, ioas_id) : -ENOENT;
	pthread_mutex_unlock(&access->lock);
	return rc;
}

void iommufd_access_detach(struct iommufd_access *access)
{
	pthread_mutex_lock(&access->lock);
	(void)move_locked(access, NULL);
	pthread_mutex_unlock(&access->lock);
}

/*
 * The first access of @ioas that came after @sequence, with a user, or NULL. Caller holds
 * ioas->lock.
 */
static struct iommufd_access *next_access(struct ioas *ioas, uint64_t *sequence)
{
	struct access_link *link;

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

	while ((access = next_access(ioas, &sequence))) {
		pthread_mutex_unlock(&ioas->lock);
		if (access->ops->unmap)
			access->ops->unmap(access->data, range.start, iova_range_len(range));
		object_put(&access->object);
		pthread_mutex_lock(&ioas->lock);
	}
}

/* ---- pins ---- */

/* A walk over the areas of a range. */
struct span {
	struct iova_range range;
	uint64_t next; /* the first IOVA that is not dealt with yet */
	bool write;
	bool internal; /* the access cannot be asked to unpin */
	uint64_t *pages;
	struct uiommufd_caller *caller;
	char *buf;
	bool slow;
};

/* The part of @entry in the span, or -ENOENT if there is a hole before it. */
static int span_part(const struct span *span, const struct iova_map_entry *entry, uint64_t *byte,
		     uint64_t *len)
{
	const struct area *area = entry->value;
	uint64_t last = min_u64(entry->range.last, span->range.last);

	if (area->busy || entry->range.start > span->next)
		return -ENOENT;
	*byte = area->start + (span->next - entry->range.start);
	*len = last - span->next + 1;
	return 0;
}

static int check_rights(const struct area *area, bool write)
{
	if (!(area->prot & (write ? IOPT_WRITE : IOPT_READ)))
		return -EPERM;
	return write && !mem_source_writable(area->source) ? -EPERM : 0;
}

static struct mem_pages pages_of(uint64_t byte, uint64_t len)
{
	uint64_t first = byte >> PAGE_SHIFT;

	return (struct mem_pages){.first = first,
				  .count = ((byte + len - 1) >> PAGE_SHIFT) - first + 1};
}

/* Pages can be handed out only where area and page begin and end together, but for the last. */
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
	if (!rc && mem_source_kind(area->source) == MEM_KIND_DMABUF)
		rc = -EINVAL;
	return rc;
}

static void list_pages(struct span *span, struct mem_source *source, struct mem_pages pages)
{
	for (uint64_t i = 0; i < pages.count; i++) {
		uint64_t run;

		mem_source_extent(source, (pages.first + i) << PAGE_SHIFT, PAGE_SIZE, span->pages++,
				  &run);
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
	if (!rc)
		rc = check_pages(span, entry, byte, len);
	if (rc)
		return rc;
	pages = pages_of(byte, len);
	rc = mem_source_pin(area->source, pages);
	if (rc)
		return rc;
	area->pins++;
	area->locks += span->internal;
	list_pages(span, area->source, pages);
	span->next += len;
	return span->next > span->range.last || !span->next;
}

static int unpin_visit(const struct iova_map_entry *entry, void *arg)
{
	struct area *area = entry->value;
	struct span *span = arg;
	uint64_t byte, len;

	/* What was pinned cannot be unmapped, so there is no hole. */
	if (span_part(span, entry, &byte, &len))
		return -ENOENT;
	mem_source_unpin(area->source, pages_of(byte, len));
	area->pins--;
	area->locks -= span->internal;
	span->next += len;
	return 0;
}

/* Undoes the pins of [@start, @end). Caller holds ioas->lock. */
static void unpin_part(struct iommufd_access *access, uint64_t start, uint64_t end)
{
	struct span span = {
		.range = {start, end - 1},
		.next = start,
		.internal = !access->ops->unmap,
	};

	if (start != end)
		(void)iova_map_for_each(&access->ioas->areas, span.range, unpin_visit, &span);
}

/* The checks that come before any area is looked at. */
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
		.internal = !access->ops->unmap,
		.pages = pages,
	};
	int rc = check_span(access, &span, len);

	if (rc)
		return rc;
	pthread_mutex_lock(&ioas->lock);
	rc = iova_map_for_each(&ioas->areas, span.range, pin_visit, &span);
	if (rc != 1) {
		unpin_part(access, iova, span.next);
		rc = rc ? rc : -ENOENT;
	}
	pthread_mutex_unlock(&ioas->lock);
	return rc < 0 ? rc : 0;
}

void iommufd_access_unpin(struct iommufd_access *access, uint64_t iova, uint64_t len)
{
	struct ioas *ioas = access->ioas;

	pthread_mutex_lock(&ioas->lock);
	unpin_part(access, iova, iova + len);
	pthread_mutex_unlock(&ioas->lock);
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
	if (mem_source_kind(area->source) == MEM_KIND_DMABUF)
		return -EINVAL;
	rc = mem_source_rw(area->source, span->caller, byte, span->buf, len, span->write,
			   span->slow);
	if (rc)
		return rc;
	span->buf += len;
	span->next += len;
	return span->next > span->range.last || !span->next;
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
	int rc = check_span(access, &span, len);

	if (rc)
		return rc;
	pthread_mutex_lock(&ioas->lock);
	rc = iova_map_for_each(&ioas->areas, span.range, rw_visit, &span);
	pthread_mutex_unlock(&ioas->lock);
	if (rc < 0)
		return rc;
	return rc ? 0 : -ENOENT;
}
