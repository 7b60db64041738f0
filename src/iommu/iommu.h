/* SPDX-License-Identifier: MIT */
/*
 * Emulated IOMMUs: kinds, instances, the domains (page tables) they walk, and the devices behind
 * them.
 *
 * A kind states facts: table format, aperture, reserved ranges, page sizes, capabilities. An
 * instance (struct iommu) is one unit of a kind, with a name. A domain is one page table of an
 * instance. An endpoint is a device as its IOMMU sees it: its DMA enters here, and goes through the
 * domain of its RID or of its PASID.
 *
 * Locking: the owner of a domain (the IOAS) serialises iommu_domain_map() and _unmap() on it. The
 * owner of an endpoint (the group) serialises iommu_endpoint_set_domain() on it. DMA and
 * translation take no lock and run at any time.
 */
#ifndef IOMMU_IOMMU_H
#define IOMMU_IOMMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iopt/iopt.h"
#include "iova/range.h"
#include "mem/guard.h"

struct device_record;
struct sanitizer_finding;
struct stale_finding;
struct user_data;

/* Types of reserved regions [DEVICE.7]. */
enum resv_type {
	RESV_DIRECT,
	RESV_DIRECT_RELAXABLE,
	RESV_RESERVED,
	RESV_MSI,
	RESV_SW_MSI,
};

struct resv_region {
	struct iova_range range;
	enum resv_type type;
};

/* The word for @type in sysfs' reserved_regions: "direct", "msi", ... */
const char *iommu_resv_word(enum resv_type type);

struct iommu_kind;
struct iommu;
struct iommu_domain;
struct iommu_endpoint;

/* The kind with the name or alias @name ("amd", ...), or NULL. */
const struct iommu_kind *iommu_kind_find(const char *name);

/* Enumerates kinds: index 0, 1, ... until NULL. */
const struct iommu_kind *iommu_kind_at(size_t index);
const char *iommu_kind_name(const struct iommu_kind *kind);

/* Its alias, or NULL. */
const char *iommu_kind_alias(const struct iommu_kind *kind);

/* One line of text: format, width, windows. */
const char *iommu_kind_summary(const struct iommu_kind *kind);

/*
 * Creates an instance with the name @name (copied), e.g. "amd0". The caller owns the first
 * reference. 0 or -ENOMEM.
 */
int iommu_create(const struct iommu_kind *kind, const char *name, struct iommu **iommu);
struct iommu *iommu_get(struct iommu *iommu);
void iommu_put(struct iommu *iommu);
const char *iommu_name(const struct iommu *iommu);
const struct iommu_kind *iommu_kind_of(const struct iommu *iommu);

/* How a guest's own tables come under a nesting parent of the hardware. */
enum iommu_nesting {
	IOMMU_NESTS_NOT,
	IOMMU_NESTS_TABLES,   /* it is given a page table */
	IOMMU_NESTS_CONTEXTS, /* it is given a table of contexts, which has one for each PASID */
};

enum iommu_nesting iommu_nesting_of(const struct iommu *iommu);

/* Whether attachments of PASIDs are possible behind @iommu. */
bool iommu_has_pasids(const struct iommu *iommu);

/* ---- domains ---- */

/*
 * What a domain is for. Which kinds accept which combination: [HWPT-ALLOC].
 */
enum domain_flags {
	DOMAIN_NEST_PARENT = 1,
	DOMAIN_DIRTY = 2,
	DOMAIN_PASID = 4,
};

/*
 * Creates a domain of @iommu for @flags and the user's @data (NULL: none). The caller owns it, and
 * destroys it when no endpoint goes through it any more. 0; -ENOMEM; -EOPNOTSUPP: the kind has no
 * such table, or takes no such data; -EINVAL, -EFAULT: because of the data.
 */
int iommu_domain_create(struct iommu *iommu, unsigned int flags, const struct user_data *data,
			struct iommu_domain **domain);
void iommu_domain_destroy(struct iommu_domain *domain);

struct iommu *iommu_domain_iommu(const struct iommu_domain *domain);
unsigned int iommu_domain_flags(const struct iommu_domain *domain);
struct iopt *iommu_domain_table(const struct iommu_domain *domain);
struct iova_range iommu_domain_aperture(const struct iommu_domain *domain);

/* Gaps in the aperture that the hardware does not translate: an array of *@count. */
const struct iova_range *iommu_domain_gaps(const struct iommu_domain *domain, size_t *count);

/* What the tables of an IOMMU translate: as the functions above and below tell it of a domain. */
struct domain_reach {
	struct iova_range aperture;
	const struct iova_range *gaps;
	size_t gap_count;
	uint64_t pgsizes;
};

/*
 * That of a domain without flags and data, which is what an attachment creates. Until there was
 * one, this creates and destroys one. 0, or the errors of iommu_domain_create().
 */
int iommu_reach(struct iommu *iommu, struct domain_reach *reach);

/* Whether DMA writes mark leaves dirty. */
void iommu_domain_set_dirty_tracking(struct iommu_domain *domain, bool on);
bool iommu_domain_dirty_tracking(const struct iommu_domain *domain);

/*
 * Whether a leaf must stay within one page of memory, small or huge. The pages of a buffer are
 * rarely contiguous in a real machine, although their addresses are in a process.
 */
bool iommu_domain_scattered(const struct iommu_domain *domain);

/* Whether DMA is coherent even if the device requests no-snoop. */
bool iommu_domain_enforces_coherency(const struct iommu_domain *domain);

/* Leaf sizes, as bits. The lowest is the alignment that the domain needs of its IOAS. */
uint64_t iommu_domain_pgsizes(const struct iommu_domain *domain);

/*
 * Like iopt_map(). @pgsizes limits the sizes of leaves (0: all of the domain's). -EINVAL also:
 * @prot has neither IOPT_READ nor IOPT_WRITE.
 */
int iommu_domain_map(struct iommu_domain *domain, uint64_t iova, uint64_t bus, uint64_t len,
		     unsigned int prot, uint64_t pgsizes);

/*
 * Removes the range from the table, and returns the bytes removed. DMA in flight may still use it:
 * call iommu_domain_quiesce() before the memory is unpinned.
 */
uint64_t iommu_domain_unmap(struct iommu_domain *domain, uint64_t iova, uint64_t len);

/* Like iopt_prefetch(). */
void iommu_domain_prefetch(const struct iommu_domain *domain, uint64_t iova);

/* Returns when all DMA through @domain that began before the call has ended. */
void iommu_domain_quiesce(struct iommu_domain *domain);

/* ---- endpoints ---- */

/*
 * Creates a device behind @iommu (takes a reference), with the name @name (copied; a BDF) for
 * reports. The caller owns it. 0 or -ENOMEM.
 */
int iommu_endpoint_create(struct iommu *iommu, const char *name, struct iommu_endpoint **endpoint);
void iommu_endpoint_destroy(struct iommu_endpoint *endpoint);
struct iommu *iommu_endpoint_iommu(const struct iommu_endpoint *endpoint);
const char *iommu_endpoint_name(const struct iommu_endpoint *endpoint);

/* What the program did last with the device; NULL: it is not recorded. */
struct device_record *iommu_endpoint_record(const struct iommu_endpoint *endpoint);

/* Its number for count_device() (report/counts.h); 0: it is not counted. */
unsigned int iommu_endpoint_counted(const struct iommu_endpoint *endpoint);

/* The regions of IOVA that are reserved for the device: an array of *@count, ascending. */
const struct resv_region *iommu_endpoint_reserved(const struct iommu_endpoint *endpoint,
						  size_t *count);

/* enum iommufd_hw_capabilities of the device and its IOMMU. */
uint64_t iommu_endpoint_capabilities(const struct iommu_endpoint *endpoint);

/* How many PASIDs the device can use, counted from PASID 0. 0: none. */
uint32_t iommu_endpoint_max_pasids(const struct iommu_endpoint *endpoint);

/*
 * Limits the device to less than its kind of IOMMU supports; attaches @driver for the operations of
 * the kind (kind->attach). Before it is bound.
 */
void iommu_endpoint_limit(struct iommu_endpoint *endpoint, uint64_t capabilities,
			  uint32_t max_pasids);
void iommu_endpoint_set_driver(struct iommu_endpoint *endpoint, void *driver);
void *iommu_endpoint_driver(const struct iommu_endpoint *endpoint);

enum {
	HW_INFO_MAX = 64
};

/*
 * The hardware's description of itself: *@type, and *@len bytes in @info (HW_INFO_MAX). @wanted is
 * a type, or 0 for the default. 0, or -EOPNOTSUPP: the hardware has another type. For hardware
 * without a description, type and length are 0.
 */
int iommu_endpoint_hw_info(const struct iommu_endpoint *endpoint, uint32_t wanted, uint32_t *type,
			   void *info, size_t *len);

/*
 * Whether @endpoint can be attached to @domain: both are of one kind, of SMMUv3 also of one SMMU,
 * and the hardware supports what stage 1 and dirty tracking need.
 */
bool iommu_domain_accepts(const struct iommu_domain *domain, const struct iommu_endpoint *endpoint);

/* Stands for the RID: requests without a PASID. */
enum {
	NO_PASID = 0
};

/*
 * Makes DMA of @endpoint with @pasid go through @domain (NULL: fail). When it returns, no DMA
 * through the former domain is in flight. 0; -ENOMEM: only for a PASID other than 0, or a nested
 * domain; or an error of the kind's attach operation. Never fails for NULL.
 */
int iommu_endpoint_set_domain(struct iommu_endpoint *endpoint, uint32_t pasid,
			      struct iommu_domain *domain);
struct iommu_domain *iommu_endpoint_domain(const struct iommu_endpoint *endpoint, uint32_t pasid);

/*
 * The domain whose table leads a request of @endpoint with @pasid to memory, or NULL; that of the
 * parent, behind a nested domain. Only its address is of use: it may be gone already.
 */
const struct iommu_domain *iommu_endpoint_memory(const struct iommu_endpoint *endpoint,
						 uint32_t pasid);

enum dma_dir {
	DMA_READ, /* the device reads memory */
	DMA_WRITE,
};

/* Why DMA failed. */
enum dma_fault_cause {
	DMA_FAULT_NO_DOMAIN, /* not attached */
	DMA_FAULT_NOT_MAPPED,
	DMA_FAULT_PERMISSION,
	DMA_FAULT_TABLES,     /* stage 1 is malformed, or refuses all such requests */
	DMA_FAULT_MEMORY,     /* mapped, but the memory of the page or of a stage-1 table is gone */
	DMA_FAULT_MASTER_OFF, /* bus mastering is off: the request never left the device */

	/* Not faults: the DMA was done, with memory that the program's sanitizer objects to. */
	DMA_FAULT_POISONED,
	DMA_FAULT_UNINITIALISED,

	/* Nor this: the DMA went through a translation that the guest's tables do not give. */
	DMA_FAULT_STALE,
};

/* What nested translation was accessing. */
enum dma_fault_access {
	DMA_FAULT_AT_CONTEXT, /* context descriptor, GCR3 table */
	DMA_FAULT_AT_TABLE,   /* entry of a stage-1 page table */
	DMA_FAULT_AT_PAGE,    /* the page that stage 1 leads to */
};

struct dma_fault {
	enum dma_fault_cause cause;
	enum dma_dir dir;
	uint32_t pasid;
	uint64_t iova;	       /* the first one that failed */
	uint64_t request_iova; /* of the whole request */
	uint64_t request_len;
	uint64_t unmaps; /* history_unmaps() when the request began; 0 if that is not recorded */
	const struct sanitizer_finding *finding; /* DMA_FAULT_POISONED, _UNINITIALISED */
	const struct stale_finding *stale;	 /* DMA_FAULT_STALE */
	const char *silent; /* DMA_FAULT_MEMORY: NULL, or which register did not answer, and why */

	/* Nested translation. stage 0: the fault is not from there, and the rest is 0. */
	unsigned int stage; /* 1, 2 */
	enum dma_fault_access access;
	uint32_t reason;    /* the specification's number: VT-d fault reason, SMMUv3 or AMD event */
	const char *name;   /* and its name, "SFS.2", "F_TRANSLATION" */
	const char *text;   /* the reason in words */
	uint64_t ipa;	    /* stage 2: its input; stage 1: the address of the entry */
	bool has_entry;	    /* a stage-1 entry was read: */
	unsigned int level; /* in the format's numbering: Arm 0..3 from the top, x86 5..1 */
	uint64_t entry;

	/*
	 * SMMUv3: the event record, without the stream ID; all 0 if the context descriptor asks for
	 * no record. AMD: the entry of the event log in words 0 and 1, without device and domain
	 * ID. VT-d: 0.
	 */
	uint64_t event[4];
};

enum dma_fault_action {
	DMA_FAULT_FAIL,
	DMA_FAULT_RETRY, /* a page request was answered with success: translate again */
};

/*
 * Called for each fault; decides whether the DMA fails or is tried again, and may wait. NULL: the
 * fault is reported and the DMA fails. A DMA that makes no progress is retried a few times at most.
 *
 * Context: on the thread that does the DMA, outside the gate.
 *
 * Setting a handler waits for calls of the former one. Context: not from a handler, nor with a lock
 * that a handler may take.
 */
typedef enum dma_fault_action (*dma_fault_handler)(struct iommu_endpoint *endpoint,
						   const struct dma_fault *fault, void *arg);
void iommu_endpoint_set_fault_handler(struct iommu_endpoint *endpoint, dma_fault_handler handler,
				      void *arg);

/* In the child of a fork: forgets the DMA that other threads had in progress. */
void iommu_after_fork(void);

/*
 * Reports @fault: calls what iommu_set_fault_reporter() has set, or logs it as one line.
 *
 * Context: outside the gate, with no lock that the reporter may take.
 */
void iommu_fault_report(struct iommu_endpoint *endpoint, const struct dma_fault *fault);

/* Why it failed, in words, without where. */
const char *iommu_fault_cause(const struct dma_fault *fault);

/* The line, as text: at most @size bytes. */
void iommu_fault_text(const struct iommu_endpoint *endpoint, const struct dma_fault *fault,
		      char *text, size_t size);

/* Context: before any DMA. NULL: none. */
typedef void (*dma_fault_reporter)(struct iommu_endpoint *endpoint, const struct dma_fault *fault);
void iommu_set_fault_reporter(dma_fault_reporter reporter);

/*
 * Called after each DMA that has succeeded, while the program's calls are recorded. NULL: none.
 * Context: before any DMA; it is called outside the gate, with no lock held.
 */
typedef void (*dma_observer)(struct iommu_endpoint *endpoint, uint32_t pasid,
			     struct iova_range range, enum dma_dir dir);
void iommu_set_dma_observer(dma_observer observer);

/*
 * DMA: copies @len bytes between @buf and @iova of @endpoint. 0, or -EFAULT: the fault has been
 * reported, and the bytes before the failing page have been transferred.
 *
 * Context: any thread; takes no lock; a fault handler may wait.
 */
int iommu_dma(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, void *buf, size_t len,
	      enum dma_dir dir);

/*
 * DMA from one IOVA to another of the same endpoint, without a buffer in between. Ranges that
 * overlap are copied correctly only within one page. 0, or -EFAULT and in *@failed (may be NULL)
 * the direction of the access that failed. Otherwise like iommu_dma().
 */
int iommu_dma_copy(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t dst, uint64_t src,
		   size_t len, enum dma_dir *failed);

/* An atomic operation on a word (mem/guard.h). */
struct dma_atomic {
	enum guard_op op;
	uint64_t operand;
	uint64_t compare;
	uint64_t old; /* result: the word before */
};

/*
 * AtomicOp: does @atomic to the word of @len 4 or 8 bytes at @iova, aligned to that, as one
 * step for all threads of the program. Needs the rights to read and to write. 0, or -EFAULT,
 * reported: nothing has changed. Otherwise like iommu_dma().
 */
int iommu_dma_atomic(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova, size_t len,
		     struct dma_atomic *atomic);

/*
 * Translates one IOVA to *@bus, with *@len (may be NULL) contiguous bytes from there. Faults are
 * not reported and memory is not accessed, except that nested translation walks stage 1 like DMA
 * that needs the rights @prot, and sets accessed and dirty bits. The caller keeps the memory mapped
 * while it uses *@bus. 0; -ENOENT; -EPERM: a right of @prot is missing.
 */
int iommu_translate(struct iommu_endpoint *endpoint, uint32_t pasid, uint64_t iova,
		    unsigned int prot, void **bus, uint64_t *len);

#endif
