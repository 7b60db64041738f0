/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs of the mock IOMMU (spec 50-test-abi, 4.3): a region to map, a cache of four values for
 * each device, events, and two HW queues.
 *
 * A device whose RID goes through a nested HWPT on a vIOMMU sits on that, with the virtual ID that
 * it had when it was attached. Where it sits is guarded by its group's lock; the HWPT holds the
 * vIOMMU for as long.
 */
#include "base/alloc.h"
#include "iommufd/device/group.h"
#include "iommufd/object/region.h"
#include "iommufd/viommu/hw_queue.h"
#include "iommufd/viommu/vdevice.h"
#include "iommufd/viommu/veventq.h"
#include "mock/mock_internal.h"

enum {
	REGION_PAGES = 2
};

#define REGION_SIZE (REGION_PAGES * PAGE_SIZE)

struct mock_viommu {
	uint64_t region; /* its offset; 0: there is none */
};

/* ---- creation ---- */

static bool serves(const struct iommu_kind *kind, uint32_t type)
{
	return kind == &mock_kind && type == IOMMU_VIOMMU_TYPE_SELFTEST;
}

static int publish_region(struct viommu *viommu, struct iommu_viommu_selftest *selftest)
{
	struct mock_viommu *mock = viommu->state;
	void *memory;
	int rc;

	rc = region_create(&viommu->object, REGION_SIZE, &mock->region, &memory);
	if (rc)
		return rc;
	*(uint32_t *)memory = selftest->in_data;
	selftest->out_data = selftest->in_data;
	selftest->out_mmap_offset = mock->region;
	selftest->out_mmap_length = REGION_SIZE;
	return 0;
}

static void fini(struct viommu *viommu)
{
	const struct mock_viommu *mock = viommu->state;

	if (mock->region)
		region_destroy(&viommu->object, mock->region);
}

static int init(struct viommu *viommu, struct user_data *data)
{
	struct iommu_viommu_selftest selftest;
	int rc;

	if (!data->len)
		return 0;
	rc = user_data_read(data, IOMMU_VIOMMU_TYPE_SELFTEST, &selftest, sizeof(selftest),
			    offsetof(struct iommu_viommu_selftest, out_mmap_offset));
	if (rc)
		return rc;
	rc = publish_region(viommu, &selftest);
	if (rc)
		return rc;
	rc = user_data_write(data, &selftest, sizeof(selftest));
	if (rc)
		fini(viommu);
	return rc;
}

/* ---- who sits on it ---- */

/* The vIOMMU on which the HWPT of the RID is nested, or NULL. Caller holds the group's lock. */
static struct viommu *rid_viommu(const struct iommufd_device *device)
{
	const struct hwpt *hwpt = group_find_rid_hwpt(device);

	if (!hwpt || object_type(&hwpt->object) != OBJECT_HWPT_NESTED)
		return NULL;
	return ((const struct hwpt_nested *)hwpt)->viommu;
}

static int check_attach(const struct hwpt_nested *hwpt, struct iommufd_device *device,
			uint32_t pasid)
{
	struct mock_device *mock = iommu_endpoint_driver(device->endpoint);
	const struct vdevice *vdevice = device->vdevice;

	if (pasid != NO_PASID)
		return 0;
	if (!vdevice || vdevice->viommu != hwpt->viommu)
		return -ENOENT;
	mock->coming.domain = hwpt->base.domain;
	/* From one HWPT to another of the same vIOMMU it stays what it was. */
	mock->coming.virt_id = rid_viommu(device) == hwpt->viommu ? mock->seat.virt_id
								  : vdevice->virt_id;
	return 0;
}

void mock_take_seat(struct mock_device *mock, const struct iommu_domain *domain)
{
	/* What an attach that failed has left says nothing of this one. */
	if (mock->coming.domain == domain)
		mock->seat = mock->coming;
}

static int trigger_vevent(struct mock_device *mock)
{
	struct iommu_vevent_selftest event;
	struct viommu *viommu;
	int rc = -ENOENT;

	lock_acquire(&mock->group->lock);
	viommu = rid_viommu(mock->device);
	if (viommu && mock->seat.virt_id) {
		event.virt_id = (uint32_t)mock->seat.virt_id;
		rc = viommu_report_event(viommu, IOMMU_VEVENTQ_TYPE_SELFTEST, &event,
					 sizeof(event));
	}
	lock_release(&mock->group->lock);
	return rc;
}

int mock_trigger_vevent(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	struct mock_device *mock = mock_device_get(ucmd->ctx, cmd->trigger_vevent.dev_id);
	int rc;

	if (!mock)
		return -ENOENT;
	rc = trigger_vevent(mock);
	object_put(&mock->device->object);
	return rc;
}

/* ---- caches ---- */

static int invalidate_one(struct viommu *viommu,
			  const struct iommu_viommu_invalidate_selftest *entry)
{
	struct mock_device *mock = NULL;
	struct vdevice *vdevice;

	if (entry->flags & ~(uint32_t)MOCK_INVALIDATE_ALL)
		return -EOPNOTSUPP;
	if (entry->cache_id >= MOCK_DEV_CACHE_ENTRIES)
		return -EINVAL;
	/* A vDEVICE that is found has its device until the lock is free. */
	lock_acquire(&viommu->lock);
	vdevice = viommu_find_vdevice(viommu, entry->vdev_id);
	if (vdevice)
		mock = iommu_endpoint_driver(vdevice->device->endpoint);
	for (uint32_t id = 0; mock && id < MOCK_DEV_CACHE_ENTRIES; id++) {
		if ((entry->flags & MOCK_INVALIDATE_ALL) || id == entry->cache_id)
			mock->cache[id] = 0;
	}
	lock_release(&viommu->lock);
	return mock ? 0 : -EINVAL;
}

/* All entries are read before the first one is obeyed. */
static int invalidate(struct viommu *viommu, struct invalidation *invalidation)
{
	struct iommu_viommu_invalidate_selftest *entries;
	int rc = 0;

	if (invalidation->type != IOMMU_VIOMMU_INVALIDATE_DATA_SELFTEST)
		return -EINVAL;
	if (!invalidation->entries)
		return 0;
	entries = alloc_array(invalidation->entries, sizeof(entries[0]));
	if (!entries)
		return -ENOMEM;
	for (uint32_t i = 0; i < invalidation->entries && !rc; i++)
		rc = invalidation_read(invalidation, i, &entries[i], sizeof(entries[i]));
	for (uint32_t i = 0; i < invalidation->entries && !rc; i++) {
		rc = invalidate_one(viommu, &entries[i]);
		invalidation->handled += !rc;
	}
	alloc_free(entries);
	return rc;
}

int mock_dev_check_cache(struct ucmd *ucmd, struct iommu_test_cmd *cmd)
{
	const uint32_t id = cmd->dev_check_cache.id;
	struct mock_device *mock = mock_device_get(ucmd->ctx, cmd->id);
	int rc = 0;

	if (!mock)
		return -ENOENT;
	if (id >= MOCK_DEV_CACHE_ENTRIES || mock->cache[id] != cmd->dev_check_cache.cache)
		rc = -EINVAL;
	object_put(&mock->device->object);
	return rc;
}

/* ---- HW queues ---- */

/* True if the parent leads to the memory that is pinned for @queue. */
static bool leads_to_queue(const struct hw_queue *queue)
{
	struct iopt_leaf leaf;
	bool found;

	rcu_read_lock();
	found = iopt_translate(iommu_domain_table(queue->viommu->parent->base.domain), queue->iova,
			       &leaf);
	rcu_read_unlock();
	return found && leaf.oa == queue->bus;
}

/* The second queue needs the first. */
static int hw_queue_init(struct hw_queue *queue)
{
	struct hw_queue *first = queue->viommu->hw_queues[0];

	if (queue->index && !first)
		return -EIO;
	if (!leads_to_queue(queue))
		return -EFAULT;
	if (queue->index) {
		if (!object_hold_live(&first->object))
			return -EIO;
		queue->depends = first;
	}
	return 0;
}

const struct viommu_driver mock_viommu_driver = {
	.serves = serves,
	.state_size = sizeof(struct mock_viommu),
	.init = init,
	.fini = fini,
	.nested = mock_nested_alloc,
	.check_attach = check_attach,
	.invalidate = invalidate,
	.hw_queue_type = IOMMU_HW_QUEUE_TYPE_SELFTEST,
	.hw_queue_count = MOCK_HW_QUEUES,
	.hw_queue_init = hw_queue_init,
};
