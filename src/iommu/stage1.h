/* SPDX-License-Identifier: MIT */
/*
 * Stage 1 of nested translation: what a format contributes, and what it may use
 * (iommu/nested_domain.c).
 *
 * A format says how a request finds its tables (context), walks them, and names a failure as its
 * specification does. It reaches guest memory only through stage1_read() and stage1_update(), which
 * go through stage 2. All of it runs inside the gate of the parent and in a read-side critical
 * section, on any number of threads.
 */
#ifndef IOMMU_STAGE1_H
#define IOMMU_STAGE1_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu/iommu.h"

struct tlb;
struct nested_look;

enum {
	STAGE1_CONTEXT_WORDS = 4
};

/* Where the tables of a PASID are, in words of the format's own. */
struct stage1_context {
	bool bypass; /* no stage 1 for this request */
	uint32_t asid;
	uint64_t words[STAGE1_CONTEXT_WORDS];
};

/* A lowest table (of 4 KiB pages), and the rights that are left of the levels above. */
struct stage1_table {
	uint64_t ipa;
	unsigned int rights; /* enum iopt_prot */
};

/* Where stage 1 leads. */
struct stage1_leaf {
	uint64_t ipa;	    /* of the IOVA asked for */
	unsigned int shift; /* log2 of the leaf */
	unsigned int
		prot; /* enum iopt_prot: what needs no other walk; clean pages lack IOPT_WRITE */
	bool global;  /* the same for all ASIDs */
};

enum stage1_failure {
	STAGE1_ABORT,	    /* the configuration refuses all requests */
	STAGE1_NEEDS_PASID, /* it refuses those without a PASID */
	STAGE1_BAD_CONFIG,  /* STE, DTE, first-stage parameters */
	STAGE1_BAD_PASID,   /* too large, or nothing there */
	STAGE1_BAD_CONTEXT, /* the descriptor of the PASID is invalid */
	STAGE1_ADDRESS,	    /* the input address is out of range */
	STAGE1_NOT_PRESENT,
	STAGE1_RESERVED,    /* reserved bits of an entry are set */
	STAGE1_OUTPUT,	    /* an entry's address is out of range */
	STAGE1_ACCESS_FLAG, /* is clear, and not for us to set */
	STAGE1_PRIVILEGED,  /* only privileged requests may */
	STAGE1_READ_ONLY,
	STAGE1_UPDATE, /* accessed and dirty bits could not be set */
	STAGE1_MEMORY, /* of a table or descriptor, is gone */
	STAGE2_NOT_MAPPED,
	STAGE2_READ, /* is not permitted */
	STAGE2_WRITE,
};

struct stage1_error {
	enum stage1_failure failure;
	enum dma_fault_access access;
	uint64_t ipa; /* of the entry, or what stage 2 was asked for */
	bool has_entry;
	unsigned int level;
	uint64_t entry;
};

/* A walk in progress. */
struct stage1_walk {
	struct iommu_domain *domain;
	struct tlb *tlb;     /* NULL: nothing is cached */
	uint64_t generation; /* of @tlb, when the walk began */
	uint64_t unmaps;     /* of the parent, when the walk began */
	uint32_t pasid;
	unsigned int need; /* enum iopt_prot */
	uint64_t iova;
	struct stage1_context context;
	struct nested_look *look; /* not NULL: nothing is to change, and each entry is noted here */

	/* Before walk(): a cached one, or rather not; after it: what may be cached. */
	bool has_table;
	struct stage1_table table;

	struct stage1_leaf leaf;   /* result of walk() */
	struct stage1_error error; /* result of a failure */
};

static inline bool stage1_writes(const struct stage1_walk *walk)
{
	return walk->need & IOPT_WRITE;
}

struct stage1_ops {
	/*
	 * Finds walk->context. A format whose contexts have ASIDs caches them, so that a cached
	 * context comes before a cached page. 0, or -EFAULT and walk->error.
	 */
	int (*find_context)(struct stage1_walk *walk);
	bool has_asids;

	/*
	 * Fills walk->leaf, after setting accessed and dirty bits. 0, or -EFAULT and walk->error.
	 */
	int (*walk)(struct stage1_walk *walk);

	/*
	 * Whether the hardware can do what the configuration asks for. NULL: whatever passed
	 * creation.
	 */
	bool (*possible)(const struct iommu_domain *domain);

	/* Fills in reason, name and event of @fault, the rest of which is known. */
	void (*describe)(const struct stage1_walk *walk, struct dma_fault *fault);
	bool by_pasid; /* iommu_nested_takes_pasids() */
};

extern const struct stage1_ops stage1_abort;
extern const struct stage1_ops stage1_vtd;
extern const struct stage1_ops stage1_smmuv3;
extern const struct stage1_ops stage1_amd;

/* Sets walk->error to @failure where the walk is now, and returns -EFAULT. */
int stage1_fail(struct stage1_walk *walk, enum stage1_failure failure);

/*
 * What the walk ran into, in the words of everybody and of its format; but for the request, which
 * is not known here.
 */
void stage1_describe(const struct stage1_walk *walk, struct dma_fault *fault);

/*
 * Reads the 64-bit entry of @level at @ipa. 0, or -EFAULT and walk->error. Later failures are about
 * this entry.
 */
int stage1_read(struct stage1_walk *walk, uint64_t ipa, unsigned int level, uint64_t *entry);

/* The same for a word of a context descriptor or of a table of such. */
int stage1_read_context(struct stage1_walk *walk, uint64_t ipa, uint64_t *word);

/*
 * Replaces the entry @old at @ipa by @new, as one atomic step (but if walk->look says otherwise).
 * 0; -EAGAIN: it is not @old any more, walk again; -EFAULT and walk->error.
 */
int stage1_update(struct stage1_walk *walk, uint64_t ipa, uint64_t old, uint64_t new);

/* Notes an entry that was read, if walk->look wants it (iommu/nested_look.c). */
void stage1_note(struct stage1_walk *walk, bool context, uint64_t ipa, unsigned int level,
		 uint64_t entry);

/* The context of walk->pasid in the cache, and into it. */
bool stage1_cached_context(struct stage1_walk *walk);
void stage1_cache_context(struct stage1_walk *walk);

/* ---- x86-64 tables: VT-d first stage, AMD v2 ---- */

/*
 * ops->walk() from @root, whose table is of level @levels (X86_4_LEVELS, X86_5_LEVELS). Sets the
 * bits @accessed (X86_A, X86_EA) in each entry on the way.
 */
int x86_walk(struct stage1_walk *walk, uint64_t root, unsigned int levels, uint64_t accessed);

/* How many bits of an address @levels translate. */
unsigned int x86_input_bits(unsigned int levels);

/* Whether @iova is sign-extended from its x86_input_bits(). */
bool x86_canonical(uint64_t iova, unsigned int levels);

/* ---- AArch64 tables, 4 KiB granule ---- */

struct arm_tables {
	uint64_t root;
	unsigned int input_bits;
	unsigned int output_bits;
	bool hierarchical; /* table entries restrict */
	bool access_fault; /* a clear access flag is a fault, unless set by us */
	bool set_access, set_dirty;
};

/* ops->walk() of an IOVA that is within the input range of @tables. */
int arm_walk(struct stage1_walk *walk, const struct arm_tables *tables);

#endif
