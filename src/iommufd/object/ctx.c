/* SPDX-License-Identifier: MIT */
/*
 * Contexts: the state behind one open of /dev/iommu, as a file. All contexts of the process are in
 * a registry, for what concerns them all: memory that moves, and fork.
 */
#include "iommufd/object/ctx.h"

#include <errno.h>

#include "base/alloc.h"

static struct lock registry_lock = LOCK_INIT(LOCK_CONTEXTS);
static CDS_LIST_HEAD(registry);

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
