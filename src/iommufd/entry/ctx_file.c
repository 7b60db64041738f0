/* SPDX-License-Identifier: MIT */
/*
 * The file of a context: its operations lead to the parts of iommufd/ that implement them. Opening
 * the first one also connects the notifications of mem/.
 */
#include "iommufd/entry/ctx_file.h"

#include <errno.h>
#include <pthread.h>
#include <urcu/compiler.h>

#include "base/dev_names.h"
#include "iommufd/entry/dispatch.h"
#include "iommufd/ioas/area_move.h"
#include "iommufd/object/ctx_region.h"
#include "mem/displace.h"
#include "mem/dmabuf.h"

static long ctx_file_ioctl(struct uiommufd_file *file, struct uiommufd_caller *caller,
			   unsigned int cmd, uint64_t arg)
{
	return iommufd_ioctl(iommufd_ctx_from_file(file), caller, cmd, arg);
}

static int ctx_file_mmap(struct uiommufd_file *file, uint64_t offset, uint64_t len, int prot,
			 int flags, struct file_mapping *map)
{
	return region_mmap(iommufd_ctx_from_file(file), offset, len, prot, flags, map);
}

static void ctx_file_release(struct uiommufd_file *file)
{
	ctx_destroy(iommufd_ctx_from_file(file));
}

static const struct file_ops ctx_file_ops = {
	.name = DEV_IOMMU,
	.ioctl = ctx_file_ioctl,
	.mmap = ctx_file_mmap,
	.release = ctx_file_release,
};

static pthread_once_t notified_once = PTHREAD_ONCE_INIT;

/* Once: contexts are opened by several threads. */
static void ask_to_be_notified(void)
{
	displace_set_notify(iommufd_sources_moved);
	dmabuf_set_notify(iommufd_dmabuf_revoked);
}

int iommufd_ctx_create(const struct iommufd_options *options, struct iommufd_ctx **out)
{
	(void)pthread_once(&notified_once, ask_to_be_notified);
	*out = ctx_create(options, &ctx_file_ops);
	return *out ? 0 : -ENOMEM;
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
