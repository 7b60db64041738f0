/* SPDX-License-Identifier: MIT */
/*
 * The IOTLB: set-associative caches (iommu/tlb.h).
 *
 * An entry is a sequence lock (odd: being written) over words that are each atomic. Readers do not
 * write. A writer that finds the entry busy drops its store; tlb_forget() waits, for as long as
 * another thread takes to write an entry.
 *
 * A store locks the entry and then reads the generation; tlb_forget() increments the generation and
 * then reads the entry. So either the store finds that it is too late, or tlb_forget() finds what
 * it stored.
 */
#include "iommu/tlb.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/bits.h"
#include "base/check.h"
#include "iommu/iommu_internal.h"

enum {
	TLB_WAYS = 4,
	PAGE_SETS = 256,
	TABLE_SETS = 64,
	CONTEXT_SETS = 16,
	TABLE_SHIFT = 21, /* an entry is for so much of what a lowest table covers */
};

/* The words of an entry. Each cache has its own payload. */
enum {
	WORD_DOMAIN, /* ID; 0: the entry is empty */
	WORD_START, /* first IOVA of the page, or of what the table translates; flags in low bits */
	WORD_SPACE, /* PASID and ASID */
	WORD_PAYLOAD,		 /* the rest; of a page: */
	PAGE_IPA = WORD_PAYLOAD, /* and in its low bits log2 of what is contiguous */
	PAGE_BUS,
	PAGE_UNMAPS,   /* of the parent, when stage 2 was walked */
	PAGE_CONTEXTS, /* tlb->contexts_forgotten when WORD_SPACE had the ASID of the PASID */
	WORDS
};

/* In the low bits of WORD_START, of pages. */
#define START_PROT1  BITS(1, 0) /* stage 1, enum iopt_prot */
#define START_PROT2  BITS(3, 2)
#define START_GLOBAL BIT(4)
#define START_SHIFT  BITS(10, 5) /* log2 of the stage-1 leaf; of a table: of what it covers */

/*
 * In the low bits of the IPA of a page: log2 of what is contiguous; of that of a table: its rights.
 */
#define PAYLOAD_LOW BITS(5, 0)

#define SPACE_PASID BITS(31, 0)
#define SPACE_ASID  BITS(63, 32)

/* @value in the field that @mask marks. */
static inline uint64_t bits_put(uint64_t value, uint64_t mask)
{
	assert(!(value * lowest_bit(mask) & ~mask));
	return value * lowest_bit(mask);
}

struct tlb_entry {
	_Atomic uint64_t sequence;
	_Atomic uint64_t words[WORDS];
} __attribute__((aligned(64)));

struct tlb_set {
	struct tlb_entry ways[TLB_WAYS];
};

struct tlb {
	struct tlb_head head;
	_Atomic uint64_t generation;	     /* how often something was forgotten */
	_Atomic uint64_t contexts_forgotten; /* how often contexts were; raised after @generation */
	_Atomic unsigned int victim;	     /* where the next entry goes in a full set */
	struct tlb_set pages[PAGE_SETS];
	struct tlb_set tables[TABLE_SETS];
	struct tlb_set contexts[CONTEXT_SETS];
};

struct tlb *tlb_create(void)
{
	return alloc_aligned(_Alignof(struct tlb), sizeof(struct tlb));
}

void tlb_destroy(struct tlb *tlb)
{
	alloc_free(tlb);
}

uint64_t tlb_generation(const struct tlb *tlb)
{
	return atomic_load_explicit(&tlb->generation, memory_order_acquire);
}

/* ---- one entry ---- */

static uint64_t space_of(const struct tlb_key *key)
{
	return key->pasid | (uint64_t)key->asid << 32;
}

/* What an entry must have in its first words, under these masks, to match. */
struct tlb_tag {
	uint64_t words[WORD_PAYLOAD];
	uint64_t start_mask, space_mask;
};

static inline struct tlb_tag tag_of(const struct tlb_key *key, uint64_t start, uint64_t start_mask,
				    uint64_t space_mask)
{
	return (struct tlb_tag){
		.words = {key->domain, start & start_mask, space_of(key) & space_mask},
		.start_mask = start_mask,
		.space_mask = space_mask,
	};
}

static inline uint64_t word(const struct tlb_entry *entry, unsigned int i)
{
	/* Acquire: the sequence is read again after this. */
	return atomic_load_explicit(&entry->words[i], memory_order_acquire);
}

static inline bool tag_matches(const struct tlb_entry *entry, const struct tlb_tag *tag)
{
	return (word(entry, WORD_START) & tag->start_mask) == tag->words[WORD_START] &&
	       word(entry, WORD_DOMAIN) == tag->words[WORD_DOMAIN] &&
	       (word(entry, WORD_SPACE) & tag->space_mask) == tag->words[WORD_SPACE];
}

static inline bool find(const struct tlb_set *set, const struct tlb_tag *tag, uint64_t *words)
{
	for (unsigned int i = 0; i < TLB_WAYS; i++) {
		const struct tlb_entry *entry = &set->ways[i];
		uint64_t before = atomic_load_explicit(&entry->sequence, memory_order_acquire);

		if ((before & 1) || !tag_matches(entry, tag))
			continue;
		for (unsigned int w = 0; w < WORDS; w++)
			words[w] = word(entry, w);
		/* If it was written meanwhile, it counts as not found. */
		return atomic_load_explicit(&entry->sequence, memory_order_relaxed) == before;
	}
	return false;
}

static bool entry_lock(struct tlb_entry *entry)
{
	uint64_t sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed);

	return !(sequence & 1) &&
	       atomic_compare_exchange_strong(&entry->sequence, &sequence, sequence + 1);
}

static void entry_unlock(struct tlb_entry *entry)
{
	uint64_t sequence = atomic_load_explicit(&entry->sequence, memory_order_relaxed);

	assert(sequence & 1);
	atomic_store_explicit(&entry->sequence, sequence + 1, memory_order_release);
}

static struct tlb_entry *choose(struct tlb *tlb, struct tlb_set *set, const struct tlb_tag *tag)
{
	struct tlb_entry *empty = NULL;
	unsigned int victim;

	for (unsigned int i = 0; i < TLB_WAYS; i++) {
		if (tag_matches(&set->ways[i], tag))
			return &set->ways[i];
		/* The first empty one: look-ups try it first. */
		if (!empty && !word(&set->ways[i], WORD_DOMAIN))
			empty = &set->ways[i];
	}
	if (empty)
		return empty;
	victim = atomic_load_explicit(&tlb->victim, memory_order_relaxed);
	atomic_store_explicit(&tlb->victim, victim + 1, memory_order_relaxed);
	return &set->ways[victim % TLB_WAYS];
}

static void store(struct tlb *tlb, struct tlb_set *set, uint64_t generation,
		  const struct tlb_tag *tag, const uint64_t *words)
{
	struct tlb_entry *entry = choose(tlb, set, tag);

	if (!entry_lock(entry))
		return;
	if (atomic_load(&tlb->generation) == generation) {
		/* Release: a reader that sees a new word also sees that the sequence is odd. */
		for (unsigned int i = 0; i < WORDS; i++)
			atomic_store_explicit(&entry->words[i], words[i], memory_order_release);
	}
	entry_unlock(entry);
}

/* ---- the caches ---- */

static size_t hash(uint64_t domain, uint64_t pasid, uint64_t number)
{
	/* Neighbouring pages go to neighbouring sets: a buffer of PAGE_SETS pages fits. */
	return number + (domain * 5 + pasid) * 0x61;
}

static inline struct tlb_tag page_tag(const struct tlb_key *key, uint64_t iova)
{
	return tag_of(key, iova, ~PAGE_MASK, UINT64_MAX);
}

static inline size_t page_set(const struct tlb_key *key, uint64_t iova)
{
	return hash(key->domain, key->pasid, iova >> PAGE_SHIFT) % PAGE_SETS;
}

/*
 * The additional cost of a DMA behind a nested domain. The loads of an entry do not depend on each
 * other, and one branch decides whether it matches.
 */
bool tlb_hit(const struct tlb *tlb, const struct translation *t, uint64_t unmaps, uint64_t *bus,
	     uint64_t *len)
{
	const struct tlb_key key = {.domain = t->domain->id, .pasid = t->pasid};
	const uint64_t iova = t->iova;
	const uint64_t contexts =
		atomic_load_explicit(&tlb->contexts_forgotten, memory_order_acquire);
	const uint64_t rights = bits_put(t->need, START_PROT1) | bits_put(t->need, START_PROT2);
	const struct tlb_set *set = &tlb->pages[page_set(&key, iova)];

	for (unsigned int i = 0; i < TLB_WAYS; i++) {
		const struct tlb_entry *entry = &set->ways[i];
		const uint64_t before =
			atomic_load_explicit(&entry->sequence, memory_order_acquire);
		const uint64_t start = word(entry, WORD_START), ipa = word(entry, PAGE_IPA),
			       page_bus = word(entry, PAGE_BUS), reach = BIT(ipa & PAYLOAD_LOW);

		if (((start ^ iova) & ~PAGE_MASK) | (word(entry, WORD_DOMAIN) ^ key.domain) |
		    ((word(entry, WORD_SPACE) ^ key.pasid) & SPACE_PASID) |
		    (word(entry, PAGE_CONTEXTS) ^ contexts))
			continue;
		if ((rights & ~start) | (word(entry, PAGE_UNMAPS) ^ unmaps) | (before & 1))
			return false;
		*bus = page_bus + (iova & PAGE_MASK);
		*len = reach - (iova & (reach - 1));
		return atomic_load_explicit(&entry->sequence, memory_order_relaxed) == before;
	}
	return false;
}

bool tlb_find_page(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		   struct tlb_page *page)
{
	const struct tlb_tag tag = page_tag(key, iova);
	uint64_t words[WORDS];

	if (!find(&tlb->pages[page_set(key, iova)], &tag, words))
		return false;
	page->leaf.ipa = words[PAGE_IPA] & ~PAGE_MASK;
	page->leaf.shift = (unsigned int)bits_get(words[WORD_START], START_SHIFT);
	page->leaf.prot = (unsigned int)bits_get(words[WORD_START], START_PROT1);
	page->leaf.global = words[WORD_START] & START_GLOBAL;
	page->prot = (unsigned int)bits_get(words[WORD_START], START_PROT2);
	page->span = (unsigned int)(words[PAGE_IPA] & PAYLOAD_LOW);
	page->bus = words[PAGE_BUS];
	page->unmaps = words[PAGE_UNMAPS];
	return true;
}

void tlb_store_page(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		    const struct tlb_page *page)
{
	const struct tlb_tag tag = page_tag(key, iova);
	const uint64_t words[WORDS] = {
		[WORD_DOMAIN] = key->domain,
		[WORD_START] = (iova & ~PAGE_MASK) | bits_put(page->leaf.prot, START_PROT1) |
			       bits_put(page->prot, START_PROT2) |
			       (page->leaf.global ? START_GLOBAL : 0) |
			       bits_put(page->leaf.shift, START_SHIFT),
		[WORD_SPACE] = space_of(key),
		[PAGE_IPA] = (page->leaf.ipa & ~PAGE_MASK) | page->span,
		[PAGE_BUS] = page->bus,
		[PAGE_UNMAPS] = page->unmaps,
		/* tlb_forget() increments the generation first: store() finds that. */
		[PAGE_CONTEXTS] = atomic_load(&tlb->contexts_forgotten),
	};

	store(tlb, &tlb->pages[page_set(key, iova)], generation, &tag, words);
}

static struct tlb_tag table_tag(const struct tlb_key *key, uint64_t iova)
{
	return tag_of(key, iova, ~(BIT(TABLE_SHIFT) - 1), UINT64_MAX);
}

static size_t table_set(const struct tlb_key *key, uint64_t iova)
{
	return hash(key->domain, key->pasid, iova >> TABLE_SHIFT) % TABLE_SETS;
}

bool tlb_find_table(const struct tlb *tlb, const struct tlb_key *key, uint64_t iova,
		    struct stage1_table *table)
{
	const struct tlb_tag tag = table_tag(key, iova);
	uint64_t words[WORDS];

	if (!find(&tlb->tables[table_set(key, iova)], &tag, words))
		return false;
	table->ipa = words[WORD_PAYLOAD] & ~PAYLOAD_LOW;
	table->rights = (unsigned int)(words[WORD_PAYLOAD] & PAYLOAD_LOW);
	return true;
}

void tlb_store_table(struct tlb *tlb, uint64_t generation, const struct tlb_key *key, uint64_t iova,
		     const struct stage1_table *table)
{
	const struct tlb_tag tag = table_tag(key, iova);
	const uint64_t words[WORDS] = {
		[WORD_DOMAIN] = key->domain,
		[WORD_START] = tag.words[WORD_START] | bits_put(table->shift, START_SHIFT),
		[WORD_SPACE] = space_of(key),
		[WORD_PAYLOAD] = table->ipa | table->rights,
	};

	store(tlb, &tlb->tables[table_set(key, iova)], generation, &tag, words);
}

static struct tlb_tag context_tag(const struct tlb_key *key)
{
	return tag_of(key, 0, 0, SPACE_PASID);
}

static size_t context_set(const struct tlb_key *key)
{
	return hash(key->domain, key->pasid, 0) % CONTEXT_SETS;
}

bool tlb_find_context(const struct tlb *tlb, const struct tlb_key *key,
		      struct stage1_context *context)
{
	const struct tlb_tag tag = context_tag(key);
	uint64_t words[WORDS];

	if (!find(&tlb->contexts[context_set(key)], &tag, words))
		return false;
	context->asid = (uint32_t)bits_get(words[WORD_SPACE], SPACE_ASID);
	for (unsigned int i = 0; i < STAGE1_CONTEXT_WORDS; i++)
		context->words[i] = words[WORD_PAYLOAD + i];
	return true;
}

void tlb_store_context(struct tlb *tlb, uint64_t generation, const struct tlb_key *key,
		       const struct stage1_context *context)
{
	const struct tlb_tag tag = context_tag(key);
	uint64_t words[WORDS] = {
		[WORD_DOMAIN] = key->domain,
		[WORD_SPACE] = key->pasid | (uint64_t)context->asid << 32,
	};

	for (unsigned int i = 0; i < STAGE1_CONTEXT_WORDS; i++)
		words[WORD_PAYLOAD + i] = context->words[i];
	store(tlb, &tlb->contexts[context_set(key)], generation, &tag, words);
}

/* ---- forgetting ---- */

/* Whether the 2^@shift bytes around @start intersect what is to be forgotten. */
static bool in_range(const struct tlb_match *match, uint64_t start, unsigned int shift)
{
	const uint64_t mask = BIT(shift) - 1;
	const struct iova_range covered = {start & ~mask, start | mask};

	return !match->by_range ||
	       (covered.start <= match->range.last && match->range.start <= covered.last);
}

static bool space_matches(const struct tlb_match *match, const uint64_t *words, bool any_asid)
{
	if (match->by_pasid && bits_get(words[WORD_SPACE], SPACE_PASID) != match->pasid)
		return false;
	return !match->by_asid || any_asid ||
	       bits_get(words[WORD_SPACE], SPACE_ASID) == match->asid;
}

/* Global entries belong to every ASID if matched by address, and to none if by ASID alone. */
static bool page_matches(const struct tlb_match *match, const uint64_t *words)
{
	const bool global = words[WORD_START] & START_GLOBAL;

	if (match->by_asid && global && !match->by_range)
		return false;
	return space_matches(match, words, global) &&
	       in_range(match, words[WORD_START] & ~PAGE_MASK,
			(unsigned int)bits_get(words[WORD_START], START_SHIFT));
}

static bool table_matches(const struct tlb_match *match, const uint64_t *words)
{
	return space_matches(match, words, false) &&
	       in_range(match, words[WORD_START],
			(unsigned int)bits_get(words[WORD_START], START_SHIFT));
}

static bool context_matches(const struct tlb_match *match, const uint64_t *words)
{
	return space_matches(match, words, false);
}

typedef bool (*match_fn)(const struct tlb_match *match, const uint64_t *words);

static void forget_entry(struct tlb_entry *entry, const struct tlb_match *match, uint64_t domain,
			 match_fn matches)
{
	uint64_t words[WORD_PAYLOAD];

	/* Empty and not being written: only a store newer than this invalidation can fill it. */
	if (!(atomic_load(&entry->sequence) & 1) && !word(entry, WORD_DOMAIN))
		return;
	while (!entry_lock(entry))
		sched_yield();
	for (unsigned int i = 0; i < WORD_PAYLOAD; i++)
		words[i] = word(entry, i);
	if (words[WORD_DOMAIN] && (!domain || words[WORD_DOMAIN] == domain) &&
	    matches(match, words))
		atomic_store_explicit(&entry->words[WORD_DOMAIN], 0, memory_order_release);
	entry_unlock(entry);
}

static void forget_in(struct tlb_set *sets, size_t count, const struct tlb_match *match,
		      uint64_t domain, match_fn matches)
{
	for (size_t i = 0; i < count; i++) {
		for (unsigned int way = 0; way < TLB_WAYS; way++)
			forget_entry(&sets[i].ways[way], match, domain, matches);
	}
}

static void reset_in(struct tlb_set *sets, size_t count)
{
	for (size_t i = 0; i < count * TLB_WAYS; i++) {
		struct tlb_entry *entry = &sets[i / TLB_WAYS].ways[i % TLB_WAYS];

		if (!(atomic_load_explicit(&entry->sequence, memory_order_relaxed) & 1))
			continue;
		atomic_store_explicit(&entry->words[WORD_DOMAIN], 0, memory_order_relaxed);
		entry_unlock(entry);
	}
}

void tlb_after_fork(struct tlb *tlb)
{
	reset_in(tlb->pages, PAGE_SETS);
	reset_in(tlb->tables, TABLE_SETS);
	reset_in(tlb->contexts, CONTEXT_SETS);
}

static void forget(struct tlb *tlb, const struct tlb_match *match, uint64_t domain)
{
	if (match->config) {
		atomic_fetch_add(&tlb->contexts_forgotten, 1);
		forget_in(tlb->contexts, CONTEXT_SETS, match, domain, context_matches);
		return;
	}
	forget_in(tlb->pages, PAGE_SETS, match, domain, page_matches);
	if (!match->leaf_only)
		forget_in(tlb->tables, TABLE_SETS, match, domain, table_matches);
}

void tlb_forget(struct tlb *tlb, const struct tlb_match *match, uint64_t domain)
{
	atomic_fetch_add(&tlb->generation, 1);
	forget(tlb, match, domain);
	atomic_fetch_add(&tlb->head.forgotten, 1);
}
