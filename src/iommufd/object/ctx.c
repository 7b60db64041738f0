/* SPDX-License-Identifier: MIT */
/*
 * Contexts: the state behind one open of /dev/iommu, as a file. All contexts of the process are in
 * a registry, for what concerns them all: memory that moves, and fork.
 */
#include <urcu-bp.h>

#include "base/alloc.h"
#include "base/gate.h"
#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ucmd.h"
#include "mem/displace.h"
#include "mem/dmabuf.h"

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static CDS_LIST_HEAD(registry);

static long ctx_file_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller,
			   unsigned int cmd, uint64_t arg)
{
	return iommufd_ioctl(iommufd_ctx_from_file(file), caller, cmd, arg);
}

static void ctx_file_release(struct uiommufd_file *file)
{
	struct iommufd_ctx *ctx = iommufd_ctx_from_file(file);

	pthread_mutex_lock(&registry_lock);
	cds_list_del(&ctx->link);
	pthread_mutex_unlock(&registry_lock);
	object_destroy_all(ctx);
	pthread_mutex_destroy(&ctx->lock);
	alloc_free(ctx);
}

static const struct file_ops ctx_file_ops = {
	.name = "/dev/iommu",
	.ioctl = ctx_file_ioctl,
	.mmap = ctx_mmap,
	.release = ctx_file_release,
};

int iommufd_ctx_create(const struct iommufd_options *options, struct iommufd_ctx **out)
{
	struct iommufd_ctx *ctx = alloc_zeroed(sizeof(*ctx));

	if (!ctx)
		return -ENOMEM;
	file_init(&ctx->file, &ctx_file_ops, 0);
	ctx->options = *options;
	ctx->accounting_mm = options->accounting_mm;
	idtable_init(&ctx->objects);
	CDS_INIT_LIST_HEAD(&ctx->regions);
	pthread_mutex_init(&ctx->lock, NULL);
	pthread_mutex_lock(&registry_lock);
	displace_set_notify(iommufd_sources_moved);
	dmabuf_set_notify(iommufd_dmabuf_revoked);
	cds_list_add_tail(&ctx->link, &registry);
	pthread_mutex_unlock(&registry_lock);
	*out = ctx;
	return 0;
}

struct uiommufd_file *iommufd_ctx_file(struct iommufd_ctx *ctx)
{
	return &ctx->file;
}

struct iommufd_ctx *iommufd_ctx_from_file(struct uiommufd_file *file)
{
	if (file->ops != &ctx_file_ops)
		return NULL;
	return caa_container_of(file, struct iommufd_ctx, file);
}

void ctx_for_each(void (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg)
{
	struct iommufd_ctx *ctx;

	pthread_mutex_lock(&registry_lock);
	cds_list_for_each_entry (ctx, &registry, link)
		visit(ctx, arg);
	pthread_mutex_unlock(&registry_lock);
}

int ctx_visit_nth(uint32_t number, int (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg)
{
	struct iommufd_ctx *ctx;
	int rc = -ENOENT;

	pthread_mutex_lock(&registry_lock);
	cds_list_for_each_entry (ctx, &registry, link) {
		if (number--)
			continue;
		rc = visit(ctx, arg);
		break;
	}
	pthread_mutex_unlock(&registry_lock);
	return rc;
}
