/* SPDX-License-Identifier: MIT */
/*
 * Nested domains: stage 1 in guest memory (iommu/stage1.h) on a parent, and the cache in front of
 * it.
 *
 * A translation looks for the page in the cache; walks stage 1 if it is not there, or lacks a
 * right; and walks stage 2 if what the cache knows of it is older than the parent's last unmap. A
 * walk repeats when an entry changed under it. Nothing that failed is cached.
 *
 * endpoints_lock guards the list of endpoints, and is taken before nothing else.
 */
#include "iommu/nested_domain.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/check.h"
#include "base/gate.h"
#include "base/rcu.h"
#include "iommu/iommu_internal.h"
#include "iommu/tlb.h"
#include "mem/guard.h"

enum {
	MAX_WALKS = 64, /* of a request whose entries keep changing */
};

static CDS_LIST_HEAD(endpoints);
static pthread_mutex_t endpoints_lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last_id; /* of nested domains */

/* ---- domains ---- */

static const struct stage1_ops *stage1_of(enum nested_format format)
{
	switch (format) {
	case NESTED_IDENTITY:
		return NULL;
	case NESTED_ABORT:
		return &stage1_abort;
	case NESTED_VTD:
		return &stage1_vtd;
	case NESTED_SMMUV3:
		return &stage1_smmuv3;
	case NESTED_AMD:
		return &stage1_amd;
	}
	return &stage1_abort;
}

int iommu_nested_create(struct iommu_domain *parent, const struct nested_config *config,
			struct iommu_domain **out)
{
	struct iommu_domain *domain;

	if (parent->memory != parent || !(parent->flags & DOMAIN_NEST_PARENT))
		return -EINVAL;
	domain = alloc_zeroed(sizeof(*domain));
	if (!domain)
		return -ENOMEM;
	domain->iommu = iommu_get(parent->iommu);
	domain->variant = parent->variant;
	domain->table = parent->table;
	domain->memory = parent;
	domain->stage1 = stage1_of(config->format);
	domain->config = *config;
	domain->id = __atomic_add_fetch(&last_id, 1, __ATOMIC_RELAXED);
	*out = domain;
	return 0;
}

struct iommu_domain *iommu_domain_parent(const struct iommu_domain *domain)
{
	return domain->memory == domain ? NULL : domain->memory;
}

bool iommu_nested_takes_pasids(const struct iommu_domain *domain)
{
	return domain->memory != domain && (!domain->stage1 || domain->stage1->by_pasid);
}

/* ---- guest memory ---- */

int stage1_fail(struct stage1_walk *walk, enum stage1_failure failure)
{
	walk->error.failure = failure;
	return -EFAULT;
}

/* The stage-2 leaf of @ipa, which allows @need. */
static int stage2_find(struct stage1_walk *walk, enum dma_fault_access access, uint64_t ipa,
		       unsigned int need, struct iopt_leaf *leaf)
{
	const struct iommu_domain *parent = walk->domain->memory;
	const struct iova_range aperture = parent->variant->aperture;
	enum stage1_failure failure;

	if (ipa >= aperture.start && ipa <= aperture.last &&
	    iopt_translate(parent->table, ipa, leaf)) {
		if ((leaf->prot & need) == need)
			return 0;
		failure = need & ~leaf->prot & IOPT_WRITE ? STAGE2_WRITE : STAGE2_READ;
	} else {
		failure = STAGE2_NOT_MAPPED;
	}
	walk->error.access = access;
	walk->error.ipa = ipa;
	return stage1_fail(walk, failure);
}

/* Reads a word of guest memory, for what walk->error says already. */
static int read_word(struct stage1_walk *walk, uint64_t ipa, uint64_t *word)
{
	struct iopt_leaf leaf;
	int rc = stage2_find(walk, walk->error.access, ipa, IOPT_READ, &leaf);

	if (rc)
		return rc;
	/* Eight aligned bytes: read as one. */
	if (guard_copy(word, (const void *)(uintptr_t)leaf.oa, sizeof(*word)))
		return stage1_fail(walk, STAGE1_MEMORY);
	return 0;
}

int stage1_read(struct stage1_walk *walk, uint64_t ipa, unsigned int level, uint64_t *entry)
{
	int rc;

	walk->error.access = DMA_FAULT_AT_TABLE;
	walk->error.ipa = ipa;
	walk->error.level = level;
	walk->error.has_entry = false;
	rc = read_word(walk, ipa, entry);
	if (rc)
		return rc;
	walk->error.has_entry = true;
	walk->error.entry = *entry;
	if (walk->look)
		stage1_note(walk, false, ipa, level, *entry);
	return 0;
}

int stage1_read_context(struct stage1_walk *walk, uint64_t ipa, uint64_t *word)
{
	int rc;

	walk->error.access = DMA_FAULT_AT_CONTEXT;
	walk->error.ipa = ipa;
	walk->error.has_entry = false;
	rc = read_word(walk, ipa, word);
	if (!rc && walk->look)
		stage1_note(walk, true, ipa, 0, *word);
	return rc;
}

int stage1_update(struct stage1_walk *walk, uint64_t ipa, uint64_t old, uint64_t new)
{
	struct iopt_leaf leaf;
	int rc;

	if (walk->look)
		return 0;
	rc = stage2_find(walk, DMA_FAULT_AT_TABLE, ipa, IOPT_READ | IOPT_WRITE, &leaf);
	if (rc)
		return rc;
	rc = guard_exchange((uint64_t *)(uintptr_t)leaf.oa, old, new);
	if (rc < 0)
		return stage1_fail(walk, STAGE1_MEMORY);
	if (rc)
		return -EAGAIN;
	if (iommu_domain_dirty_tracking(walk->domain))
		iopt_set_dirty(walk->domain->table, ipa);
	return 0;
}

/* ---- contexts ---- */

static struct tlb_key key_of(const struct stage1_walk *walk)
{
	return (struct tlb_key){
		.domain = walk->domain->id, .pasid = walk->pasid, .asid = walk->context.asid};
}

bool stage1_cached_context(struct stage1_walk *walk)
{
	const struct tlb_key key = key_of(walk);

	return walk->tlb && tlb_find_context(walk->tlb, &key, &walk->context);
}

void stage1_cache_context(struct stage1_walk *walk)
{
	const struct tlb_key key = key_of(walk);

	if (walk->tlb)
		tlb_store_context(walk->tlb, walk->generation, &key, &walk->context);
}

/* ---- translation ---- */

/*
 * Walks stage 1: from the cached lowest table, if that leaves the right to write, or from the root.
 */
static int walk_stage1(struct stage1_walk *walk)
{
	const struct tlb_key key = key_of(walk);
	int rc = -EAGAIN;

	for (int i = 0; i < MAX_WALKS && rc == -EAGAIN; i++) {
		walk->has_table = walk->tlb &&
				  tlb_find_table(walk->tlb, &key, walk->iova, &walk->table) &&
				  (!walk->write || (walk->table.rights & IOPT_WRITE));
		rc = walk->domain->stage1->walk(walk);
	}
	if (rc == -EAGAIN)
		return stage1_fail(walk, STAGE1_UPDATE);
	if (!rc && walk->tlb && walk->has_table)
		tlb_store_table(walk->tlb, walk->generation, &key, walk->iova, &walk->table);
	return rc;
}

/* Finds where @page leads through stage 2 since @unmaps. */
static int walk_stage2(struct stage1_walk *walk, struct tlb_page *page, uint64_t unmaps,
		       unsigned int need)
{
	const uint64_t offset = walk->iova & PAGE_MASK;
	struct iopt_leaf leaf;
	int rc = stage2_find(walk, DMA_FAULT_AT_PAGE, page->leaf.ipa | offset, need, &leaf);

	if (rc)
		return rc;
	if ((need & IOPT_WRITE) && iommu_domain_dirty_tracking(walk->domain))
		iopt_set_dirty(walk->domain->table, page->leaf.ipa | offset);
	page->bus = leaf.oa - offset;
	page->prot = leaf.prot & (IOPT_READ | IOPT_WRITE);
	page->span = (unsigned int)min_u64(page->leaf.shift, log2_floor(leaf.len));
	page->unmaps = unmaps;
	return 0;
}

/* True if @page answers a request with @need without any walk. */
static bool page_serves(const struct iommu_domain *domain, const struct tlb_page *page,
			uint64_t unmaps, unsigned int need)
{
	return !(need & ~(page->leaf.prot & page->prot)) && page->unmaps == unmaps &&
	       /* Each write marks its stage-2 leaf: user space may have cleaned it. */
	       !((need & IOPT_WRITE) && iommu_domain_dirty_tracking(domain));
}

static void page_result(const struct tlb_page *page, uint64_t iova, uint64_t *bus, uint64_t *len)
{
	*bus = page->bus + (iova & PAGE_MASK);
	*len = (UINT64_C(1) << page->span) - (iova & ((UINT64_C(1) << page->span) - 1));
}

/* Through both stages; what is not cached is walked, and cached. */
static int find_page(struct stage1_walk *walk, struct tlb_page *page, uint64_t unmaps,
		     unsigned int need)
{
	const struct tlb_key key = key_of(walk);
	bool cached = walk->tlb && tlb_find_page(walk->tlb, &key, walk->iova, page) &&
		      !(need & ~page->leaf.prot);
	int rc;

	if (!cached) {
		rc = walk_stage1(walk);
		if (rc)
			return rc;
		page->leaf = walk->leaf;
		page->leaf.ipa &= ~PAGE_MASK;
	}
	rc = walk_stage2(walk, page, unmaps, need);
	/* A stage-2 leaf below a page is the mock's, which has no stage 1. */
	if (!rc && walk->tlb && page->span >= PAGE_SHIFT)
		tlb_store_page(walk->tlb, walk->generation, &key, walk->iova, page);
	return rc;
}

void stage1_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	static const struct {
		enum dma_fault_cause cause;
		const char *text;
	} failures[] = {
		[STAGE1_ABORT] = {DMA_FAULT_TABLES, "the guest refuses all requests of the device"},
		[STAGE1_NEEDS_PASID] = {DMA_FAULT_TABLES,
					"the guest refuses requests without a PASID"},
		[STAGE1_BAD_CONFIG] = {DMA_FAULT_TABLES, "the guest's configuration is invalid"},
		[STAGE1_BAD_PASID] = {DMA_FAULT_TABLES, "the guest has nothing for the PASID"},
		[STAGE1_BAD_CONTEXT] = {DMA_FAULT_TABLES,
					"the guest's context descriptor is invalid"},
		[STAGE1_ADDRESS] = {DMA_FAULT_NOT_MAPPED, "the address is out of range"},
		[STAGE1_NOT_PRESENT] = {DMA_FAULT_NOT_MAPPED, "the entry is not present"},
		[STAGE1_RESERVED] = {DMA_FAULT_TABLES, "the entry has reserved bits set"},
		[STAGE1_OUTPUT] = {DMA_FAULT_TABLES, "the entry's address is out of range"},
		[STAGE1_ACCESS_FLAG] = {DMA_FAULT_NOT_MAPPED, "the entry's access flag is clear"},
		[STAGE1_PRIVILEGED] = {DMA_FAULT_PERMISSION,
				       "the entry is for privileged requests"},
		[STAGE1_READ_ONLY] = {DMA_FAULT_PERMISSION, "the entry is read-only"},
		[STAGE1_UPDATE] = {DMA_FAULT_TABLES, "the entry keeps changing"},
		[STAGE1_MEMORY] = {DMA_FAULT_MEMORY, "the memory behind it is gone"},
		[STAGE2_NOT_MAPPED] = {DMA_FAULT_NOT_MAPPED, "nothing is mapped there"},
		[STAGE2_READ] = {DMA_FAULT_PERMISSION, "mapped without READABLE"},
		[STAGE2_WRITE] = {DMA_FAULT_PERMISSION, "mapped without WRITEABLE"},
	};
	const struct stage1_error *error = &walk->error;

	*fault = (struct dma_fault){
		.cause = failures[error->failure].cause,
		.text = failures[error->failure].text,
		.dir = walk->write ? DMA_WRITE : DMA_READ,
		.pasid = walk->pasid,
		.iova = walk->iova,
		.stage = error->failure >= STAGE2_NOT_MAPPED ? 2 : 1,
		.access = error->access,
		.ipa = error->ipa,
		.has_entry = error->has_entry,
		.level = error->level,
		.entry = error->entry,
	};
	walk->domain->stage1->describe(walk, fault);
}

static int translate_slowly(struct stage1_walk *walk, uint64_t unmaps, unsigned int need,
			    uint64_t *bus, uint64_t *len)
{
	struct tlb_page page = {.leaf = {.ipa = walk->iova & ~PAGE_MASK, .shift = 63}};
	int rc = walk->domain->stage1->find_context(walk);

	if (rc)
		return rc;
	rc = walk->context.bypass ? walk_stage2(walk, &page, unmaps, need)
				  : find_page(walk, &page, unmaps, need);
	if (!rc)
		page_result(&page, walk->iova, bus, len);
	return rc;
}

/*
 * Everything is in the cache, but contexts have been forgotten: the page is stored again if it is
 * of the one that there is now.
 */
static bool translate_cached(struct stage1_walk *walk, uint64_t unmaps, unsigned int need,
			     uint64_t *bus, uint64_t *len)
{
	struct tlb_page page;
	struct tlb_key key;

	if (walk->domain->stage1->has_asids && !stage1_cached_context(walk))
		return false;
	key = key_of(walk);
	if (!tlb_find_page(walk->tlb, &key, walk->iova, &page) ||
	    !page_serves(walk->domain, &page, unmaps, need))
		return false;
	tlb_store_page(walk->tlb, walk->generation, &key, walk->iova, &page);
	page_result(&page, walk->iova, bus, len);
	return true;
}

bool nested_hit(const struct iommu_endpoint *endpoint, const struct iommu_domain *domain,
		uint32_t pasid, uint64_t iova, unsigned int need, uint64_t *bus, uint64_t *len)
{
	const struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_acquire);
	const struct tlb_request request = {
		.domain = domain->id,
		.pasid = pasid,
		.need = need,
		.iova = iova,
		.unmaps = __atomic_load_n(&domain->memory->unmaps, __ATOMIC_ACQUIRE),
	};

	/* Each write marks its stage-2 leaf: user space may have cleaned it. */
	if (!tlb || ((need & IOPT_WRITE) && iommu_domain_dirty_tracking(domain)))
		return false;
	return tlb_hit(tlb, &request, bus, len);
}

static int translate_missed(struct stage1_walk *walk, uint64_t unmaps, unsigned int need,
			    uint64_t *bus, uint64_t *len, struct dma_fault *fault)
{
	int rc;

	if (walk->tlb && translate_cached(walk, unmaps, need, bus, len))
		return 0;
	rc = translate_slowly(walk, unmaps, need, bus, len);
	if (rc)
		stage1_describe(walk, fault);
	return rc;
}

int nested_translate(struct iommu_endpoint *endpoint, struct iommu_domain *domain, uint32_t pasid,
		     uint64_t iova, unsigned int need, uint64_t *bus, uint64_t *len,
		     struct dma_fault *fault)
{
	if (nested_hit(endpoint, domain, pasid, iova, need, bus, len))
		return 0;

	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_acquire);
	/* Both counts before what they are about. */
	const uint64_t unmaps = __atomic_load_n(&domain->memory->unmaps, __ATOMIC_ACQUIRE);
	struct stage1_walk walk = {
		.domain = domain,
		.tlb = tlb,
		.generation = tlb ? tlb_generation(tlb) : 0,
		.pasid = pasid,
		.iova = iova,
		.write = need & IOPT_WRITE,
	};

	return translate_missed(&walk, unmaps, need, bus, len, fault);
}

/* ---- invalidation ---- */

void iommu_tlb_disable(struct iommu *iommu)
{
	iommu->uncached = true;
}

void nested_track(struct iommu_endpoint *endpoint)
{
	pthread_mutex_lock(&endpoints_lock);
	cds_list_add(&endpoint->all, &endpoints);
	pthread_mutex_unlock(&endpoints_lock);
}

int nested_prepare(struct iommu_endpoint *endpoint, const struct iommu_domain *domain)
{
	struct tlb *tlb;

	if (!domain || !domain->stage1 || !endpoint->caching ||
	    atomic_load_explicit(&endpoint->tlb, memory_order_relaxed))
		return 0;
	tlb = tlb_create();
	if (!tlb)
		return -ENOMEM;
	atomic_store_explicit(&endpoint->tlb, tlb, memory_order_release);
	return 0;
}

void nested_forget(struct iommu_endpoint *endpoint, const struct iommu_domain *domain)
{
	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_relaxed);
	const struct tlb_match translations = {0}, contexts = {.config = true};

	if (!tlb || !domain->stage1)
		return;
	tlb_forget(tlb, &translations, domain->id);
	tlb_forget(tlb, &contexts, domain->id);
}

void nested_release(struct iommu_endpoint *endpoint)
{
	pthread_mutex_lock(&endpoints_lock);
	cds_list_del(&endpoint->all);
	pthread_mutex_unlock(&endpoints_lock);
	tlb_destroy(atomic_load_explicit(&endpoint->tlb, memory_order_relaxed));
}

static bool forget(struct iommu_endpoint *endpoint, const struct tlb_match *match)
{
	struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_acquire);

	if (tlb)
		tlb_forget(tlb, match, match->domain ? match->domain->id : 0);
	return tlb;
}

/*
 * Calls @visit for each domain that @endpoint goes through, until it returns true; says whether it
 * did.
 */
static bool any_domain(struct iommu_endpoint *endpoint,
		       bool (*visit)(struct iommu_domain *domain, void *arg), void *arg)
{
	struct iommu_domain *domain;
	struct pasid_table *table;
	bool stop;

	rcu_read_lock();
	domain = atomic_load_explicit(&endpoint->rid_domain, memory_order_acquire);
	stop = domain && visit(domain, arg);
	table = atomic_load_explicit(&endpoint->pasids, memory_order_acquire);
	for (size_t i = 0; table && i < table->count && !stop; i++) {
		domain = __atomic_load_n(&table->entries[i].domain, __ATOMIC_ACQUIRE);
		stop = domain && visit(domain, arg);
	}
	rcu_read_unlock();
	return stop;
}

/* Waits for DMA through @domain; once for neighbours on the same parent. */
static bool wait_for(struct iommu_domain *domain, void *arg)
{
	const struct iommu_domain **last = arg;

	if (domain->stage1 && domain->memory != *last)
		gate_wait(domain->memory);
	*last = domain->memory;
	return false;
}

void iommu_tlb_invalidate(struct iommu_endpoint *endpoint, const struct tlb_match *match)
{
	const struct iommu_domain *last = NULL;

	/* Who left a domain has waited for it. */
	if (forget(endpoint, match))
		(void)any_domain(endpoint, wait_for, &last);
}

static bool is_on(struct iommu_domain *domain, void *parent)
{
	return domain->stage1 && domain->memory == parent;
}

void iommu_tlb_invalidate_parent(struct iommu_domain *parent, const struct tlb_match *match)
{
	struct iommu_endpoint *endpoint;
	bool forgot = false;

	pthread_mutex_lock(&endpoints_lock);
	cds_list_for_each_entry (endpoint, &endpoints, all) {
		if (any_domain(endpoint, is_on, parent))
			forgot |= forget(endpoint, match);
	}
	pthread_mutex_unlock(&endpoints_lock);
	if (forgot)
		gate_wait(parent);
}

void iommu_after_fork(void)
{
	struct iommu_endpoint *endpoint;

	cds_list_for_each_entry (endpoint, &endpoints, all) {
		struct tlb *tlb = atomic_load_explicit(&endpoint->tlb, memory_order_relaxed);

		atomic_store(&endpoint->handling, 0);
		if (tlb)
			tlb_after_fork(tlb);
	}
}

/* ---- the format that is none ---- */

static int abort_context(struct stage1_walk *walk)
{
	return stage1_fail(walk, STAGE1_ABORT);
}

/* Such requests are aborted silently. */
static void abort_describe(const struct stage1_walk *walk, struct dma_fault *fault)
{
	(void)walk;
	fault->name = "abort";
}

const struct stage1_ops stage1_abort = {
	.find_context = abort_context,
	.describe = abort_describe,
	.by_pasid = true,
};
