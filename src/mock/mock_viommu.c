/* SPDX-License-Identifier: MIT */
/*
 * vIOMMUs of the mock IOMMU [MOCK-VIOMMU]: a region to map, a cache of four values for each device,
 * events, and two HW queues.
 *
 * A device is attached to a vIOMMU while its RID goes through a nested HWPT of that vIOMMU; it
 * reports events with the virtual ID that it had when it was attached. Its group's lock guards
 * both; the HWPT keeps the vIOMMU.
 */
#include "base/alloc.h"
#include "iommufd/device/group.h"
#include "iommufd/object/ctx_region.h"
#include "iommufd/viommu/hw_queue.h"
#include "iommufd/viommu/vdevice.h"
#include "iommufd/viommu/veventq.h"
#include "mock/mock_internal.h"

enum {
	REGION_PAGES = 2
};

#define REGION_SIZE (REGION_PAGES * PAGE_SIZE)

struct mock_viommu {
	uint64_t region; /* offset of the region for mmap; 0: there is none */
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

/* ---- devices on it ---- */

/* The vIOMMU on which the HWPT of the RID of @mock is nested, or NULL. */
static struct viommu *rid_viommu(const struct mock_device *mock) REQUIRES(mock->group->lock)
{
	const struct hwpt *hwpt;

	lock_assert_held(&mock->device->group->lock);
	hwpt = group_find_rid_hwpt(mock->device);
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
	lock_assert_held(&mock->group->lock);
	mock->attaching.domain = hwpt->base.domain;
	/* From one HWPT to another of the same vIOMMU the ID stays what it was. */
	mock->attaching.virt_id = rid_viommu(mock) == hwpt->viommu ? mock->attached.virt_id
								   : vdevice->virt_id;
	return 0;
}

void mock_rid_attached(struct mock_device *mock, const struct iommu_domain *domain)
{
	/* Of another domain: what an attach that failed has left. */
	if (mock->attaching.domain == domain)
		mock->attached = mock->attaching;
}

static int trigger_vevent(struct mock_device *mock)
{
	struct iommu_vevent_selftest event;
	struct viommu *viommu;
	int rc = -ENOENT;

	lock_acquire(&mock->group->lock);
	viommu = rid_viommu(mock);
	if (viommu && mock->attached.virt_id) {
		event.virt_id = (uint32_t)mock->attached.virt_id;
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
	/* While the lock is held a vDEVICE that was found keeps its device. */
	lock_acquire(&viommu->lock);
	vdevice = vdevice_find(viommu, entry->vdev_id);
	if (vdevice)
		mock = iommu_endpoint_driver(vdevice->device->endpoint);
	for (uint32_t id = 0; mock && id < MOCK_DEV_CACHE_ENTRIES; id++) {
		if ((entry->flags & MOCK_INVALIDATE_ALL) || id == entry->cache_id)
			mock->cache[id] = 0;
	}
	lock_release(&viommu->lock);
	return mock ? 0 : -EINVAL;
}

/* Reads all entries before it carries out the first. */
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
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		rc = invalidation_read(invalidation, i, &entries[i], sizeof(entries[i]));
		if (rc)
			goto out;
	}
	for (uint32_t i = 0; i < invalidation->entries; i++) {
		rc = invalidate_one(viommu, &entries[i]);
		if (rc)
			goto out;
		invalidation->handled++;
	}
out:
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

/* True if the parent translates to the memory that is pinned for @queue. */
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
