/* SPDX-License-Identifier: MIT */
/*
 * Endpoints: devices as their IOMMU sees them, and the domain that each of their PASIDs goes
 * through.
 *
 * A change of domain publishes the new pointer, and then waits for the gate of the old domain. DMA
 * that has read the old pointer reads it again inside the gate: so either it finds the new domain,
 * or the change waits for it.
 *
 * Locks: the owner (the group) serialises changes; readers use RCU.
 */
#include <assert.h>
#include <sched.h>
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/gate.h"
#include "base/rcu.h"
#include "iommu/iommu_internal.h"
#include "report/counts.h"
#include "report/device_record.h"
#include "trace/events.h"

int iommu_endpoint_create(struct iommu *iommu, const char *name, struct iommu_endpoint **out)
{
	size_t name_size = strlen(name) + 1;
	struct iommu_endpoint *endpoint = alloc_zeroed(sizeof(*endpoint) + name_size);

	if (!endpoint)
		return -ENOMEM;
	endpoint->iommu = iommu_get(iommu);
	endpoint->capabilities = iommu->kind->capabilities | IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED;
	endpoint->max_pasids = iommu->kind->pasid_bits ? UINT32_C(1) << iommu->kind->pasid_bits : 0;
	endpoint->caching = !iommu->uncached;
	endpoint->record = device_record_create();
	endpoint->counted = counting() ? count_take_device() : 0;
	memcpy(endpoint->name, name, name_size);
	nested_track(endpoint);
	*out = endpoint;
	return 0;
}

void iommu_endpoint_destroy(struct iommu_endpoint *endpoint)
{
	nested_release(endpoint);
	device_record_destroy(endpoint->record);
	count_leave_device(endpoint->counted);
	iommu_put(endpoint->iommu);
	pasids_destroy(endpoint->pasids);
	alloc_free(endpoint);
}

struct iommu *iommu_endpoint_iommu(const struct iommu_endpoint *endpoint)
{
	return endpoint->iommu;
}

const char *iommu_endpoint_name(const struct iommu_endpoint *endpoint)
{
	return endpoint->name;
}

struct device_record *iommu_endpoint_record(const struct iommu_endpoint *endpoint)
{
	return endpoint->record;
}

unsigned int iommu_endpoint_counted(const struct iommu_endpoint *endpoint)
{
	return endpoint->counted;
}

const struct resv_region *iommu_endpoint_reserved(const struct iommu_endpoint *endpoint,
						  size_t *count)
{
	*count = endpoint->iommu->kind->reserved_count;
	return endpoint->iommu->kind->reserved;
}

uint64_t iommu_endpoint_capabilities(const struct iommu_endpoint *endpoint)
{
	return endpoint->capabilities;
}

uint32_t iommu_endpoint_max_pasids(const struct iommu_endpoint *endpoint)
{
	return endpoint->max_pasids;
}

void iommu_endpoint_limit(struct iommu_endpoint *endpoint, uint64_t capabilities,
			  uint32_t max_pasids)
{
	endpoint->capabilities = capabilities;
	endpoint->max_pasids = max_pasids;
}

void iommu_endpoint_set_driver(struct iommu_endpoint *endpoint, void *driver)
{
	endpoint->driver = driver;
}

void *iommu_endpoint_driver(const struct iommu_endpoint *endpoint)
{
	return endpoint->driver;
}

int iommu_endpoint_hw_info(const struct iommu_endpoint *endpoint, uint32_t wanted, uint32_t *type,
			   void *info, size_t *len)
{
	const struct iommu_kind *kind = endpoint->iommu->kind;

	if (wanted && wanted != kind->hw_info_type)
		return -EOPNOTSUPP;
	*type = kind->hw_info_type;
	*len = kind->hw_info ? kind->hw_info(kind, info) : 0;
	return 0;
}

void iommu_endpoint_set_fault_handler(struct iommu_endpoint *endpoint, dma_fault_handler handler,
				      void *arg)
{
	atomic_store(&endpoint->handler, NULL);
	while (atomic_load(&endpoint->handling))
		sched_yield();
	atomic_store(&endpoint->handler_arg, arg);
	atomic_store(&endpoint->handler, handler);
}

struct iommu_domain *iommu_endpoint_domain(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	struct iommu_domain *domain;

	if (pasid == NO_PASID)
		return rcu_load(&endpoint->rid_domain);
	rcu_read_lock();
	domain = pasids_find(rcu_load(&endpoint->pasids), pasid);
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return domain;
}

struct iommu_domain *endpoint_route(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	struct iommu_domain *domain = iommu_endpoint_domain(endpoint, pasid);

	if (domain || pasid == NO_PASID)
		return domain;
	domain = iommu_endpoint_domain(endpoint, NO_PASID);
	return domain && iommu_nested_takes_pasids(domain) ? domain : NULL;
}

const struct iommu_domain *iommu_endpoint_memory(const struct iommu_endpoint *endpoint,
						 uint32_t pasid)
{
	const struct iommu_domain *memory = NULL, *domain;

	rcu_read_lock();
	domain = endpoint_route(endpoint, pasid);
	if (domain)
		memory = domain->memory;
	rcu_read_done(&iommu_domain_readers);
	rcu_read_unlock();
	return memory;
}

/* Asks the kind for permission, after all other checks. 0 or its error. */
static int ask_kind(struct iommu_endpoint *endpoint, uint32_t pasid, struct iommu_domain *domain)
{
	const struct iommu_kind *kind = endpoint->iommu->kind;

	return kind->attach ? kind->attach(endpoint, pasid, domain) : 0;
}

static int set_pasid_domain(struct iommu_endpoint *endpoint, uint32_t pasid,
			    struct iommu_domain *domain)
{
	int rc;

	rc = domain ? pasids_reserve(&endpoint->pasids, pasid) : 0;
	if (rc)
		return rc;
	rc = ask_kind(endpoint, pasid, domain);
	if (!rc)
		pasids_set(endpoint->pasids, pasid, domain);
	return rc;
}

/* Around a change of domain: asserts that the owner of @endpoint serialises them. */
static void change_begin(struct iommu_endpoint *endpoint)
{
#ifndef NDEBUG
	bool changing = __atomic_exchange_n(&endpoint->changing, true, __ATOMIC_RELAXED);

	assert(!changing);
	assert(!rcu_read_ongoing());
#else
	(void)endpoint;
#endif
}

static void change_end(struct iommu_endpoint *endpoint)
{
#ifndef NDEBUG
	__atomic_store_n(&endpoint->changing, false, __ATOMIC_RELAXED);
#else
	(void)endpoint;
#endif
}

/* Publishes @domain. 0, -ENOMEM, or the kind's error. */
static int publish_domain(struct iommu_endpoint *endpoint, uint32_t pasid,
			  struct iommu_domain *domain)
{
	int rc;

	rc = nested_prepare(endpoint, domain);
	if (rc)
		return rc;
	if (pasid != NO_PASID)
		return set_pasid_domain(endpoint, pasid, domain);
	rc = ask_kind(endpoint, pasid, domain);
	if (rc)
		return rc;
	rcu_store(&endpoint->rid_domain, domain);
	return 0;
}

int iommu_endpoint_set_domain(struct iommu_endpoint *endpoint, uint32_t pasid,
			      struct iommu_domain *domain)
{
	struct iommu_domain *old = iommu_endpoint_domain(endpoint, pasid);
	int rc;

	if (old == domain)
		return 0;
	change_begin(endpoint);
	rc = publish_domain(endpoint, pasid, domain);
	change_end(endpoint);
	if (rc)
		return rc;
	if (observed()) {
		device_record_attach(endpoint->record, pasid, domain);
		event_attach(endpoint->name, pasid, domain);
	}
	if (old) {
		ats_forget_domain(endpoint, pasid, old);
		iommu_domain_quiesce(old);
		nested_forget(endpoint, old);
	}
	return 0;
}
