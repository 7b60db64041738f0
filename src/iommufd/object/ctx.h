/* SPDX-License-Identifier: MIT */
/* A context: the state behind one open of /dev/iommu. */
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
	struct cds_list_head link; /* of the registry */
	struct lock lock;	   /* guards what follows */
	struct idtable objects;
	struct object_index *index; /* what look-ups read; replaced under RCU when it grows */
	bool accounting_mm;
	struct ioas *vfio_ioas;	      /* the compatibility IOAS, or NULL; not a user of it */
	struct cds_list_head regions; /* for mmap (region.c) */
};

/* A fresh context whose file has @ops. NULL: no memory. */
struct iommufd_ctx *ctx_create(const struct iommufd_options *options, const struct file_ops *ops);

/* Destroys it with all its objects, when the last reference of its file is gone. */
void ctx_destroy(struct iommufd_ctx *ctx);

/*
 * Calls @visit for each context, which stays alive meanwhile, with no lock held but the registry's.
 */
void ctx_for_each(void (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg);

/*
 * Calls @visit for context number @number, in the order of ctx_for_each() and as that does, and
 * returns what it returns. -ENOENT: there are not so many.
 */
int ctx_visit_nth(uint32_t number, int (*visit)(struct iommufd_ctx *ctx, void *arg), void *arg);

#endif
