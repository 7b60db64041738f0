/* SPDX-License-Identifier: MIT */
/*
 * Nested translation: through stage 1 in guest memory (iommu/stage1.h) and stage 2 of the parent,
 * with the IOTLB (iommu/tlb.h) in front.
 *
 * A translation looks for the page in the IOTLB. If it is not there, or lacks a right, stage 1 is
 * walked; if what is known of stage 2 is older than the parent's last unmap, stage 2 is walked. A
 * walk of stage 1 that finds an entry changed under it starts again.
 *
 * Invariants:
 * - nothing is cached of a walk that failed;
 * - the generation of the IOTLB and the parent's count of unmaps are loaded before anything that is
 *   stored with them is read.
 *
 * Locks: none; inside the gate of the parent and in a read-side critical section (assert_inside()).
 */
#include "base/check.h"
#include "base/gate.h"
#include "iommu/iommu_internal.h"
#include "iommu/nested_recent.h"
#include "iommu/nested_stale.h"
#include "iommu/stage1.h"
#include "iommu/tlb.h"
#include "mem/view.h"
#include "report/device_record.h"

enum {
	MAX_WALKS = 64, /* of a request whose entries keep changing */
};

/* ---- guest memory ---- */

int stage1_fail(struct stage1_walk *walk, enum stage1_failure failure)
{
	walk->error.failure = failure;
	return -EFAULT;
}

/* Finds the stage-2 leaf of @ipa, which permits @need. 0, or -EFAULT and walk->error. */
static int stage2_find(struct stage1_walk *walk, enum dma_fault_access access, uint64_t ipa,
		       unsigned int need, struct iopt_leaf *leaf)
{
	const struct iommu_domain *parent = walk->domain->memory;
	const struct iova_range aperture = parent->variant->aperture;
	enum stage1_failure failure;

	assert_inside(walk->domain);
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

/* Reads a word of guest memory. walk->error already says what it is for. */
static int read_word(struct stage1_walk *walk, uint64_t ipa, uint64_t *word)
{
	struct iopt_leaf leaf;
	int rc;

	rc = stage2_find(walk, walk->error.access, ipa, IOPT_READ, &leaf);
	if (rc)
		return rc;
	if (view_load(word, (const uint64_t *)(uintptr_t)leaf.oa))
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
	if (rc)
		return rc;
	if (walk->look)
		stage1_note(walk, true, ipa, 0, *word);
	return 0;
}

int stage1_update(struct stage1_walk *walk, uint64_t ipa, uint64_t old, uint64_t new)
{
	struct iopt_leaf leaf;
	int rc;

	if (walk->look || old == new)
		return 0;
	rc = stage2_find(walk, DMA_FAULT_AT_TABLE, ipa, IOPT_READ | IOPT_WRITE, &leaf);
	if (rc)
		return rc;
	rc = view_exchange((uint64_t *)(uintptr_t)leaf.oa, old, new);
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
 * Walks stage 1: from the cached lowest table, unless that lacks a right that is needed, or from
 * the root.
 */
static int walk_stage1(struct stage1_walk *walk)
{
	const struct tlb_key key = key_of(walk);
	int rc = -EAGAIN;

	for (int i = 0; i < MAX_WALKS && rc == -EAGAIN; i++) {
		walk->has_table = walk->tlb &&
				  tlb_find_table(walk->tlb, &key, walk->iova, &walk->table) &&
				  !(walk->need & ~walk->table.rights);
		rc = walk->domain->stage1->walk(walk);
	}
	if (rc == -EAGAIN)
		return stage1_fail(walk, STAGE1_UPDATE);
	if (rc)
		return rc;
	if (walk->tlb && walk->has_table)
		tlb_store_table(walk->tlb, walk->generation, &key, walk->iova, &walk->table);
	return 0;
}

/* Walks stage 2 from page->leaf and fills in the rest of @page. */
static int walk_stage2(struct stage1_walk *walk, struct tlb_page *page)
{
	const uint64_t offset = walk->iova & PAGE_MASK;
	struct iopt_leaf leaf;
	int rc;

	rc = stage2_find(walk, DMA_FAULT_AT_PAGE, page->leaf.ipa | offset, walk->need, &leaf);
	if (rc)
		return rc;
	if (stage1_writes(walk) && iommu_domain_dirty_tracking(walk->domain))
		iopt_set_dirty(walk->domain->table, page->leaf.ipa | offset);
	page->bus = leaf.oa - offset;
	page->prot = leaf.prot & (IOPT_READ | IOPT_WRITE);
	page->span = (unsigned int)min_u64(page->leaf.shift, log2_floor(leaf.len));
	page->unmaps = walk->unmaps;
	return 0;
}

/* Whether @page answers the request without any walk. */
static bool page_serves(const struct stage1_walk *walk, const struct tlb_page *page)
{
	if (walk->need & ~(page->leaf.prot & page->prot) || page->unmaps != walk->unmaps)
		return false;
	/* Each write marks its stage-2 leaf: user space may have cleaned it. */
	return !(stage1_writes(walk) && iommu_domain_dirty_tracking(walk->domain));
}

static void page_result(const struct tlb_page *page, struct translation *t)
{
	const uint64_t reach = UINT64_C(1) << page->span;

	t->bus = page->bus + (t->iova & PAGE_MASK);
	t->len = reach - (t->iova & (reach - 1));
}

/* Fills in @page from both stages; walks what is not cached, and caches it. */
static int find_page(struct stage1_walk *walk, struct tlb_page *page)
{
	const struct tlb_key key = key_of(walk);
	bool cached = walk->tlb && tlb_find_page(walk->tlb, &key, walk->iova, page) &&
		      !(walk->need & ~page->leaf.prot);
	int rc;

	if (!cached) {
		rc = walk_stage1(walk);
		if (rc)
			return rc;
		page->leaf = walk->leaf;
		page->leaf.ipa &= ~PAGE_MASK;
	}
	rc = walk_stage2(walk, page);
	if (rc)
		return rc;
	/* Only the mock has leaves of stage 2 below a page, and it has no stage 1. */
	if (walk->tlb && page->span >= PAGE_SHIFT)
		tlb_store_page(walk->tlb, walk->generation, &key, walk->iova, page);
	return 0;
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
		[STAGE1_DIRTY_FLAG] = {DMA_FAULT_NOT_MAPPED, "the entry's dirty flag is clear"},
		[STAGE1_PRIVILEGED] = {DMA_FAULT_PERMISSION,
				       "the entry is for privileged requests"},
		[STAGE1_READ_ONLY] = {DMA_FAULT_PERMISSION, "the entry is read-only"},
		[STAGE1_WRITE_ONLY] = {DMA_FAULT_PERMISSION, "the entry is write-only"},
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
		.dir = stage1_writes(walk) ? DMA_WRITE : DMA_READ,
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

static int translate_by_walk(struct stage1_walk *walk, struct translation *t)
{
	struct tlb_page page = {.leaf = {.ipa = walk->iova & ~PAGE_MASK, .shift = 63}};
	int rc;

	rc = walk->domain->stage1->find_context(walk);
	if (rc)
		return rc;
	rc = walk->context.bypass ? walk_stage2(walk, &page) : find_page(walk, &page);
	if (rc)
		return rc;
	page_result(&page, t);
	return 0;
}

/*
 * The page may be cached although nested_hit() did not find it, because contexts were forgotten
 * since it was stored. If it belongs to the context that there is now, it is stored again.
 */
static bool translate_by_cache(struct stage1_walk *walk, struct translation *t)
{
	struct tlb_page page;
	struct tlb_key key;

	if (walk->domain->stage1->has_asids && !stage1_cached_context(walk))
		return false;
	key = key_of(walk);
	if (!tlb_find_page(walk->tlb, &key, walk->iova, &page) || !page_serves(walk, &page))
		return false;
	tlb_store_page(walk->tlb, walk->generation, &key, walk->iova, &page);
	page_result(&page, t);
	return true;
}

bool nested_hit(const struct translation *t, uint64_t *bus, uint64_t *len)
{
	const struct tlb *tlb = atomic_load_explicit(&t->endpoint->tlb, memory_order_acquire);
	const struct iommu_domain *domain = t->domain;
	struct recent_stamp stamp;

	if (!tlb)
		return false;
	stamp = recent_stamp_of(tlb, domain->memory);
	/* Each write marks its stage-2 leaf: user space may have cleaned it. */
	if (((t->need & IOPT_WRITE) && iommu_domain_dirty_tracking(domain)) ||
	    !tlb_hit(tlb, t, __atomic_load_n(&domain->memory->unmaps, __ATOMIC_ACQUIRE), bus, len))
		return false;
	if (t->pasid == NO_PASID && t->need <= (IOPT_READ | IOPT_WRITE))
		recent_add(t, tlb, &stamp, *bus, *len);
	return true;
}

static __attribute__((noinline)) int translate_missed(struct translation *t)
{
	struct tlb *tlb = atomic_load_explicit(&t->endpoint->tlb, memory_order_acquire);
	struct stage1_walk walk;
	int rc;

	walk.domain = t->domain;
	walk.tlb = tlb;
	walk.generation = tlb ? tlb_generation(tlb) : 0;
	walk.unmaps = __atomic_load_n(&t->domain->memory->unmaps, __ATOMIC_ACQUIRE);
	walk.pasid = t->pasid;
	walk.iova = t->iova;
	walk.need = t->need;
	walk.look = NULL;
	walk.has_table = false;
	/* The results that stay 0 where a format has none. Zeroing all of @walk would cost more. */
	walk.context = (struct stage1_context){0};
	walk.error = (struct stage1_error){0};

	if (tlb && translate_by_cache(&walk, t))
		return 0;
	rc = translate_by_walk(&walk, t);
	if (rc)
		stage1_describe(&walk, t->fault);
	return rc;
}

int nested_translate(struct translation *t)
{
	int rc;

	assert_inside(t->domain);
	rc = nested_hit(t, &t->bus, &t->len) ? 0 : translate_missed(t);
	if (!rc && t->stale && recording() && device_record_take_check(t->endpoint->record))
		nested_check_stale(t);
	return rc;
}
