/* SPDX-License-Identifier: MIT */
/*
 * The vIOMMU object [VIOMMU-ALLOC], and the registry of the drivers that implement its types.
 *
 * Invariant: a vIOMMU outlives its vDEVICEs, vEVENTQs and HW queues, as each holds a user of it.
 */
#include "iommufd/viommu/viommu.h"

#include <errno.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "base/last_error.h"
#include "iommufd/object/drivers.h"
#include "iommufd/object/ucmd.h"
#include "iommufd/viommu/viommu_amd.h"
#include "iommufd/viommu/viommu_smmuv3.h"

static struct registry drivers = REGISTRY_INIT;
static pthread_once_t builtin_once = PTHREAD_ONCE_INIT;

static void register_builtin(void)
{
	registry_add(&drivers, &viommu_smmuv3_driver);
	registry_add(&drivers, &viommu_amd_driver);
}

void viommu_register_driver(const struct viommu_driver *driver)
{
	registry_add(&drivers, driver);
}

static const struct viommu_driver *find_driver(const struct iommu_kind *kind, uint32_t type)
{
	const struct viommu_driver *driver;

	(void)pthread_once(&builtin_once, register_builtin);
	for (unsigned int i = 0; (driver = registry_at(&drivers, i)); i++) {
		if (driver->serves(kind, type))
			return driver;
	}
	return NULL;
}

static void release(struct viommu *viommu)
{
	if (viommu->driver->fini)
		viommu->driver->fini(viommu);
	alloc_free(viommu->state);
	lock_destroy(&viommu->lock);
	iommu_put(viommu->iommu);
	object_put(&viommu->parent->base.object);
}

static void viommu_destroy(struct iommufd_object *object)
{
	struct viommu *viommu = (struct viommu *)object;

	assert(cds_list_empty(&viommu->vdevices) && cds_list_empty(&viommu->queues));
	for (size_t i = 0; i < VIOMMU_HW_QUEUES; i++)
		assert(!viommu->hw_queues[i]);
	release(viommu);
	object_free(object);
}

static const struct object_class viommu_class = {
	.type = OBJECT_VIOMMU,
	.size = sizeof(struct viommu),
	.destroy = viommu_destroy,
};

/* Lets the driver set up @viommu. On failure the driver keeps nothing of it. */
static int init_state(struct viommu *viommu, struct user_data *data)
{
	const struct viommu_driver *driver = viommu->driver;
	int rc;

	if (driver->state_size) {
		viommu->state = alloc_zeroed(driver->state_size);
		if (!viommu->state)
			return -ENOMEM;
	}
	if (!driver->init)
		return 0;
	rc = driver->init(viommu, data);
	if (rc)
		alloc_free(viommu->state);
	return rc;
}

static int create(struct ucmd *ucmd, const struct viommu_driver *driver, struct iommu *iommu,
		  struct hwpt_paging *parent)
{
	struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct user_data data = {
		.caller = ucmd->caller,
		.type = cmd->type,
		.len = cmd->data_len,
		.uptr = cmd->data_uptr,
	};
	struct viommu *viommu = object_create(ucmd->ctx, &viommu_class);
	int rc;

	if (!viommu)
		return -ENOMEM;
	viommu->driver = driver;
	viommu->type = cmd->type;
	viommu->iommu = iommu;
	viommu->parent = parent;
	lock_init(&viommu->lock, LOCK_VIOMMU);
	CDS_INIT_LIST_HEAD(&viommu->vdevices);
	CDS_INIT_LIST_HEAD(&viommu->queues);
	rc = init_state(viommu, &data);
	if (rc) {
		lock_destroy(&viommu->lock);
		goto out_abort;
	}
	iommu_get(iommu);
	object_hold(&parent->base.object);
	cmd->out_viommu_id = viommu->object.id;
	rc = ucmd_respond(ucmd);
	if (rc)
		goto out_release;
	object_publish(&viommu->object);
	return 0;

out_release:
	release(viommu);
out_abort:
	object_abort(&viommu->object);
	return rc;
}

static int alloc_for(struct ucmd *ucmd, const struct iommufd_device *device)
{
	const struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct iommu *iommu = iommu_endpoint_iommu(device->endpoint);
	const struct viommu_driver *driver = find_driver(iommu_kind_of(iommu), cmd->type);
	struct hwpt_paging *parent;
	int rc;

	if (!driver)
		return refuse(-EOPNOTSUPP,
			      "type %" PRIu32 ": the device's IOMMU, %s, has no such vIOMMU",
			      cmd->type, iommu_name(iommu));
	parent = hwpt_paging_get(ucmd->ctx, cmd->hwpt_id);
	if (!parent)
		return object_refuse(ucmd->ctx, "hwpt_id", cmd->hwpt_id, OBJECT_HWPT);
	if (!(iommu_domain_flags(parent->base.domain) & DOMAIN_NEST_PARENT)) {
		rc = refuse_mistake(-EINVAL,
				    "hwpt_id %" PRIu32 " is no nesting parent: create it with "
				    "IOMMU_HWPT_ALLOC_NEST_PARENT",
				    cmd->hwpt_id);
		goto out_parent;
	}
	rc = create(ucmd, driver, iommu, parent);
out_parent:
	object_put(&parent->base.object);
	return rc;
}

int ioctl_viommu_alloc(struct ucmd *ucmd)
{
	const struct iommu_viommu_alloc *cmd = ucmd->cmd;
	struct iommufd_device *device;
	int rc;

	if (cmd->flags)
		return refuse_flags(-EOPNOTSUPP, "flags", cmd->flags, 0);
	if (cmd->type == IOMMU_VIOMMU_TYPE_DEFAULT)
		return refuse(-EOPNOTSUPP, "type is IOMMU_VIOMMU_TYPE_DEFAULT: name a type");
	device = device_get(ucmd->ctx, cmd->dev_id);
	if (!device)
		return object_refuse(ucmd->ctx, "dev_id", cmd->dev_id, OBJECT_DEVICE);
	rc = alloc_for(ucmd, device);
	object_put(&device->object);
	return rc;
}
