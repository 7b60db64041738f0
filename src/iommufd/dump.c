/* SPDX-License-Identifier: MIT */
/* The page tables of an IOAS or HWPT as text, entry by entry. */
#include "iommufd/dump.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "iommufd/ctx.h"
#include "iommufd/hwpt.h"
#include "iommufd/ioas.h"
#include "iommufd/show.h"

/* Caller holds ioas->lock, so nothing is unmapped. */
static void dump_hwpt(const struct hwpt *hwpt, FILE *out)
{
	fprintf(out, "HWPT %u of IOAS %u, %s: ", hwpt->object.id, hwpt->ioas->object.id,
		iommu_name(iommu_domain_iommu(hwpt->domain)));
	iopt_dump(iommu_domain_table(hwpt->domain), out);
}

static void dump_tables(struct ioas *ioas, const struct hwpt *only, FILE *out)
{
	const struct hwpt *hwpt;

	pthread_mutex_lock(&ioas->lock);
	cds_list_for_each_entry (hwpt, &ioas->hwpts, ioas_link) {
		if (!only || only == hwpt)
			dump_hwpt(hwpt, out);
	}
	pthread_mutex_unlock(&ioas->lock);
}

int ctx_dump(struct iommufd_ctx *ctx, uint32_t pt_id, FILE *out)
{
	struct iommufd_object *object = object_get(ctx, pt_id, OBJECT_ANY);
	const struct hwpt *hwpt = (const struct hwpt *)object;
	int rc = 0;

	if (!object)
		return -ENOENT;
	if (object->type == OBJECT_IOAS)
		dump_tables((struct ioas *)object, NULL, out);
	else if (object->type == OBJECT_HWPT)
		dump_tables(hwpt->ioas, hwpt, out);
	else
		rc = -EINVAL;
	object_put(object);
	if (!rc && ferror(out))
		rc = -EIO;
	return rc;
}

struct dump {
	uint32_t pt_id;
	FILE *out;
};

static int dump_in_ctx(struct iommufd_ctx *ctx, void *arg)
{
	const struct dump *dump = arg;

	return ctx_dump(ctx, dump->pt_id, dump->out);
}

int show_dump(uint32_t context, uint32_t pt_id, char **text, size_t *len)
{
	struct dump dump = {.pt_id = pt_id};
	int rc;

	*text = NULL;
	dump.out = fail_inject() ? NULL : open_memstream(text, len);
	if (!dump.out)
		return -ENOMEM;
	rc = ctx_visit_nth(context, dump_in_ctx, &dump);
	if (fclose(dump.out) && !rc)
		rc = -ENOMEM;
	if (rc)
		alloc_free(*text);
	return rc;
}
