/* SPDX-License-Identifier: MIT */
/*
 * Stage 1 of nested translation: the interface between the formats (stage1_*.c) and the translation
 * (nested_translate.c).
 *
 * A format finds the tables of a request (its context), walks them, and describes a failure in the
 * terms of its specification. It accesses guest memory only by stage1_read(), stage1_read_context()
 * and stage1_update(), which go through stage 2.
 *
 * Locks: none. All of this runs inside the gate of the parent and in a read-side critical section
 * (assert_inside()), on any number of threads.
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

/* The context of a PASID: where its tables are, in words that only the format interprets. */
struct stage1_context {
	bool bypass; /* no stage 1 for this request */
	uint32_t asid;
	uint64_t words[STAGE1_CONTEXT_WORDS];
};

/* A table of the smallest pages, and the rights that the levels above it leave. */
struct stage1_table {
	uint64_t ipa;
	unsigned int shift;  /* log2 of what it translates, at least 2 MiB */
	unsigned int rights; /* enum iopt_prot */
};

/* The result of a walk of stage 1. */
struct stage1_leaf {
	uint64_t ipa;	    /* output for the IOVA of the request */
	unsigned int shift; /* log2 of the leaf */
	unsigned int
		prot; /* enum iopt_prot, usable without another walk: not IOPT_WRITE if clean */
	bool global;  /* the same for all ASIDs */
};

enum stage1_failure {
	STAGE1_ABORT,	    /* the configuration refuses all requests */
	STAGE1_NEEDS_PASID, /* it refuses requests without a PASID */
	STAGE1_BAD_CONFIG,  /* the STE, DTE or first-stage parameters are invalid */
	STAGE1_BAD_PASID,   /* too large, or it has no context */
	STAGE1_BAD_CONTEXT, /* the descriptor of the PASID is invalid */
	STAGE1_ADDRESS,	    /* the input address is out of range */
	STAGE1_NOT_PRESENT,
	STAGE1_RESERVED,    /* reserved bits of an entry are set */
	STAGE1_OUTPUT,	    /* an entry's address is out of range */
	STAGE1_ACCESS_FLAG, /* is clear, and software manages it */
	STAGE1_DIRTY_FLAG,  /* the same, for a write */
	STAGE1_PRIVILEGED,  /* only privileged requests are permitted */
	STAGE1_READ_ONLY,
	STAGE1_WRITE_ONLY,
	STAGE1_UPDATE, /* accessed and dirty bits could not be set */
	STAGE1_MEMORY, /* the memory of a table or descriptor is gone */
	STAGE2_NOT_MAPPED,
	STAGE2_READ,  /* reads are not permitted */
	STAGE2_WRITE, /* writes are not permitted */
};

struct stage1_error {
	enum stage1_failure failure;
	enum dma_fault_access access;
	uint64_t ipa; /* of the entry, or the input of stage 2 */
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
	uint64_t iova;
	unsigned int need; /* enum iopt_prot */
	struct stage1_context context;
	struct nested_look *look; /* not NULL: change nothing, and record each entry here */

	/* Before walk(): a cached table to begin with; after it: a table to cache. */
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
	 * Finds walk->context. A format whose contexts have ASIDs caches them here, since a cached
	 * page is found by its ASID. 0, or -EFAULT and walk->error.
	 */
	int (*find_context)(struct stage1_walk *walk);
	bool has_asids;

	/*
	 * Walks the tables, sets accessed and dirty bits, and fills in walk->leaf. 0; -EAGAIN: an
	 * entry has changed, walk again; -EFAULT and walk->error.
	 */
	int (*walk)(struct stage1_walk *walk);

	/*
	 * Whether the hardware supports the configuration. NULL: every one that a domain was
	 * created with.
	 */
	bool (*possible)(const struct iommu_domain *domain);

	/* Fills in reason, name and event of @fault; the rest is there already. */
	void (*describe)(const struct stage1_walk *walk, struct dma_fault *fault);
	bool by_pasid; /* iommu_nested_takes_pasids() */

	/* The format of the tables. NULL: there are none, or soft_entries() knows it. */
	const struct iopt_format *entries;
};

extern const struct stage1_ops stage1_abort;
extern const struct stage1_ops stage1_vtd;
extern const struct stage1_ops stage1_smmuv3;
extern const struct stage1_ops stage1_amd;
extern const struct stage1_ops stage1_soft;

/* Sets walk->error.failure; the rest of walk->error stays. Returns -EFAULT. */
int stage1_fail(struct stage1_walk *walk, enum stage1_failure failure);

/*
 * Fills in *@fault from walk->error, in general terms and in those of the format. The caller adds
 * the request, which is not known here.
 */
void stage1_describe(const struct stage1_walk *walk, struct dma_fault *fault);

/*
 * Reads the 64-bit entry of @level at @ipa. Failures from here on are attributed to this entry. 0,
 * or -EFAULT and walk->error.
 */
int stage1_read(struct stage1_walk *walk, uint64_t ipa, unsigned int level, uint64_t *entry);

/* The same for a word of a context descriptor, or of a table that leads to one. */
int stage1_read_context(struct stage1_walk *walk, uint64_t ipa, uint64_t *word);

/*
 * Replaces the entry @old at @ipa by @new atomically; does nothing if they are the same, or if
 * walk->look is set. 0; -EAGAIN: it is not @old any more, walk again; -EFAULT and walk->error.
 */
int stage1_update(struct stage1_walk *walk, uint64_t ipa, uint64_t old, uint64_t new);

/* Records an entry that was read in walk->look (iommu/nested_look.c). */
void stage1_note(struct stage1_walk *walk, bool context, uint64_t ipa, unsigned int level,
		 uint64_t entry);

/* The format of a table of software nesting. */
const struct iopt_format *soft_entries(const struct iommu_domain *domain);

/* Finds walk->context in the IOTLB (false: it is not there); stores it. */
bool stage1_cached_context(struct stage1_walk *walk);
void stage1_cache_context(struct stage1_walk *walk);

/* Whether @iova is sign-extended from its lower @bits. */
static inline bool stage1_canonical(uint64_t iova, unsigned int bits)
{
	const uint64_t top = iova >> (bits - 1);

	return !top || top == UINT64_MAX >> (bits - 1);
}

/* ---- x86-64 tables: VT-d first stage, AMD v2 ---- */

/*
 * ops->walk() from @root, whose table is of level @levels (X86_4_LEVELS, X86_5_LEVELS). Sets the
 * bits @accessed (X86_A, X86_EA) in each entry on the way, and X86_D; 0: sets none.
 */
int x86_walk(struct stage1_walk *walk, uint64_t root, unsigned int levels, uint64_t accessed);

/* How many bits of an address @levels translate. */
unsigned int x86_input_bits(unsigned int levels);

/* Whether @iova is sign-extended from its x86_input_bits(). */
bool x86_canonical(uint64_t iova, unsigned int levels);

/* Describe a failure in the words of VT-d (tables of @levels), of AMD, of the SMMUv3. */
void vtd_describe(const struct stage1_walk *walk, unsigned int levels, struct dma_fault *fault);
void amd_describe(const struct stage1_walk *walk, struct dma_fault *fault);
void smmuv3_describe(const struct stage1_walk *walk, struct dma_fault *fault);

/* ---- AArch64 tables ---- */

struct arm_tables {
	uint64_t root;
	unsigned int granule; /* log2 of the smallest page: 12, 14 or 16 */
	unsigned int input_bits;
	unsigned int output_bits;
	bool hierarchical;	    /* APTable of table descriptors restricts what is below */
	bool access_fault;	    /* a clear access flag is a fault, unless @set_access */
	bool set_access, set_dirty; /* hardware updates them */
};

/* ops->walk() of an IOVA that is within the input range of @tables. */
int arm_walk(struct stage1_walk *walk, const struct arm_tables *tables);

/* Bytes of the first table, to which it is aligned. */
uint64_t arm_root_bytes(const struct arm_tables *tables);

/* ---- other tables of 512 entries of 64 bits ---- */

enum radix_type {
	RADIX_ABSENT,
	RADIX_RESERVED, /* reserved bits are set, or a reserved encoding is used */
	RADIX_TABLE,
	RADIX_LEAF,
};

/* What an entry means. Levels are counted from 0, that of pages. */
struct radix_entry {
	enum radix_type type;
	uint64_t address;    /* of the table, or of the page: bits below @shift do not count */
	unsigned int rights; /* enum iopt_prot; of a table: for all that is below */
	bool privileged;     /* unprivileged requests are not permitted */
	unsigned int below;  /* of a table: its level, lower than the entry's */
	unsigned int shift;  /* of a leaf: log2 of its size */
};

struct radix_format {
	unsigned int lowest; /* the number that the specification gives to the level of pages */
	struct radix_entry (*decode)(uint64_t entry, unsigned int level);
	uint64_t accessed, dirty; /* bits of leaves */
	bool tables_accessed;	  /* entries of tables have the accessed bit as well */
	bool clear_faults; /* where hardware does not set them, requests that need them fail */
};

extern const struct radix_format radix_amdv1;
extern const struct radix_format radix_vtdss;
extern const struct radix_format radix_riscv;

/* log2 of what one entry of @level covers. */
unsigned int radix_shift(unsigned int level);

/* ops->walk() from @root, a table of @levels. @marks: accessed and dirty bits are set. */
int radix_walk(struct stage1_walk *walk, const struct radix_format *format, uint64_t root,
	       unsigned int levels, bool marks);

#endif
