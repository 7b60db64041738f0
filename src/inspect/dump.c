/* SPDX-License-Identifier: MIT */
/*
 * The page tables of an IOAS or HWPT as text, entry by entry. They are printed under ioas->lock, so
 * that no entry changes meanwhile.
 */
#include "inspect/dump.h"

#include <errno.h>

#include "iommufd/device/hwpt.h"
#include "iommufd/ioas/ioas.h"
#include "iommufd/object/ctx.h"

static void dump_hwpt(const struct ioas *ioas, const struct hwpt_paging *hwpt, FILE *out)
	REQUIRES(ioas->lock)
{
	lock_assert_held(&ioas->lock);
	fprintf(out, "HWPT %u of IOAS %u, %s: ", hwpt->base.object.id, ioas->object.id,
		iommu_name(iommu_domain_iommu(hwpt->base.domain)));
	iopt_dump(iommu_domain_table(hwpt->base.domain), out);
}

/* All tables of @ioas, or @only unless it is NULL. */
static void dump_tables(struct ioas *ioas, const struct hwpt_paging *only, FILE *out)
{
	const struct hwpt_paging *hwpt;

	lock_acquire(&ioas->lock);
	cds_list_for_each_entry (hwpt, &ioas->tables, table.link) {
		if (!only || only == hwpt)
			dump_hwpt(ioas, hwpt, out);
	}
	lock_release(&ioas->lock);
}

static int dump_object(struct iommufd_object *object, FILE *out)
{
	const struct hwpt_paging *hwpt;

	switch (object_type(object)) {
	case OBJECT_IOAS:
		dump_tables((struct ioas *)object, NULL, out);
		break;
	case OBJECT_HWPT:
		hwpt = (const struct hwpt_paging *)object;
		dump_tables(hwpt->base.ioas, hwpt, out);
		break;
	default:
		return -EINVAL;
	}
	return ferror(out) ? -EIO : 0;
}

int ctx_dump(struct iommufd_ctx *ctx, uint32_t pt_id, FILE *out)
{
	struct iommufd_object *object;
	int rc;

	object = object_get(ctx, pt_id, OBJECT_ANY);
	if (!object)
		return -ENOENT;
	rc = dump_object(object, out);
	object_put(object);
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

int show_dump(uint32_t context, uint32_t pt_id, FILE *out)
{
	struct dump dump = {.pt_id = pt_id, .out = out};

	return ctx_visit_nth(context, dump_in_ctx, &dump);
}
