/* SPDX-License-Identifier: MIT */
/*
 * Contexts: the state behind one open of /dev/iommu. A registry lists every context of the process,
 * for the events that concern all of them: memory that moves, dma-bufs that are revoked, and fork.
 *
 * registry_lock guards the list. Creation and destruction of a context are O(1) in their number.
 */
#include "iommufd/object/ctx.h"

#include <errno.h>

#include "base/alloc.h"

static struct lock registry_lock = LOCK_INIT(LOCK_CONTEXTS);
static struct cds_list_head registry GUARDED_BY(registry_lock) = CDS_LIST_HEAD_INIT(registry);

struct iommufd_ctx *ctx_create(const struct iommufd_options *options, const struct file_ops *ops)
{
	struct iommufd_ctx *ctx = alloc_zeroed(sizeof(*ctx));

	if (!ctx)
		return NULL;
	file_init(&ctx->file, ops, 0);
	ctx->options = *options;
	ctx->accounting_mm = options->accounting_mm;
	idtable_init(&ctx->objects);
	CDS_INIT_LIST_HEAD(&ctx->regions);
	lock_init(&ctx->lock, LOCK_CTX);
	lock_acquire(&registry_lock);
	cds_list_add_tail(&ctx->link, &registry);
	lock_release(&registry_lock);
	return ctx;
}

void ctx_destroy(struct iommufd_ctx *ctx)
{
	lock_acquire(&registry_lock);
	cds_list_del(&ctx->link);
	lock_release(&registry_lock);
	object_destroy_all(ctx);
	lock_destroy(&ctx->lock);
	alloc_free(ctx);
}

void ctx_for_each(void (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg)
{
	struct iommufd_ctx *ctx;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (ctx, &registry, link)
		visit(ctx, arg);
	lock_release(&registry_lock);
}

int ctx_visit_nth(uint32_t number, int (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg)
{
	struct iommufd_ctx *ctx;
	int rc = -ENOENT;

	lock_acquire(&registry_lock);
	cds_list_for_each_entry (ctx, &registry, link) {
		if (number--)
			continue;
		rc = visit(ctx, arg);
		break;
	}
	lock_release(&registry_lock);
	return rc;
}
