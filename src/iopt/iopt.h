/* SPDX-License-Identifier: MIT */
/*
 * IO page tables in the formats of real hardware, bit by bit.
 *
 * One walker (iopt/walk.h) serves every format; a format's own files state the facts of its
 * entries. Tables live in an arena that belongs to the page table (iopt/arena.h). The owner chooses
 * what an output address (OA) means; in the emulation it is an address of this process.
 *
 * Locking: the owner serialises map, unmap and read_dirty of one page table. Translation, dump and
 * set_dirty take no lock: they run in a read-side critical section (base/rcu.h), at any time, also
 * during map and unmap. They see each entry either old or new. Emptied tables are retired, and used
 * again by iopt_settle() after a grace period.
 *
 * A reader may keep the address of a table beyond its critical section (iopt_leaf_table()), if it
 * finds out after each load from it that the table had not been retired before. The memory of
 * tables stays readable for ever (iopt/arena.h).
 *
 * Cost: map visits each table of the range once and stores each entry once, whole tables at nearly
 * the speed of memset; an unmap that covers a whole table does not read its entries; translation is
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

/* Where a format's codes begin (iopt/leaf_code.h): one for each of three levels. */
enum iopt_codes {
	IOPT_CODES_AMDV1 = 0,
	IOPT_CODES_VTDSS = 3,
	IOPT_CODES_X86_64 = 6,
	IOPT_CODES_RISCV = 9,
	IOPT_CODES_ARM_S1 = 12,
	IOPT_CODES_ARM_S2 = 15,
	IOPT_CODES_NONE, /* of a format that has none */
};

/* A format: all that other folders know of it. */
struct iopt_format {
	/* "amdv1", "amdv1-mock", "vtdss", "x86-64", "riscv", "arm-s1", "arm-s2" */
	const char *name;
	const struct iopt_ops *ops;
	enum iopt_codes codes;
};

extern const struct iopt_format iopt_amdv1;
extern const struct iopt_format iopt_amdv1_mock; /* 2 KiB granule [FORMAT-AMDV1-MOCK] */
extern const struct iopt_format iopt_vtdss;
extern const struct iopt_format iopt_x86_64;
extern const struct iopt_format iopt_riscv;
extern const struct iopt_format iopt_arm_s1;
extern const struct iopt_format iopt_arm_s2;

/* All formats, NULL at the end: for tests, benchmarks and listings. */
extern const struct iopt_format *const iopt_formats[];

enum iopt_feature {
	IOPT_FORCE_COHERENT = 1, /* set the format's snoop bit in leaves (AMD FC, VT-d SNP) */
	IOPT_DIRTY = 2,		 /* dirty tracking */
	IOPT_SIGN_EXTEND = 4,	 /* x86-64: canonical addresses (VT-d first stage) */
	IOPT_NEST_PARENT = 8,	 /* VT-d second stage: refuse read-only mappings with -EINVAL */
	IOPT_NAPOT = 16,	 /* RISC-V Svnapot: 64 KiB pages */
	IOPT_PBMT = 32,		 /* RISC-V Svpbmt: leaves mark a device's memory */
};

struct iopt_config {
	unsigned int iova_bits; /* width of the input; 0: the usual one (AMD v1 64, others 48) */
	unsigned int oa_bits;	/* Arm: width of the output; 0: the format's maximum */
	/* Leaf sizes to use, as bits; a subset of the format's at this width. 0: all of them. */
	uint64_t pgsizes;
	unsigned int features;
};

/* The result of a translation. */
struct iopt_leaf {
	uint64_t oa;	/* of the IOVA asked for */
	uint64_t start; /* first IOVA of the leaf entry */
	uint64_t len;	/* its size, a power of two; contiguous from @start */
	/*
	 * Rights, as far as the format encodes them: IOPT_MMIO only for Arm, and RISC-V with PBMT;
	 * IOPT_READ always where reading needs no right.
	 */
	unsigned int prot;
	bool dirty; /* marked by iopt_set_dirty(), or created so (Arm stage 1) */
};

enum {
	IOPT_MAX_LEVELS = 6
};

/* The entries that a walk read, top first. */
struct iopt_trace {
	unsigned int count;
	struct {
		unsigned int level; /* 0 has the smallest pages, whatever the format's numbering */
		const void *table;
		unsigned int index; /* tables side by side (Arm stage 2) count as one */
		uint64_t entry;
	} steps[IOPT_MAX_LEVELS];
};

/*
 * The functions of one format, defined by iopt/walk.h. Called through the functions below, which
 * check addresses and choose page sizes (@pgsizes is never 0 here).
 */
struct iopt_ops {
	int (*init)(struct iopt *pt, const struct iopt_config *config);
	int (*map)(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
		   uint64_t pgsizes);
	uint64_t (*unmap)(struct iopt *pt, uint64_t iova, uint64_t len);
	void (*prefetch)(const struct iopt *pt, uint64_t iova);
	bool (*translate)(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf);
	bool (*translate_extent)(const struct iopt *pt, uint64_t iova, uint64_t len,
				 struct iopt_leaf *leaf);
	bool (*decode)(uint64_t entry, unsigned int level, uint64_t iova, struct iopt_leaf *leaf);
	bool (*set_dirty)(struct iopt *pt, uint64_t iova);
	void (*read_dirty)(struct iopt *pt, struct iova_range range, bool clear,
			   void (*report)(struct iova_range dirty, void *arg), void *arg);
	bool (*trace)(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace);
	void (*dump)(const struct iopt *pt, FILE *out);
#ifndef NDEBUG
	void (*check)(const struct iopt *pt);
#endif
};

/*
 * Creates an empty page table of @format with @config (NULL: defaults); its owner destroys it. 0;
 * -ENOMEM; -EINVAL: widths or sizes that the format does not have; -EOPNOTSUPP: a feature.
 */
int iopt_create(const struct iopt_format *format, const struct iopt_config *config,
		struct iopt **pt);

/* Frees the page table. No thread may be walking it. */
void iopt_destroy(struct iopt *pt);

const struct iopt_format *iopt_format(const struct iopt *pt);

/* Leaf sizes in use, as bits. */
uint64_t iopt_pgsizes(const struct iopt *pt);

/* What can be mapped. */
struct iova_range iopt_aperture(const struct iopt *pt);

/* The address of the top table now, and its level (counted from the bottom). */
const void *iopt_root(const struct iopt *pt, unsigned int *level);

/*
 * Maps [@iova, @iova + @len) to [@oa, @oa + @len) with @prot, in leaves of the sizes in
 * iopt_pgsizes() & @pgsizes (0: all), at each step the largest that divides both addresses and
 * fits. @iova, @oa and @len must be multiples of the smallest such size. 0; -ENOMEM; -EADDRINUSE:
 * something is mapped there already; -EINVAL, -EOPNOTSUPP: the format cannot express @prot;
 * -ERANGE: the range leaves the aperture, or the output is too wide. A failure leaves the table as
 * it was, although readers may see parts of the range meanwhile.
 */
int iopt_map(struct iopt *pt, uint64_t iova, uint64_t oa, uint64_t len, unsigned int prot,
	     uint64_t pgsizes);

/*
 * Removes all leaves in the range, skipping holes, and returns the bytes that they covered. Stops
 * at a leaf that reaches out of the range, which stays. Never fails. Readers may still use what
 * they found before: the owner waits for the DMA in flight (base/gate.h).
 */
uint64_t iopt_unmap(struct iopt *pt, uint64_t iova, uint64_t len);

/*
 * How many tables have been retired since the page table was created. A map retires some only if
 * it fails or replaces an empty top.
 */
uint64_t iopt_retired(const struct iopt *pt);

/*
 * After a map or an unmap, when no reader keeps the address of a table that it has retired: makes
 * the memory of a batch of them available again, which waits for a grace period. Context: not in a
 * read-side critical section.
 */
void iopt_settle(struct iopt *pt);

/*
 * Starts to fetch the entry of @iova into the processor's cache. For the owner, which is going to
 * change it soon.
 */
void iopt_prefetch(const struct iopt *pt, uint64_t iova);

/* Finds the leaf that translates @iova: fills in *@leaf. False: there is none. */
bool iopt_translate(const struct iopt *pt, uint64_t iova, struct iopt_leaf *leaf);

/*
 * Like iopt_translate(), for a caller that continues behind the leaf: @leaf->len includes the
 * leaves that follow it in its table, continue it in memory and have the same rights, until it
 * covers @len bytes from @iova. What follows may still be contiguous.
 */
bool iopt_translate_extent(const struct iopt *pt, uint64_t iova, uint64_t len,
			   struct iopt_leaf *leaf);

/*
 * The table with the leaf that translates @iova: the entry for it and the 511 around it, and in
 * *@level its level. NULL: there is no leaf.
 */
const uint64_t *iopt_leaf_table(const struct iopt *pt, uint64_t iova, unsigned int *level);

/*
 * Marks the leaf that translates @iova dirty, as the hardware would (an atomic update of its
 * entry), if the table was created with IOPT_DIRTY and the leaf is writable. False: there is no
 * leaf.
 */
bool iopt_set_dirty(struct iopt *pt, uint64_t iova);

/* Fills in the entries that a walk to @iova reads. True: it ends in a leaf. */
bool iopt_trace(const struct iopt *pt, uint64_t iova, struct iopt_trace *trace);

/*
 * Calls @report for each dirty leaf in @range (clipped to it), ascending, and cleans it if @clear.
 * A leaf with copies (AMD) is dirty if any of them is. Does nothing without IOPT_DIRTY. Visits only
 * tables that exist.
 */
void iopt_read_dirty(struct iopt *pt, struct iova_range range, bool clear,
		     void (*report)(struct iova_range dirty, void *arg), void *arg);

/*
 * Prints every present entry as text, those of a table below the entry that points to it. Leaves
 * that follow one another in a table, in IOVA and in memory are one line. Context: a read-side
 * critical section, or the owner's lock.
 */
void iopt_dump(const struct iopt *pt, FILE *out);

/* Bytes in the tables that are in use. */
size_t iopt_memory(const struct iopt *pt);

/*
 * Asserts the invariants of all tables (iopt/walk.h, iopt/arena.h), with the owner's lock: for
 * tests. Does nothing with NDEBUG.
 *
 * Cost: O(entries).
 */
void iopt_check(const struct iopt *pt);

#endif
