/* SPDX-License-Identifier: MIT */
/*
 * IO page tables in the formats of real hardware, bit by bit.
 *
 * One walker (iopt/walk.h) serves every format; a format's own file only states facts of its
 * entries. Tables live in an arena of the page table (iopt/arena.h). An output address (OA) is
 * whatever the owner says; here it is an address in this process, so that a walk ends in a pointer.
 *
 * Locking: map, unmap and read_dirty on one table are serialised by the owner. Translation, dump
 * and set_dirty take no lock: they run inside a read-side critical section (rcu_read_lock) at any
 * time, also during map and unmap. An entry is seen whole, old or new. Emptied tables are freed
 * after a grace period, which map and unmap wait for now and then (once for many tables): they must
 * not be called from inside a read-side critical section.
 *
 * Cost: map of a range visits each table once and stores each entry once, a whole table at nearly
 * the speed of memset; unmap of a whole table does not look at its entries; translation is
 * O(levels).
 */
#ifndef IOPT_IOPT_H
#define IOPT_IOPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/rcu.h"
#include "iova/range.h"

enum iopt_prot {
	IOPT_READ = 1,
	IOPT_WRITE = 2,
	IOPT_MMIO = 4, /* the memory is a device's: dma-buf, MSI doorbell */
};

struct iopt;

/* A format. The tables below are the only things that other folders name of it. */
struct iopt_format {
	const char
		*name; /* "amdv1", "vtdss", "x86-64", "riscv", "arm-s1", "arm-s2", "amdv1-mock" */
	const struct iopt_ops *ops;
};

extern const struct iopt_format iopt_amdv1;
extern const struct iopt_format iopt_amdv1_mock; /* of [MOCK-HWPT]: 2 KiB granule, 38 bits */
extern const struct iopt_format iopt_vtdss;
extern const struct iopt_format iopt_x86_64;
extern const struct iopt_format iopt_riscv;
extern const struct iopt_format iopt_arm_s1;
extern const struct iopt_format iopt_arm_s2;

/* All formats, NULL at the end: for tests, benchmarks and listings. */
extern const struct iopt_format *const iopt_formats[];

enum iopt_feature {
	IOPT_FORCE_COHERENT = 1, /* set the format's snoop bit in leaves (AMD FC, VT-d SNP) */
	IOPT_DIRTY = 2,		 /* dirty tracking; -EOPNOTSUPP for formats that have none */
	IOPT_SIGN_EXTEND = 4,	 /* x86-64: VT-d first stage: canonical addresses */
	IOPT_NEST_PARENT = 8,	 /* VT-d second stage: refuse read-only mappings with -EINVAL */
	IOPT_NAPOT = 16,	 /* RISC-V Svnapot: 64 KiB pages */
	IOPT_PBMT = 32,		 /* RISC-V Svpbmt: leaves say that memory is a device's */
};

struct iopt_config {
	unsigned int iova_bits; /* width of the input; 0: the format's usual one (amdv1 64, others
				   48 or nearest) */
	unsigned int oa_bits;	/* Arm: width of the output; 0: the format's maximum */
	uint64_t pgsizes; /* leaf sizes to use, as bits, each one that the format has at this width;
			     0: all of them */
	unsigned int features;
};

/* What a walk found. */
struct iopt_leaf {
	uint64_t oa;	   /* of the IOVA asked for */
	uint64_t start;	   /* first IOVA of the leaf entry */
	uint64_t len;	   /* its size, a power of two; contiguous from @start */
	unsigned int prot; /* as far as the format says: IOPT_MMIO for Arm and for RISC-V with PBMT;
			      where reading needs no right, IOPT_READ always */
	bool dirty;	   /* marked by iopt_set_dirty(), or born so (Arm stage 1) */
};

enum {
	IOPT_MAX_LEVELS = 6
};

/* The entries that a walk read, top first. */
struct iopt_trace {
	unsigned int count;
	struct {
		unsigned int level; /* from the bottom, 0 = smallest pages; Arm's own numbering is
				       the dump's business */
		const void *table;
		unsigned int index; /* Arm's first tables side by side count as one table */
		uint64_t entry;
	} steps[IOPT_MAX_LEVELS];
};

/* The functions of one format, made by iopt/walk.h. Call them through the wrappers below, which
 * check the addresses and choose the page sizes (never 0 here). */
struct iopt_ops {
	int (*init)(struct iopt *pt, const struct iopt_config *config);
	int (*map)(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
		   uint64_t pgsizes);
	uint64_t (*unmap)(struct iopt *pt, uint64_t iova, uint64_t len);
	void (*prefetch)(const struct iopt *pt, uint64_t iova);
	bool (*translate)(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf);
	bool (*translate_extent)(const struct iopt *pt, uint64_t iova, uint64_t len,
				 struct iopt_leaf *leaf);
	bool (*set_dirty)(struct iopt *pt, uint64_t iova);
	void (*read_dirty)(struct iopt *pt, struct iova_range range, bool clear,
			   void (*report)(struct iova_range dirty, void *arg), void *arg);
	bool (*trace)(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace);
	void (*dump)(const struct iopt *pt, FILE *out);
};

/* Made by @format with @config (NULL: defaults). 0; -ENOMEM; -EINVAL widths or sizes; -EOPNOTSUPP a
 * feature. */
int iopt_create(const struct iopt_format *format, const struct iopt_config *config,
		struct iopt **pt);

/* Frees everything. Nobody may be walking. */
void iopt_destroy(struct iopt *pt);

const struct iopt_format *iopt_format(const struct iopt *pt);

/* Leaf sizes in use, as bits. */
uint64_t iopt_pgsizes(const struct iopt *pt);

/* What can be mapped. */
struct iova_range iopt_aperture(const struct iopt *pt);

/* The address of the current top table and its level (from the bottom): for device tables, dumps,
 * decoders. */
const void *iopt_root(const struct iopt *pt, unsigned int *level);

/*
 * Maps [@iova, @iova + @len) to [@oa, @oa + @len) with @prot, in leaves of the sizes in
 * iopt_pgsizes() & @pgsizes (0: all), at each step the largest that divides both addresses and
 * fits. All of @iova, @oa, @len are multiples of the smallest such size; the range lies in the
 * aperture. 0; -ENOMEM; -EADDRINUSE if something is mapped there already; -EINVAL, -EOPNOTSUPP the
 * format cannot express @prot; -ERANGE the range or the output is too wide. Unchanged on failure,
 * though walkers may see parts of the range meanwhile.
 */
int iopt_map(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
	     uint64_t pgsizes);

/*
 * Removes all leaves in the range and returns the bytes that they covered; holes are skipped. A
 * leaf that straddles an end of the range is left alone and ends the walk there. Never fails.
 * Walkers may still use what they read before: the owner waits for the DMA in flight (base/gate.h).
 */
uint64_t iopt_unmap(struct iopt *pt, uint64_t iova, uint64_t len);

/*
 * Starts to fetch the entry of @iova, for the owner, who is going to change it but has other things
 * to do first.
 */
void iopt_prefetch(const struct iopt *pt, uint64_t iova);

/* Fills *@leaf for the leaf that holds @iova; false if there is none. */
bool iopt_translate(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf);

/*
 * As iopt_translate(), for one who goes on behind the leaf: @leaf->len counts also the leaves
 * behind it that go on where it ends with the same rights, as far as a look at neighbouring entries
 * shows, until
 * @len bytes from @iova are counted. What follows may still be contiguous.
 */
bool iopt_translate_extent(const struct iopt *pt, uint64_t iova, uint64_t len,
			   struct iopt_leaf *leaf);

/*
 * Marks the leaf that holds @iova dirty as the hardware would (an atomic update of its entry), if
 * the table was made with IOPT_DIRTY and the leaf can be written; false: no leaf. Call it after the
 * write to memory: who then finds the page dirty, finds it written.
 */
bool iopt_set_dirty(struct iopt *pt, uint64_t iova);

/* The entries on the way to @iova, also those of an incomplete walk; true if it ends in a leaf. */
bool iopt_trace(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace);

/*
 * Calls @report for each dirty leaf in @range (clipped to it), ascending, and cleans it if @clear.
 * A leaf that stands in several entries (AMD) is dirty if any of them is. Nothing without
 * IOPT_DIRTY. Visits only tables that exist.
 */
void iopt_read_dirty(struct iopt *pt, struct iova_range range, bool clear,
		     void (*report)(struct iova_range dirty, void *arg), void *arg);

/*
 * Prints every present entry as text, each table's under the entry that points to it. Leaves that
 * follow each other in a table, in IOVA and in memory, are one line. Caller keeps tables from being
 * freed: a read-side critical section, or the owner's lock.
 */
void iopt_dump(const struct iopt *pt, FILE *out);

/* Bytes of the tables that the root leads to. */
size_t iopt_memory(const struct iopt *pt);

#endif
