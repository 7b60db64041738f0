/* SPDX-License-Identifier: MIT */
/*
 * Page requests of devices: faults are gathered into groups, a complete group goes to the fault
 * queue of the device's HWPT, and the DMA waits for the answer [FAULT-ROUTING].
 *
 * Invariant: every fault on device->partial_faults is without LAST_PAGE; the faults of one group
 * are in the order in which they came.
 *
 * device->fault_lock guards the list. Cost: linear in the number of faults on it.
 */
#include "iommufd/device/page_request.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/park.h"
#include "iommufd/device/group_fault.h"

enum {
	GRPID_MASK = 0x1ff, /* PCIe 6.0, 10.4.1: nine bits */
};

/* A fault whose group is not complete. */
struct partial_fault {
	struct cds_list_head link;
	struct iommu_hwpt_pgfault fault;
};

/* A complete group as an array, the last fault last, and the partial faults it was made of. */
struct gathered {
	struct iommu_hwpt_pgfault *faults;
	size_t count;
	struct cds_list_head partials;
};

static bool same_group(const struct partial_fault *partial, const struct iommu_hwpt_pgfault *last)
{
	return partial->fault.grpid == last->grpid;
}

/* Takes the faults of the group of @last from the device into *@out, and adds @last. */
static int gather_locked(struct iommufd_device *device, const struct iommu_hwpt_pgfault *last,
			 struct gathered *out) REQUIRES(device->fault_lock)
{
	struct partial_fault *partial, *next;
	size_t count = 1;

	lock_assert_held(&device->fault_lock);
	cds_list_for_each_entry (partial, &device->partial_faults, link)
		count += same_group(partial, last);
	out->faults = alloc_array(count, sizeof(out->faults[0]));
	if (!out->faults)
		return -ENOMEM;
	out->count = 0;
	CDS_INIT_LIST_HEAD(&out->partials);
	cds_list_for_each_entry_safe (partial, next, &device->partial_faults, link) {
		if (!same_group(partial, last))
			continue;
		out->faults[out->count++] = partial->fault;
		cds_list_del(&partial->link);
		cds_list_add_tail(&partial->link, &out->partials);
	}
	out->faults[out->count++] = *last;
	return 0;
}

static int gather(struct iommufd_device *device, const struct iommu_hwpt_pgfault *last,
		  struct gathered *out)
{
	int rc;

	lock_acquire(&device->fault_lock);
	rc = gather_locked(device, last, out);
	lock_release(&device->fault_lock);
	return rc;
}

static void free_partials(struct cds_list_head *partials)
{
	struct partial_fault *partial, *next;

	cds_list_for_each_entry_safe (partial, next, partials, link) {
		cds_list_del(&partial->link);
		alloc_free(partial);
	}
}

/*
 * Undoes gather(). The faults go to the front of the list: they are older than those that have come
 * since.
 */
static void put_back(struct iommufd_device *device, struct gathered *group)
{
	lock_acquire(&device->fault_lock);
	cds_list_splice(&group->partials, &device->partial_faults);
	lock_release(&device->fault_lock);
}

/* Keeps @fault until the last one of its group comes. */
static int keep_partial(struct iommufd_device *device, const struct iommu_hwpt_pgfault *fault)
{
	struct partial_fault *partial = alloc_zeroed(sizeof(*partial));

	assert(!(fault->flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE));
	if (!partial)
		return -ENOMEM;
	partial->fault = *fault;
	lock_acquire(&device->fault_lock);
	cds_list_add_tail(&partial->link, &device->partial_faults);
	lock_release(&device->fault_lock);
	return 0;
}

/*
 * Like device_report_fault(), but does not answer @waiter if no queue takes the complete group
 * (-ENOENT), or the device's requests are refused (-ECANCELED).
 */
static int queue_fault(struct iommufd_device *device, const struct iommu_hwpt_pgfault *fault,
		       struct fault_waiter *waiter)
{
	const bool with_pasid = fault->flags & IOMMU_PGFAULT_FLAGS_PASID_VALID;
	struct iommu_hwpt_pgfault record = *fault;
	struct gathered group;
	int rc;

	record.dev_id = device->object.id;
	if (!(fault->flags & IOMMU_PGFAULT_FLAGS_LAST_PAGE))
		return keep_partial(device, &record);
	rc = gather(device, &record, &group);
	if (rc)
		return rc;
	rc = group_queue_fault(device, with_pasid, fault->pasid, group.faults, group.count, waiter);
	if (rc == -ENOMEM)
		put_back(device, &group);
	else
		free_partials(&group.partials);
	alloc_free(group.faults);
	return rc;
}

int device_report_fault(struct iommufd_device *device, const struct iommu_hwpt_pgfault *fault,
			struct fault_waiter *waiter)
{
	int rc = queue_fault(device, fault, waiter);

	if (rc != -ENOENT && rc != -ECANCELED)
		return rc;
	if (waiter)
		waiter->respond(waiter, IOMMUFD_PAGE_RESP_INVALID);
	return 0;
}

void device_drop_partial_faults(struct iommufd_device *device)
{
	lock_acquire(&device->fault_lock);
	free_partials(&device->partial_faults);
	lock_release(&device->fault_lock);
}

/* ---- DMA that waits for its page ---- */

/*
 * A thread that waits for the answer. On the heap, not on its stack: the child of a fork may answer
 * its copy of the group, but does not have the thread. A semaphore is used because a fork cannot
 * catch it in an inconsistent state.
 */
struct page_wait {
	struct fault_waiter waiter;
	sem_t answered;
	_Atomic uint32_t code;
};

static void page_respond(struct fault_waiter *waiter, uint32_t code)
{
	struct page_wait *wait = (struct page_wait *)waiter;

	atomic_store(&wait->code, code);
	sem_post(&wait->answered);
}

/* The program answers when it likes, and may fork before. So the thread is parked. */
static enum page_outcome wait_for_answer(struct page_wait *wait)
{
	park_begin();
	while (sem_wait(&wait->answered))
		;
	park_end();
	return atomic_load(&wait->code) == IOMMUFD_PAGE_RESP_SUCCESS ? PAGE_GRANTED : PAGE_REFUSED;
}

static struct iommu_hwpt_pgfault record_of(struct iommufd_device *device,
					   const struct dma_fault *fault)
{
	struct iommu_hwpt_pgfault record = {
		.flags = IOMMU_PGFAULT_FLAGS_LAST_PAGE,
		.pasid = fault->pasid,
		.grpid = __atomic_add_fetch(&device->next_grpid, 1, __ATOMIC_RELAXED) & GRPID_MASK,
		.perm = fault->dir == DMA_WRITE ? IOMMU_PGFAULT_PERM_WRITE
						: IOMMU_PGFAULT_PERM_READ,
		.addr = fault->iova & ~PAGE_MASK,
	};

	if (fault->pasid != NO_PASID)
		record.flags |= IOMMU_PGFAULT_FLAGS_PASID_VALID;
	return record;
}

enum page_outcome device_request_page(struct iommufd_device *device, const struct dma_fault *fault)
{
	const struct iommu_hwpt_pgfault record = record_of(device, fault);
	struct page_wait *wait = alloc_zeroed(sizeof(*wait));
	enum page_outcome outcome = PAGE_NOT_ASKED;
	int rc;

	lock_assert_none_from(LOCK_GROUP);
	if (!wait)
		return PAGE_NOT_ASKED;
	wait->waiter.respond = page_respond;
	sem_init(&wait->answered, 0, 0);
	rc = queue_fault(device, &record, &wait->waiter);
	if (!rc)
		outcome = wait_for_answer(wait);
	else if (rc == -ECANCELED)
		outcome = PAGE_REFUSED;
	sem_destroy(&wait->answered);
	alloc_free(wait);
	return outcome;
}

void iommufd_device_refuse_pages(struct iommufd_device *device, bool refuse)
{
	group_refuse_faults(device, refuse);
}
