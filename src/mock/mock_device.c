/* SPDX-License-Identifier: MIT */
/*
 * Mock devices [TEST-DEVICE]: each is an endpoint of the mock IOMMU, alone in its group, and bound
 * to the context as long as its object lives.
 *
 * mock->lock serialises changes of its attachments.
 */
#include "iommufd/device/group.h"
#include "iommufd/device/page_request.h"
#include "iommufd/queue/fault_queue.h"
#include "mock/mock_internal.h"

enum {
	DEVICE_FLAGS = MOCK_DEVICE_NO_DIRTY | MOCK_DEVICE_PASID
};

static int create_endpoint(struct mock_device *mock, uint32_t flags)
{
	uint64_t capabilities = mock_kind.capabilities;
	int rc;

	rc = iommu_endpoint_create(mock_iommu(), "mock", &mock->endpoint);
	if (rc)
		return rc;
	if (flags & MOCK_DEVICE_NO_DIRTY)
		capabilities &= ~(uint64_t)IOMMU_HW_CAP_DIRTY_TRACKING;
	iommu_endpoint_limit(mock->endpoint, capabilities,
			     flags & MOCK_DEVICE_PASID ? 1u << MOCK_PASID_WIDTH : 1);
	iommu_endpoint_set_driver(mock->endpoint, mock);
	for (uint32_t id = 0; id < MOCK_DEV_CACHE_ENTRIES; id++)
		mock->cache[id] = MOCK_DEV_CACHE_INITIAL;
	return 0;
}

static struct mock_device *mock_of(struct iommufd_object *object)
{
	return caa_container_of(object, struct mock_device, object);
}

/* Destroys everything but the object. */
static void release_device(struct mock_device *mock)
{
	iommufd_device_unbind(mock->device);
	iommufd_group_destroy(mock->group);
	iommu_endpoint_destroy(mock->endpoint);
	lock_destroy(&mock->lock);
}

static void device_destroy(struct iommufd_object *object)
{
	release_device(mock_of(object));
	object_free(object);
}

/* Finds a handle by its ID and takes a user; NULL: none such. */
static struct mock_device *mock_handle_get(struct iommufd_ctx *ctx, uint32_t id)
{
	return (struct mock_device *)object_get(ctx, id, OBJECT_SELFTEST);
}

static const struct object_class mock_device_class = {
	.type = OBJECT_SELFTEST,
	.size = sizeof(struct mock_device),
	.destroy = device_destroy,
};

/* Creates a device that is bound and not attached; its object is not published yet. */
static int create_device(struct iommufd_ctx *ctx, uint32_t flags, uint32_t *dev_id,
			 struct mock_device **out)
{
	struct iommufd_device_info info = {.weak = true};
	struct mock_device *mock = object_create(ctx, &mock_device_class);
	int rc;

	if (!mock)
		return -ENOMEM;
	rc = create_endpoint(mock, flags);
	if (rc)
		goto out_abort;
	rc = iommufd_group_create(0, &mock->group);
	if (rc)
		goto out_endpoint;
	info.endpoint = mock->endpoint;
	info.group = mock->group;
	rc = iommufd_device_bind(ctx, &info, &mock->device, dev_id);
	if (rc)
		goto out_group;
	lock_init(&mock->lock, LOCK_MOCK_DEVICE);
	*out = mock;
	return 0;

out_group:
	iommufd_group_destroy(mock->group);
out_endpoint:
	iommu_endpoint_destroy(mock->endpoint);
out_abort:
	object_abort(&mock->object);
	return rc;
}

static int add_device(struct ucmd *ucmd, struct iommu_test_cmd *cmd, uint32_t flags)
{
	struct mock_device *mock = NULL;
	uint32_t pt_id = cmd->id, dev_id;
	int rc;

	if (flags & ~(uint32_t)DEVICE_FLAGS)
		return -EINVAL;
	rc = create_device(ucmd->ctx, flags, &dev_id, &mock);
	if (rc)
		return rc;
	rc = iommufd_device_attach(mock->device, NO_PASID, &pt_id);
	if (rc)
		goto out_release;
	cmd->mock_domain.out_stdev_id = mock->object.id;
	cmd->mock_domain.out_hwpt_id = pt_id;
	cmd->mock_domain.out_idev_id = dev_id;
	rc = ucmd_respond(ucmd);
	if (rc)
		goto out_release;
	object_publish(&mock->object);
	return 0;

out_release:
	release_device(mock);
	object_abort(&mock->object);
	return rc;
}

int mock_domain(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return add_device(ucmd, cmd, 0);
}

int mock_domain_flags(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return add_device(ucmd, cmd, cmd->mock_domain_flags.dev_flags);
}

struct mock_device *mock_device_get(struct iommufd_ctx *ctx, uint32_t dev_id)
{
	struct iommufd_device *device = device_get(ctx, dev_id);

	if (!device)
		return NULL;
	if (iommu_endpoint_iommu(device->endpoint) != mock_iommu()) {
		object_put(&device->object);
		return NULL;
	}
	return iommu_endpoint_driver(device->endpoint);
}

/* ---- attachments ---- */

typedef int (*attach_fn)(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id);

/* Calls @attach for the mock device of @cmd. */
static int change_attachment(struct ucmd *ucmd, const struct iommu_test_cmd *cmd, attach_fn attach,
			     uint32_t pasid, uint32_t *pt_id)
{
	struct mock_device *mock = mock_handle_get(ucmd->ctx, cmd->id);
	int rc;

	if (!mock)
		return -ENOENT;
	lock_acquire(&mock->lock);
	rc = attach(mock->device, pasid, pt_id);
	lock_release(&mock->lock);
	object_put(&mock->object);
	return rc;
}

static int detach(struct iommufd_device *device, uint32_t pasid, uint32_t *pt_id)
{
	(void)pt_id;
	iommufd_device_detach(device, pasid);
	return 0;
}

int mock_domain_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	int rc = change_attachment(ucmd, cmd, iommufd_device_replace, NO_PASID,
				   &cmd->mock_domain_replace.pt_id);

	/* A write-back that fails does not undo the replacement. */
	return rc ? rc : ucmd_respond(ucmd);
}

int mock_pasid_attach(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint32_t pasid = cmd->pasid_attach.pasid;
	int rc = change_attachment(ucmd, cmd, iommufd_device_attach, pasid,
				   &cmd->pasid_attach.pt_id);

	if (rc)
		return rc;
	rc = ucmd_respond(ucmd);
	if (rc)
		(void)change_attachment(ucmd, cmd, detach, pasid, NULL);
	return rc;
}

int mock_pasid_replace(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	int rc = change_attachment(ucmd, cmd, iommufd_device_replace, cmd->pasid_attach.pasid,
				   &cmd->pasid_attach.pt_id);

	return rc ? rc : ucmd_respond(ucmd);
}

int mock_pasid_detach(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	return change_attachment(ucmd, cmd, detach, cmd->pasid_detach.pasid, NULL);
}

static int check_hwpt(struct ucmd *ucmd, const struct iommu_test_cmd *cmd, struct mock_device *mock)
{
	const uint32_t pasid = cmd->pasid_check_hwpt.pasid;
	struct iommufd_object *object;
	int rc;

	if (!cmd->pasid_check_hwpt.hwpt_id)
		return group_attached(mock->device, pasid) ? -EINVAL : 0;
	object = object_get(ucmd->ctx, cmd->pasid_check_hwpt.hwpt_id, OBJECT_ANY);
	if (!object)
		return -ENOENT;
	if (object_type(object) != OBJECT_HWPT && object_type(object) != OBJECT_HWPT_NESTED) {
		object_put(object);
		return -EINVAL;
	}
	rc = group_attached_to(mock->device, pasid, (struct hwpt *)object) ? 0 : -EINVAL;
	object_put(object);
	return rc;
}

int mock_pasid_check_hwpt(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_handle_get(ucmd->ctx, cmd->id);
	int rc;

	if (!mock)
		return -ENOENT;
	rc = check_hwpt(ucmd, cmd, mock);
	object_put(&mock->object);
	return rc;
}

/* ---- faults ---- */

int mock_trigger_iopf(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_get(ucmd->ctx, cmd->trigger_iopf.dev_id);
	struct iommu_hwpt_pgfault fault = {
		.flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE,
		.pasid = cmd->trigger_iopf.pasid,
		.grpid = cmd->trigger_iopf.grpid,
		.perm = cmd->trigger_iopf.perm,
		.addr = cmd->trigger_iopf.addr,
	};

	if (!mock)
		return -ENOENT;
	if (fault.pasid != NO_PASID)
		fault.flags |= IOMMU_PGFAULT_FLAGS_PASID_VALID;
	/* A fault that finds no space in the queue is lost, as in hardware. */
	(void)device_report_fault(mock->device, &fault, NULL);
	object_put(&mock->device->object);
	return 0;
}
