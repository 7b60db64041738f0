/* SPDX-License-Identifier: MIT */
/*
 * IOMMU instances and their domains. A domain is one page table with the aperture of its kind.
 *
 * A domain is also the key of the gate that DMA through it enters: this is how an unmap waits for
 * the DMA in flight. Nested domains (iommu/nested_domain.c) share their parent's table and gate.
 *
 * Locks: the owner of a domain (the IOAS) changes its table under its own lock; walks take none
 * (iopt/iopt.h).
 */
#include <string.h>

#include <uiommufd/iommufd.h>

#include "base/alloc.h"
#include "base/gate.h"
#include "base/rcu.h"
#include "iommu/iommu_internal.h"
#include "iommu/lookaside.h"
#include "iommu/nested_recent.h"
#include "iommu/stage1.h"
#include "trace/events.h"

int iommu_create(const struct iommu_kind *kind, const char *name, struct iommu **out)
{
	size_t name_size = strlen(name) + 1;
	struct iommu *iommu = alloc_zeroed(sizeof(*iommu) + name_size);

	if (!iommu)
		return -ENOMEM;
	iommu->kind = kind;
	ref_init(&iommu->refs);
	memcpy(iommu->name, name, name_size);
	*out = iommu;
	return 0;
}

struct iommu *iommu_get(struct iommu *iommu)
{
	ref_get(&iommu->refs);
	return iommu;
}

void iommu_put(struct iommu *iommu)
{
	if (!ref_put(&iommu->refs))
		return;
	alloc_free(iommu->own);
	alloc_free(iommu);
}

const char *iommu_name(const struct iommu *iommu)
{
	return iommu->name;
}

const struct iommu_kind *iommu_kind_of(const struct iommu *iommu)
{
	return iommu->kind;
}

enum iommu_nesting iommu_nesting_of(const struct iommu *iommu)
{
	return iommu->kind->nesting;
}

bool iommu_has_pasids(const struct iommu *iommu)
{
	return iommu->kind->pasid_bits;
}

static const struct kind_variant *find_variant(const struct iommu_kind *kind, unsigned int flags)
{
	for (size_t i = 0; i < kind->variant_count; i++) {
		if (kind->variants[i].combinations & (1u << flags))
			return &kind->variants[i];
	}
	return NULL;
}

/*
 * Whether leaves of @format can enforce coherency. For the other formats, the entry of the device
 * in the device table does.
 */
static bool has_snoop_bit(const struct iopt_format *format)
{
	return format == &iopt_amdv1 || format == &iopt_vtdss;
}

/* The configuration of the table for a domain with @flags. */
static struct iopt_config table_config(const struct iommu_kind *kind,
				       const struct kind_variant *variant, unsigned int flags)
{
	struct iopt_config config = variant->config;

	if (kind->enforces_coherency && has_snoop_bit(variant->format))
		config.features |= IOPT_FORCE_COHERENT;
	if (flags & DOMAIN_DIRTY)
		config.features |= IOPT_DIRTY;
	if ((flags & DOMAIN_NEST_PARENT) && variant->format == &iopt_vtdss)
		config.features |= IOPT_NEST_PARENT;
	return config;
}

/* Chooses the table for @flags and @data (may be NULL). 0, -EOPNOTSUPP, or the kind's error. */
static int choose_variant(const struct iommu_kind *kind, unsigned int flags,
			  const struct user_data *data, const struct kind_variant **variant)
{
	*variant = find_variant(kind, flags);
	if (!*variant || (data && !kind->choose))
		return -EOPNOTSUPP;
	return data ? kind->choose(kind, data, variant) : 0;
}

int iommu_domain_create(struct iommu *iommu, unsigned int flags, const struct user_data *data,
			struct iommu_domain **out)
{
	const struct kind_variant *variant;
	struct iommu_domain *domain;
	struct iopt_config config;
	int rc;

	rc = choose_variant(iommu->kind, flags, data, &variant);
	if (rc)
		return rc;
	domain = alloc_zeroed(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	config = table_config(iommu->kind, variant, flags);
	rc = iopt_create(variant->format, &config, &domain->table);
	if (rc) {
		alloc_free(domain);
		return rc;
	}
	domain->iommu = iommu_get(iommu);
	domain->variant = variant;
	domain->flags = flags;
	domain->memory = domain;
	if (!flags && !data)
		__atomic_store_n(&iommu->pgsizes, iopt_pgsizes(domain->table), __ATOMIC_RELAXED);
	*out = domain;
	return 0;
}

int iommu_reach(struct iommu *iommu, struct domain_reach *reach)
{
	const struct kind_variant *variant = find_variant(iommu->kind, 0);
	uint64_t pgsizes = __atomic_load_n(&iommu->pgsizes, __ATOMIC_RELAXED);

	if (!pgsizes) {
		struct iommu_domain *domain;
		int rc = iommu_domain_create(iommu, 0, NULL, &domain);

		if (rc)
			return rc;
		pgsizes = iommu_domain_pgsizes(domain);
		iommu_domain_destroy(domain);
	}
	*reach = (struct domain_reach){
		.aperture = variant->aperture,
		.gaps = iommu->kind->gaps,
		.gap_count = iommu->kind->gap_count,
		.pgsizes = pgsizes,
	};
	return 0;
}

unsigned int iommu_domain_flags(const struct iommu_domain *domain)
{
	return domain->flags;
}

void iommu_domain_destroy(struct iommu_domain *domain)
{
	/* iommu_translate() may still use it: that is not inside the gate. */
	rcu_wait(&iommu_domain_readers);
	lookaside_forget_all(); /* another domain may have the same address */
	if (observed())
		event_table_freed(domain);
	iommu_put(domain->iommu);
	if (domain->memory == domain)
		iopt_destroy(domain->table);
	alloc_free(domain);
}

struct iommu *iommu_domain_iommu(const struct iommu_domain *domain)
{
	return domain->iommu;
}

struct iopt *iommu_domain_table(const struct iommu_domain *domain)
{
	return domain->table;
}

struct iova_range iommu_domain_aperture(const struct iommu_domain *domain)
{
	return domain->variant->aperture;
}

const struct iova_range *iommu_domain_gaps(const struct iommu_domain *domain, size_t *count)
{
	*count = domain->iommu->kind->gap_count;
	return domain->iommu->kind->gaps;
}

bool iommu_domain_scattered(const struct iommu_domain *domain)
{
	return domain->iommu->kind->scattered;
}

bool iommu_domain_enforces_coherency(const struct iommu_domain *domain)
{
	return domain->iommu->kind->enforces_coherency;
}

uint64_t iommu_domain_pgsizes(const struct iommu_domain *domain)
{
	return iopt_pgsizes(domain->table);
}

int iommu_domain_map(struct iommu_domain *domain, uint64_t iova, uint64_t bus, uint64_t len,
		     unsigned int prot, uint64_t pgsizes)
{
	const uint64_t retired = iopt_retired(domain->table);
	int rc;

	/* Not every format refuses this. */
	if (!(prot & (IOPT_READ | IOPT_WRITE)))
		return -EINVAL;
	rc = iopt_map(domain->table, iova, bus, len, prot, pgsizes);
	if (__builtin_expect(iopt_retired(domain->table) != retired, 0)) {
		atomic_thread_fence(memory_order_seq_cst);
		lookaside_forget_all();
		iopt_settle(domain->table);
	}
	return rc;
}

void iommu_domain_prefetch(const struct iommu_domain *domain, uint64_t iova)
{
	iopt_prefetch(domain->table, iova);
}

uint64_t iommu_domain_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t len)
{
	const uint64_t retired = iopt_retired(domain->table);
	const uint64_t unmapped = iopt_unmap(domain->table, iova, len);

	/* After the table: a thread that sees the new count does not find the old entries. */
	__atomic_add_fetch(&domain->unmaps, 1, __ATOMIC_SEQ_CST);
	fence_after_atomic();
	recent_unmapped(domain);
	if (iopt_retired(domain->table) != retired) {
		lookaside_retired(domain, iova, len);
		iopt_settle(domain->table);
	}
	if (__builtin_expect(atomic_load(&ats_endpoints) != 0, 0) && len)
		nested_forget_memory(domain, (struct iova_range){iova, iova + (len - 1)});
	return unmapped;
}

void iommu_domain_quiesce(struct iommu_domain *domain)
{
	gate_wait(domain->memory);
}

void iommu_domain_set_dirty_tracking(struct iommu_domain *domain, bool on)
{
	__atomic_store_n(&domain->dirty, on, __ATOMIC_SEQ_CST);
	/* Writes that were cached would leave no mark. */
	atomic_thread_fence(memory_order_seq_cst);
	lookaside_forget_all();
	if (on && atomic_load(&ats_endpoints))
		nested_forget_memory(domain, IOVA_RANGE_ALL);
}

bool iommu_domain_dirty_tracking(const struct iommu_domain *domain)
{
	return __atomic_load_n(&domain->memory->dirty, __ATOMIC_ACQUIRE);
}

bool iommu_domain_accepts(const struct iommu_domain *domain, const struct iommu_endpoint *endpoint)
{
	if (domain->iommu->kind != endpoint->iommu->kind)
		return false;
	if (domain->iommu->kind->own_tables && domain->iommu != endpoint->iommu)
		return false;
	if (domain->stage1 && domain->stage1->possible && !domain->stage1->possible(domain))
		return false;
	return !(domain->flags & DOMAIN_DIRTY) ||
	       (iommu_endpoint_capabilities(endpoint) & IOMMU_HW_CAP_DIRTY_TRACKING);
}
