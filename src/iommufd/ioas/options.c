/* SPDX-License-Identifier: MIT */
/* IOMMU_OPTION and IOMMU_VFIO_IOAS [OPTION]. */
#include "iommufd/ioas/options.h"

#include <inttypes.h>

#include <linux/capability.h>

#include "base/caller.h"
#include "base/last_error.h"

/* An option writes only val64 back. */
static int respond_value(struct ucmd *ucmd)
{
	const struct iommu_option *cmd = ucmd->cmd;

	return caller_write(ucmd->caller, ucmd->uaddr + offsetof(struct iommu_option, val64),
			    &cmd->val64, sizeof(cmd->val64));
}

static int refuse_value(uint64_t value)
{
	return refuse(-EINVAL, "val64 is %" PRIu64 ", and must be 0 or 1", value);
}

static int refuse_op(unsigned int op)
{
	return refuse(-EOPNOTSUPP, "op %u is not known", op);
}

static int set_rlimit_mode(struct ucmd *ucmd, const struct iommu_option *cmd)
{
	struct iommufd_ctx *ctx = ucmd->ctx;
	int rc = 0;

	if (!caller_capable(ucmd->caller, CAP_SYS_RESOURCE))
		return refuse(-EPERM, "IOMMU_OPTION_RLIMIT_MODE needs CAP_SYS_RESOURCE");
	lock_acquire(&ctx->lock);
	if (!idtable_empty(&ctx->objects))
		rc = refuse(-EBUSY, "IOMMU_OPTION_RLIMIT_MODE comes before the first object");
	else if (cmd->val64 > 1)
		rc = refuse_value(cmd->val64);
	else
		ctx->accounting_mm = cmd->val64;
	lock_release(&ctx->lock);
	return rc;
}

static int option_rlimit_mode(struct ucmd *ucmd, struct iommu_option *cmd)
{
	if (cmd->object_id)
		return refuse(-EOPNOTSUPP, "object_id is not 0: the option is the context's");
	switch (cmd->op) {
	case IOMMU_OPTION_OP_GET:
		lock_acquire(&ucmd->ctx->lock);
		cmd->val64 = ucmd->ctx->accounting_mm;
		lock_release(&ucmd->ctx->lock);
		return 0;
	case IOMMU_OPTION_OP_SET:
		return set_rlimit_mode(ucmd, cmd);
	default:
		return refuse_op(cmd->op);
	}
}

static int disable_huge_pages(struct ioas *ioas) REQUIRES(ioas->lock)
{
	int rc;

	lock_assert_held(&ioas->lock);
	if (!ioas->huge_pages)
		return 0;
	/* The leaves in the tables would have to be split. */
	if (ioas->table_count && ioas->areas.count)
		return refuse(-EINVAL,
			      "IOAS %" PRIu32
			      " has mappings and page tables: huge pages are turned "
			      "off before both",
			      ioas->object.id);
	rc = ioas_check_alignment(ioas, PAGE_SIZE);
	if (rc)
		return rc;
	ioas->huge_pages = false;
	ioas_update_alignment(ioas);
	return 0;
}

int ioas_disable_huge_pages(struct ioas *ioas)
{
	int rc;

	lock_acquire(&ioas->lock);
	rc = disable_huge_pages(ioas);
	lock_release(&ioas->lock);
	return rc;
}

static int set_huge_pages(struct ioas *ioas, uint64_t value)
{
	int rc = 0;

	lock_acquire(&ioas->lock);
	if (value == 0) {
		rc = disable_huge_pages(ioas);
	} else if (value == 1) {
		ioas->huge_pages = true;
		ioas_update_alignment(ioas);
	} else {
		rc = refuse_value(value);
	}
	lock_release(&ioas->lock);
	return rc;
}

static int option_huge_pages(struct ucmd *ucmd, struct iommu_option *cmd)
{
	struct ioas *ioas = ioas_get(ucmd->ctx, cmd->object_id);
	int rc = 0;

	if (!ioas)
		return object_refuse(ucmd->ctx, "object_id", cmd->object_id, OBJECT_IOAS);
	if (cmd->op == IOMMU_OPTION_OP_GET) {
		lock_acquire(&ioas->lock);
		cmd->val64 = ioas->huge_pages;
		lock_release(&ioas->lock);
	} else if (cmd->op == IOMMU_OPTION_OP_SET) {
		rc = set_huge_pages(ioas, cmd->val64);
	} else {
		rc = refuse_op(cmd->op);
	}
	object_put(&ioas->object);
	return rc;
}

int ioctl_option(struct ucmd *ucmd)
{
	struct iommu_option *cmd = ucmd->cmd;
	int rc;

	if (cmd->__reserved)
		return refuse_reserved_member();
	switch (cmd->option_id) {
	case IOMMU_OPTION_RLIMIT_MODE:
		rc = option_rlimit_mode(ucmd, cmd);
		break;
	case IOMMU_OPTION_HUGE_PAGES:
		rc = option_huge_pages(ucmd, cmd);
		break;
	default:
		return refuse(-EOPNOTSUPP, "option_id %" PRIu32 " is not known", cmd->option_id);
	}
	if (rc)
		return rc;
	return respond_value(ucmd);
}

static int get_vfio_ioas(struct ucmd *ucmd, struct iommu_vfio_ioas *cmd)
{
	struct iommufd_ctx *ctx = ucmd->ctx;
	int rc = 0;

	lock_acquire(&ctx->lock);
	if (ctx->vfio_ioas)
		cmd->ioas_id = ctx->vfio_ioas->object.id;
	else
		rc = refuse(-ENODEV,
			    "no IOAS has been set for VFIO: IOMMU_VFIO_IOAS_SET comes first");
	lock_release(&ctx->lock);
	if (rc)
		return rc;
	return ucmd_respond(ucmd);
}

static void store_vfio_ioas(struct iommufd_ctx *ctx, struct ioas *ioas)
{
	lock_acquire(&ctx->lock);
	ctx->vfio_ioas = ioas;
	lock_release(&ctx->lock);
}

int ioctl_vfio_ioas(struct ucmd *ucmd)
{
	struct iommu_vfio_ioas *cmd = ucmd->cmd;
	struct ioas *ioas;

	if (cmd->__reserved)
		return refuse_reserved_member();
	switch (cmd->op) {
	case IOMMU_VFIO_IOAS_GET:
		return get_vfio_ioas(ucmd, cmd);
	case IOMMU_VFIO_IOAS_SET:
		ioas = ioas_get(ucmd->ctx, cmd->ioas_id);
		if (!ioas)
			return object_refuse(ucmd->ctx, "ioas_id", cmd->ioas_id, OBJECT_IOAS);
		store_vfio_ioas(ucmd->ctx, ioas);
		object_put(&ioas->object);
		return 0;
	case IOMMU_VFIO_IOAS_CLEAR:
		store_vfio_ioas(ucmd->ctx, NULL);
		return 0;
	default:
		return refuse_op(cmd->op);
	}
}
