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

#include "base/alloc.h"
#include "base/gate.h"
#include "base/rcu.h"
#include "iommu/iommu_internal.h"
#include "report/device_record.h"
#include "trace/events.h"

int iommu_endpoint_create(struct iommu *iommu, const char *name, struct iommu_endpoint **out)
{
	size_t name_size = strlen(name) + 1;
	struct iommu_endpoint *endpoint = alloc_zeroed(sizeof(*endpoint) + name_size);

	if (!endpoint)
		return -ENOMEM;
	endpoint->iommu = iommu_get(iommu);
	endpoint->capabilities = iommu->kind->capabilities;
	endpoint->max_pasids = iommu->kind->pasid_bits ? UINT32_C(1) << iommu->kind->pasid_bits : 0;
	endpoint->caching = !iommu->uncached;
	endpoint->record = device_record_create();
	memcpy(endpoint->name, name, name_size);
	nested_track(endpoint);
	*out = endpoint;
	return 0;
}

void iommu_endpoint_destroy(struct iommu_endpoint *endpoint)
{
	nested_release(endpoint);
	device_record_destroy(endpoint->record);
	iommu_put(endpoint->iommu);
	alloc_free(endpoint->pasids);
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

/* The index of @pasid in @table (may be NULL), or where it would be inserted. */
static size_t pasid_position(const struct pasid_table *table, uint32_t pasid)
{
	size_t low = 0, high = table ? table->count : 0;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (table->entries[middle].pasid < pasid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Context: a read-side critical section, or the owner of the endpoint. */
static struct iommu_domain *pasid_domain(const struct pasid_table *table, uint32_t pasid)
{
	size_t at = pasid_position(table, pasid);

	if (!table || at == table->count || table->entries[at].pasid != pasid)
		return NULL;
	/* pasid_clear() may clear it at the same time. */
	return rcu_load(&table->entries[at].domain);
}

struct iommu_domain *iommu_endpoint_domain(const struct iommu_endpoint *endpoint, uint32_t pasid)
{
	struct iommu_domain *domain;

	if (pasid == NO_PASID)
		return rcu_load(&endpoint->rid_domain);
	rcu_read_lock();
	domain = pasid_domain(rcu_load(&endpoint->pasids), pasid);
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

/* A copy of @old (may be NULL) in which @pasid has @domain, or is missing if that is NULL. */
static struct pasid_table *pasid_table_with(const struct pasid_table *old, uint32_t pasid,
					    struct iommu_domain *domain)
{
	size_t count = old ? old->count : 0, at = pasid_position(old, pasid);
	bool present = at < count && old->entries[at].pasid == pasid;
	struct pasid_table *table;

	table = alloc_zeroed(sizeof(*table) + (count + 1) * sizeof(table->entries[0]));
	if (!table)
		return NULL;
	for (size_t i = 0; i < at; i++)
		table->entries[table->count++] = old->entries[i];
	if (domain) {
		table->entries[table->count].pasid = pasid;
		table->entries[table->count++].domain = domain;
	}
	for (size_t i = at + present; i < count; i++)
		table->entries[table->count++] = old->entries[i];
	return table;
}

/* Without memory for a copy, the entry of a PASID that is removed stays, without a domain. */
static void pasid_clear(struct pasid_table *table, uint32_t pasid)
{
	size_t at = pasid_position(table, pasid);

	rcu_store(&table->entries[at].domain, NULL);
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
	struct pasid_table *old = endpoint->pasids;
	struct pasid_table *table = pasid_table_with(old, pasid, domain);
	int rc;

	if (!table && domain)
		return -ENOMEM;
	rc = ask_kind(endpoint, pasid, domain);
	if (rc) {
		alloc_free(table);
		return rc;
	}
	if (!table) {
		pasid_clear(old, pasid);
		return 0;
	}
	rcu_store(&endpoint->pasids, table);
	if (old) {
		rcu_wait(&iommu_domain_readers);
		alloc_free(old);
	}
	return 0;
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
