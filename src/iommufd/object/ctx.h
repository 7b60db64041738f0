/* SPDX-License-Identifier: MIT */
/* A context: the state behind one open of /dev/iommu. ctx->lock is the innermost of its locks. */
#ifndef IOMMUFD_CTX_H
#define IOMMUFD_CTX_H

#include <urcu/list.h>

#include "base/file.h"
#include "base/idtable.h"
#include "base/lock.h"
#include "iommufd/object/object.h"

struct object_index;

struct iommufd_options {
	bool accounting_mm; /* opened as /dev/vfio/vfio: accounting mode "mm" */
	bool charge_always; /* accounting as of a type1 container [TYPE1-ACCOUNTING] */
	bool no_extensions; /* ioctls from 0xC0 answer ENOTTY */
	bool test_abi;	    /* IOMMU_TEST_CMD answers */
};

struct iommufd_ctx {
	struct uiommufd_file file;
	struct iommufd_options options;
	struct cds_list_head link; /* of the registry, under its lock */
	struct lock lock;	   /* guards the rest */
	struct idtable objects;
	struct object_index *index; /* for look-ups, which read it under RCU (object.c) */
	bool accounting_mm;
	struct ioas *vfio_ioas;	      /* the compatibility IOAS, or NULL; not a user of it */
	struct cds_list_head regions; /* for mmap (ctx_region.c) */
};

/* Creates a context with @options and a file with @ops. NULL: no memory. */
struct iommufd_ctx *ctx_create(const struct iommufd_options *options, const struct file_ops *ops);

/* Destroys @ctx and all its objects. The last reference of its file is gone. */
void ctx_destroy(struct iommufd_ctx *ctx);

/*
 * Calls @visit for each context, oldest first. It runs under the registry's lock only, which keeps
 * the contexts alive: it may take any lock of a context, but must not create or destroy contexts.
 */
void ctx_for_each(void (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg);

/*
 * Like ctx_for_each(), for context number @number (from 0) alone. Returns what @visit returns, or
 * -ENOENT if there are not that many.
 */
int ctx_visit_nth(uint32_t number, int (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg);

#endif
